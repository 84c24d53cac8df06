"""The e-invoice of an issued invoice, as documents keep it: made and checked once more with the real number, or refused."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.documents.after_issue import open_exception, set_detail, tell
from billwright.documents.errors import EinvoiceInvalidError
from billwright.documents.queries import FrozenInvoice
from billwright.documents.tables import DocumentRow
from billwright.extension.connectors import TransientError
from billwright.issuing.einvoices import EinvoiceMaker, MadeEinvoice
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

EINVOICE: Final = "einvoice"
"""A document of its own, sent beside the PDF."""
EMBEDDED: Final = "einvoice_in_pdf"
"""The same bytes as in the PDF, which carries it to the customer."""
INVALID: Final = "einvoice_invalid"
XML: Final = "application/xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of an invoice, on disk already."""

    kind: str
    name: str
    media_type: str
    sha256: str
    size_bytes: int
    pages: int


def einvoice_of(
    database: Database, maker: EinvoiceMaker | None, tenant: Tenant, invoice: FrozenInvoice, *, trace_id: str | None
) -> MadeEinvoice | None:
    """Write and check it; None where none is wanted.

    Raises:
        EinvoiceInvalidError: the rules refuse it; it stands on the desk as well.
        TransientError: it could not be checked now.
    """
    made = maker(invoice.content, invoice.number) if maker is not None else None
    if made is None:
        return None
    if made.faults:
        error = EinvoiceInvalidError(
            f"The e-invoice ({made.title}) breaks the rules: {made.faults[0]}", faults=len(made.faults)
        )
        with transaction(database, tenant, SYSTEM, trace_id=trace_id) as tx:
            _refuse(tx, invoice, error, made)
        raise error
    if made.unchecked:
        raise TransientError(f"The e-invoice of {invoice.number} could not be checked; it is tried again.")
    return made


def _refuse(tx: Tx, invoice: FrozenInvoice, error: EinvoiceInvalidError, made: MadeEinvoice) -> None:
    set_detail(tx, invoice.id, "document_failed")
    tell(tx, invoice.id, "document.failed", f"The document could not be made: {error}", format=made.format)
    after = {"reason": str(error), "format": made.format, "faults": list(made.faults)}
    record(tx, "document.failed", "invoice", invoice.id, after=after)
    open_exception(
        tx,
        subject_kind="invoice",
        subject_id=invoice.id,
        code=INVALID,
        title="E-invoice breaks the rules",
        reason=str(error),
        remedy="It passed before it was issued, so the rules changed since: ask an operator what was added. Then retry the job, "
        "or credit the invoice and bill it anew.",
        invoice_id=invoice.id,
    )


def get_einvoice(tx: Tx, invoice_id: UUID) -> DocumentRow:
    """The stored e-invoice of an issued invoice, also of one that is in the PDF.

    Raises:
        NotFoundError: no such invoice here, or it has none.
    """
    found = find_einvoices(tx, [invoice_id]).get(invoice_id)
    if found is None:
        raise NotFoundError(f"There is no e-invoice of {show('inv', invoice_id)} here.")
    return found


def find_einvoices(tx: Tx, invoice_ids: list[UUID]) -> dict[UUID, DocumentRow]:
    """Stored e-invoices by invoice."""
    query = (
        select(DocumentRow)
        .where(DocumentRow.subject_id.in_(invoice_ids), DocumentRow.kind.in_((EINVOICE, EMBEDDED)))
        .order_by(DocumentRow.id.desc())
    )
    return {row.subject_id: row for row in tx.session.scalars(query)}
