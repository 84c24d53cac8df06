"""That every change of state left its audit entry."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, select, true

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceRow
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.delivery.tables import DeliveryRow
from billwright.documents.tables import DocumentRow
from billwright.insight.invariants_base import Offender, Scope
from billwright.kernel.ids import show
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of ``row`` for which ``happened`` holds have an entry ``action`` about ``about`` (the row itself, mostly)."""

    row: type[Any]
    prefix: str
    action: str
    happened: ColumnElement[bool]
    about: Any = None


CHANGES: Final = (
    Change(InvoiceRow, "inv", "invoice.issued", InvoiceRow.issued_at.is_not(None)),
    Change(InvoiceRow, "inv", "invoice.void", InvoiceRow.phase == "void"),
    Change(InvoiceRow, "inv", "invoice.posted", InvoiceRow.phase == "posted"),
    Change(InvoiceRow, "inv", "invoice.settled", InvoiceRow.phase == "settled"),
    Change(InvoiceRow, "inv", "invoice.credited", InvoiceRow.phase == "credited"),
    Change(InvoiceRow, "inv", "credit_note.asked", InvoiceRow.document_type == "credit_note"),
    Change(DocumentRow, "doc", "document.made", DocumentRow.kind == "invoice_pdf", DocumentRow.subject_id),
    Change(DeliveryRow, "del", "delivery.intended", true()),
    Change(PostingRow, "pst", "posting.intended", true()),
    Change(PostingRow, "pst", "posting.posted", PostingRow.state == "posted"),
    Change(ReceivableRow, "rcv", "receivable.opened", true()),
    Change(PaymentRow, "pay", "payment.received", true()),
    Change(PaymentRow, "pay", "payment.applied", exists().where(PaymentApplicationRow.payment_id == PaymentRow.id)),
    Change(DisputeRow, "dis", "dispute.opened", true()),
    Change(DisputeRow, "dis", "dispute.resolved", DisputeRow.resolved_at.is_not(None)),
    Change(ReminderRow, "rem", "reminder.decided", true()),
)


def unrecorded_changes(scope: Scope) -> Iterator[Offender]:
    """Rows that changed without an entry. One statement per kind of change."""
    for change in CHANGES:
        about = change.row.id if change.about is None else change.about
        recorded = exists().where(AuditEntryRow.subject_id == about, AuditEntryRow.action == change.action)
        for identifier in scope.tx.session.scalars(select(change.row.id).where(change.happened, ~recorded)):
            yield Offender(show(change.prefix, identifier), f"There is no audit entry {change.action} of it.")
