"""Use case of a job: make the PDF of an issued invoice once, store it, say so."""

import io
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pikepdf
from sqlalchemy import insert, select

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.documents.after_issue import close_exceptions, open_exception, set_detail, tell
from billwright.documents.events import InvoiceRendered
from billwright.documents.page import invoice_page
from billwright.documents.queries import INVOICE_PDF, FrozenInvoice, find_document, frozen_invoice, read_brand
from billwright.documents.render import Renderer
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

PDF: Final = "application/pdf"
REFUSED: Final = "document_refused"


@dataclass(frozen=True, slots=True)
class Printer:
    """What making documents needs, wired once per process."""

    database: Database
    store: FileStore
    renderer: Renderer


def render_invoice(printer: Printer, tenant: Tenant, invoice_id: UUID, *, trace_id: str | None = None) -> None:
    """Render and store; an invoice that has its document keeps it, whatever brand or template say by now.

    Raises:
        NotFoundError: no such issued invoice.
        InputInvalidError: the partner's own template is wrong; it stands on the desk as well.
        TransientError: the disk is full.
    """
    with transaction(printer.database, tenant, SYSTEM, trace_id=trace_id, read_only=True) as tx:
        if find_document(tx, invoice_id) is not None:
            return
        invoice = frozen_invoice(tx, invoice_id)
        template = read_configuration(tx).documents.template_html
    brand = read_brand(printer.database, tenant)
    try:
        pdf = _pdf(printer, tenant, invoice, brand, template)
    except InputInvalidError as error:
        with transaction(printer.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            _refuse(tx, invoice, str(error))
        raise
    sha256 = printer.store.put(tenant.id, pdf)
    with transaction(printer.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        _keep(tx, invoice, sha256, pdf)


def _pdf(printer: Printer, tenant: Tenant, invoice: FrozenInvoice, brand: Brand, template: str | None) -> bytes:
    logo = brand.logo_sha256
    return printer.renderer.render_invoice(
        invoice_page(invoice.content, number=invoice.number, brand=brand),
        template_set=invoice.content.template_set,
        template_override=template,
        assets={logo: printer.store.read(tenant.id, logo)} if logo else None,
    )


def _keep(tx: Tx, invoice: FrozenInvoice, sha256: str, pdf: bytes) -> None:
    """One row, whoever was first: the invoice is locked, so that two renderings queue here."""
    tx.session.execute(select(InvoiceRow.id).where(InvoiceRow.id == invoice.id).with_for_update())
    if find_document(tx, invoice.id) is not None:
        return
    document_id = new_id()
    row = {
        "id": document_id,
        "subject_id": invoice.id,
        "kind": INVOICE_PDF,
        "name": f"{_file_name(invoice.number)}.pdf",
        "media_type": PDF,
        "sha256": sha256,
        "size_bytes": len(pdf),
        "content_sha256": invoice.content_sha256,
        "pages": page_count(pdf),
        "made_at": tx.now,
    }
    tx.session.execute(insert(DocumentRow), [row])
    facts = {name: row[name] for name in ("name", "sha256", "size_bytes", "pages", "content_sha256")}
    record(tx, "document.made", "invoice", invoice.id, after=facts)
    tell(tx, invoice.id, "document.made", f"The document {row['name']} was made.", pages=row["pages"], sha256=sha256)
    set_detail(tx, invoice.id, "document_ready")
    close_exceptions(tx, invoice.id, REFUSED, how="The document could be made.")
    publish(tx, InvoiceRendered(invoice_id=invoice.id, document_id=document_id))


def _refuse(tx: Tx, invoice: FrozenInvoice, reason: str) -> None:
    set_detail(tx, invoice.id, "document_failed")
    tell(tx, invoice.id, "document.failed", f"The document could not be made: {reason}")
    open_exception(
        tx,
        subject_kind="invoice",
        subject_id=invoice.id,
        code=REFUSED,
        title="Document cannot be made",
        reason=reason,
        remedy="Mend the template or the logo in the document settings, then retry the job.",
        owner_role="tenant_administrator",
        invoice_id=invoice.id,
    )


def page_count(pdf: bytes) -> int:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return len(document.pages)


def _file_name(number: str) -> str:
    """A number as a file name on any system: series patterns may hold slashes."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in number).strip(".") or "invoice"
