"""Use case of a job: make the PDF of an issued invoice once, store it, say so."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.documents.after_issue import close_exceptions, open_exception, set_detail, tell
from billwright.documents.einvoice_of import EINVOICE, EMBEDDED, INVALID, XML, StoredFile, einvoice_of
from billwright.documents.errors import DocumentStoppedError
from billwright.documents.events import InvoiceRendered
from billwright.documents.page import invoice_page
from billwright.documents.queries import INVOICE_PDF, FrozenInvoice, find_document, frozen_invoice, read_brand
from billwright.documents.render import Renderer
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.extension.connectors import TransientError
from billwright.issuing.einvoices import EinvoiceMaker, MadeEinvoice
from billwright.jobs.breaker import Breaker
from billwright.jobs.enqueue import publish
from billwright.jobs.tables import BreakerRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from billwright_templates.versions import template_version

PDF: Final = "application/pdf"
REFUSED: Final = "document_refused"
STOPPED: Final = "document_stopped"
RENDER: Final = "documents.render"
TEMPLATE: Final = "template:invoice"
"""The breaker of a tenant's own template: one that runs into its limits again and again costs them a few times only."""


@dataclass(frozen=True, slots=True)
class Printer:
    """What making documents needs, wired once per process."""

    database: Database
    store: FileStore
    renderer: Renderer
    einvoices: EinvoiceMaker | None = None
    """Who writes e-invoices; without one there are none."""


