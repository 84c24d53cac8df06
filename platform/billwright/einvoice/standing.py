"""Drafts with what decides about their e-invoices, and whether the last check still holds. One statement for any number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.einvoice.bundled import CEN_VERSION
from billwright.einvoice.tables import EinvoiceCheckRow
from billwright.einvoice.wanted import Question, Wanted, wanted
from billwright.extension.einvoicing import CustomerEinvoice, SellerEinvoice
from billwright.kernel.canonical_json import sha256_hex
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

S = TypeVar("S")
FAILED_FOR: Final = timedelta(minutes=1)
_NOTHING_BUYER: Final = CustomerEinvoice()
_NOTHING_SELLER: Final = SellerEinvoice()
_CUSTOMER: Final = (
    CustomerRow.name, CustomerRow.legal_name, CustomerRow.tax_id, CustomerRow.address, CustomerRow.billing_email,
    CustomerRow.contacts, CustomerRow.language, CustomerRow.einvoice,
)  # fmt: skip
_PARTS: Final = tuple(column.key for column in _CUSTOMER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One draft. ``basis`` is the hash of all that its e-invoice would be made of; ``check`` the last check, of whatever."""

    invoice_id: UUID
    wanted: Wanted
    basis: str
    check: AnyRow | None
    now: datetime

    @property
    def is_checked(self) -> bool:
        """Whether the last check was of this e-invoice, or none is needed. One that failed counts for a minute only."""
        if self.wanted.profile is None:
            return True
        if self.check is None or self.check.basis_sha256 != self.basis:
            return False
        return not self.check.failed or self.check.checked_at > self.now - FAILED_FOR


def standings(tx: Tx, invoice_ids: Sequence[UUID]) -> list[Standing]:
    """Drafts among ``invoice_ids``, as they are now."""
    check = EinvoiceCheckRow
    query = (
        select(
            InvoiceRow.id,
            InvoiceRow.content_sha256,
            InvoiceRow.document_type,
            InvoiceRow.currency,
            *_CUSTOMER,
            LegalEntityRow.country,
            LegalEntityRow.name.label("entity_name"),
            LegalEntityRow.profile,
            LegalEntityRow.time_zone,
            check.basis_sha256,
            check.failed,
            check.findings,
            check.checked_at,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(check, check.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.id.in_(invoice_ids), InvoiceRow.issued_at.is_(None))
    )
    return [_standing(tx, row) for row in tx.session.execute(query)]


def _standing(tx: Tx, row: AnyRow) -> Standing:
    answer = wanted(
        Question(
            seller_country=(row.profile.get("address") or {}).get("country") or row.country,
            buyer_country=row.address.get("country") or "",
            buyer_tax_id=row.tax_id,
            currency=row.currency,
            on=tx.now.astimezone(ZoneInfo(row.time_zone)).date(),
            buyer=_said(row.einvoice, CustomerEinvoice, _NOTHING_BUYER),
            seller=_said(row.profile.get("einvoice"), SellerEinvoice, _NOTHING_SELLER),
        )
    )
    basis = "" if answer.profile is None else _basis(row, answer.profile.format)
    check = row if row.basis_sha256 is not None else None
    return Standing(invoice_id=row.id, wanted=answer, basis=basis, check=check, now=tx.now)


def _said(stored: dict[str, Any] | None, kind: type[S], nothing: S) -> S:
    return nothing if stored is None else msgspec.convert(stored, kind, strict=False)


def _basis(row: AnyRow, format: str) -> str:  # noqa: A002 - the word that the room uses
    parts = [getattr(row, name) for name in _PARTS]
    return sha256_hex([CEN_VERSION, format, row.content_sha256, row.document_type, parts, row.entity_name, row.profile])
