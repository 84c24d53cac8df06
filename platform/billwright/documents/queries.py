"""Reads of documents: the frozen invoice, the brand, stored files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.billing.tables import InvoiceRow
from billwright.documents.errors import DocumentNotReadyError
from billwright.documents.tables import DocumentRow
from billwright.issuing.content import InvoiceContent
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, Tx, control_transaction

INVOICE_PDF: Final = "invoice_pdf"
# What a firm takes over from its partner when it sets nothing: the looks. Name, logo, footers and addresses say who the
# firm is; a partner's there would be a false statement on somebody else's invoice.
_INHERITED: Final = ("primary", "accent", "ink", "font", "radius_px")


@dataclass(frozen=True, slots=True)
class FrozenInvoice:
    """An issued invoice: its number and what was frozen with it."""

    id: UUID
    number: str
    customer_id: UUID
    legal_entity_id: UUID
    phase: str
    content: InvoiceContent
    content_sha256: str


def frozen_invoice(tx: Tx, invoice_id: UUID) -> FrozenInvoice:
    """The issued invoice.

    Raises:
        NotFoundError: there is none, or it is not issued.
    """
    query = (
        select(
            InvoiceRow.id,
            InvoiceRow.number,
            InvoiceRow.customer_id,
            InvoiceRow.legal_entity_id,
            InvoiceRow.phase,
            SnapshotRow.content,
            SnapshotRow.sha256,
        )
        .join(SnapshotRow, SnapshotRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.id == invoice_id, InvoiceRow.number.is_not(None))
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no issued invoice {show('inv', invoice_id)} here.")
    content = msgspec.convert(row.content, InvoiceContent, strict=False)
    return FrozenInvoice(row.id, row.number, row.customer_id, row.legal_entity_id, row.phase, content, row.sha256)


def find_document(tx: Tx, subject_id: UUID, kind: str = INVOICE_PDF) -> DocumentRow | None:
    """The stored document of ``subject_id``, the first one made: it stays the document."""
    query = (
        select(DocumentRow)
        .where(DocumentRow.subject_id == subject_id, DocumentRow.kind == kind)
        .order_by(DocumentRow.id)
        .limit(1)
    )
    return tx.session.scalars(query).one_or_none()


def get_document(tx: Tx, invoice_id: UUID) -> DocumentRow:
    """The PDF of an invoice.

    Raises:
        NotFoundError: there is no such invoice.
        DocumentNotReadyError: it is a draft, or its PDF is still to be made.
    """
    document = find_document(tx, invoice_id)
    if document is not None:
        return document
    row = tx.session.execute(select(InvoiceRow.number).where(InvoiceRow.id == invoice_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no invoice {show('inv', invoice_id)} here.")
    if row.number is None:
        raise DocumentNotReadyError("This is a draft; it gets its document when it is issued.")
    raise DocumentNotReadyError(f"The document of {row.number} is being made; ask again in a few seconds.")


def brand_of(tenant: Tenant, partner_brand: Mapping[str, Any], tenant_brand: Mapping[str, Any]) -> Brand:
    """The firm's own brand; looks that it does not set are its partner's."""
    looks = {name: partner_brand[name] for name in _INHERITED if name in partner_brand}
    return msgspec.convert({"name": tenant.name, "slug": tenant.slug, **looks, **tenant_brand}, Brand, strict=False)


def read_brand(database: Database, tenant: Tenant) -> Brand:
    """The brand of ``tenant`` as it is now."""
    query = (
        select(PartnerRow.brand.label("partner_brand"), TenantRow.brand)
        .join(TenantRow, TenantRow.partner_id == PartnerRow.id)
        .where(TenantRow.id == tenant.id)
    )
    with control_transaction(database, SYSTEM) as tx:
        row = tx.session.execute(query).one()
    return brand_of(tenant, row.partner_brand, row.brand)