def render_invoice(
    printer: Printer, tenant: Tenant, invoice_id: UUID, *, trace_id: str | None = None, again: bool = False
) -> None:
    """Render and store; an invoice that has its document keeps it, whatever brand or template say by now.

    ``again``: a process that ended by itself does not condemn the document yet, for it may have been ended from outside.

    Raises:
        NotFoundError: no such issued invoice.
        InputInvalidError: the tenant's own template is wrong; it stands on the desk as well.
        DocumentStoppedError: it ran over a limit; it stands on the desk as well.
        EinvoiceInvalidError: its e-invoice breaks the rules; it stands on the desk as well.
        LaterError: the tenant's own template ran over its limits several times; its other documents wait.
        RenderersBusyError: no process was free.
        TransientError: the disk is full, or the process was ended and may be tried ``again``.
    """
    with transaction(printer.database, tenant, SYSTEM, trace_id=trace_id, read_only=True) as tx:
        if find_document(tx, invoice_id) is not None:
            return
        invoice = frozen_invoice(tx, invoice_id)
        template = read_configuration(tx).documents.template_html
        troubled = tx.session.get(BreakerRow, TEMPLATE)
    version = template_version(invoice.content.template_set, template)
    if troubled is not None and troubled.reason and (template is None or version not in troubled.reason):
        _breaker(printer, tenant).renew()  # that was another template
    brand = read_brand(printer.database, tenant)
    einvoice = einvoice_of(printer.database, printer.einvoices, tenant, invoice, trace_id=trace_id)
    try:
        pdf = _guarded(printer, tenant, invoice, brand, template)
    except (InputInvalidError, DocumentStoppedError) as error:
        if again and isinstance(error, DocumentStoppedError) and error.limit == "crash":
            raise TransientError(f"{error} It is tried again.") from error
        with transaction(printer.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            _refuse(tx, invoice, error)
        raise
    files = _put(printer, tenant, invoice, pdf, einvoice)
    with transaction(printer.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        _keep(tx, invoice, files)


def _put(
    printer: Printer, tenant: Tenant, invoice: FrozenInvoice, pdf: bytes, einvoice: MadeEinvoice | None
) -> list[StoredFile]:
    """On disk: the PDF, with the e-invoice in it where the format says so, and the e-invoice."""
    files = []
    name = _file_name(invoice.number)
    if einvoice is not None:
        if einvoice.hybrid:
            # Loaded here: it is some megabytes, and most processes know this module without ever making a document.
            from billwright.documents.hybrid import embed_einvoice  # noqa: PLC0415 - see above

            pdf = embed_einvoice(pdf, einvoice.xml, issued_on=invoice.content.issued_on)
        sha256 = printer.store.put(tenant.id, einvoice.xml)
        kind = EMBEDDED if einvoice.hybrid else EINVOICE
        size = len(einvoice.xml)
        files.append(StoredFile(kind=kind, name=f"{name}.xml", media_type=XML, sha256=sha256, size_bytes=size, pages=0))
    sha256 = printer.store.put(tenant.id, pdf)
    pages = page_count(pdf)
    document = StoredFile(
        kind=INVOICE_PDF, name=f"{name}.pdf", media_type=PDF, sha256=sha256, size_bytes=len(pdf), pages=pages
    )
    return [document, *files]


def _guarded(printer: Printer, tenant: Tenant, invoice: FrozenInvoice, brand: Brand, template: str | None) -> bytes:
    """A tenant's own template passes its breaker."""
    if template is None:
        return _pdf(printer, tenant, invoice, brand, None)
    breaker = _breaker(printer, tenant)
    breaker.enter()
    try:
        pdf = _pdf(printer, tenant, invoice, brand, template)
    except DocumentStoppedError as error:
        breaker.failed(error, again=False)
        raise
    except InputInvalidError:
        breaker.answered()
        raise
    breaker.answered()
    return pdf


def _breaker(printer: Printer, tenant: Tenant) -> Breaker:
    return Breaker(printer.database, tenant, TEMPLATE, {RENDER: lambda _job: TEMPLATE})


def _pdf(printer: Printer, tenant: Tenant, invoice: FrozenInvoice, brand: Brand, template: str | None) -> bytes:
    logo = brand.logo_sha256
    return printer.renderer.render_invoice(
        invoice_page(invoice.content, number=invoice.number, brand=brand),
        template_set=invoice.content.template_set,
        template_override=template,
        assets={logo: printer.store.read(tenant.id, logo)} if logo else None,
        owner=tenant.id.hex,
    )


def _keep(tx: Tx, invoice: FrozenInvoice, files: Sequence[StoredFile]) -> None:
    """One row each, whoever was first: the invoice is locked, so that two renderings queue here. The PDF is the first."""
    tx.session.execute(select(InvoiceRow.id).where(InvoiceRow.id == invoice.id).with_for_update())
    if find_document(tx, invoice.id) is not None:
        return
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "subject_id": invoice.id,
            **asdict(file),
            "content_sha256": invoice.content_sha256,
            "made_at": tx.now,
        }
        for file in files
    ]
    tx.session.execute(insert(DocumentRow), rows)
    for row in rows:
        facts = {name: row[name] for name in ("name", "sha256", "size_bytes", "pages", "content_sha256")}
        record(tx, "document.made", "invoice", invoice.id, after=facts)
        told = {"pages": row["pages"]} if row["pages"] else {}
        tell(tx, invoice.id, "document.made", f"The document {row['name']} was made.", **told, sha256=row["sha256"])
    set_detail(tx, invoice.id, "document_ready")
    close_exceptions(tx, invoice.id, REFUSED, STOPPED, INVALID, how="The document could be made.")
    publish(tx, InvoiceRendered(invoice_id=invoice.id, document_id=rows[0]["id"]))


def _refuse(tx: Tx, invoice: FrozenInvoice, error: InputInvalidError | DocumentStoppedError) -> None:
    """On the desk, on the time line and in the audit: the invoice stays issued, its document is not made."""
    stopped = isinstance(error, DocumentStoppedError)
    event = "document.stopped" if stopped else "document.failed"
    set_detail(tx, invoice.id, "document_failed")
    tell(tx, invoice.id, event, f"The document could not be made: {error}", **error.facts)
    record(tx, event, "invoice", invoice.id, after={"reason": str(error), **error.facts})
    open_exception(
        tx,
        subject_kind="invoice",
        subject_id=invoice.id,
        code=STOPPED if stopped else REFUSED,
        title="Document was stopped" if stopped else "Document cannot be made",
        reason=str(error),
        remedy="Mend the template or the logo in the document settings, then retry the job.",
        owner_role="tenant_administrator",
        invoice_id=invoice.id,
    )


def page_count(pdf: bytes) -> int:
    # Loaded here: it is some megabytes, and most processes know this module without ever making a document.
    import pikepdf  # noqa: PLC0415 - see above

    with pikepdf.open(io.BytesIO(pdf)) as document:
        return len(document.pages)


def _file_name(number: str) -> str:
    """A number as a file name on any system: series patterns may hold slashes."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in number).strip(".") or "invoice"
