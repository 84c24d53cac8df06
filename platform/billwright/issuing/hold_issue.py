"""An approved invoice that cannot be issued stands on the exception desk; it never looks like a decision of somebody."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.canon.due import due_after
from billwright.checks.tables import ExceptionRow
from billwright.kernel.errors import DomainError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

REMEDY: Final = "Correct the number series in the firm's blueprint, apply it, then submit the invoice again."


def hold_issue(tx: Tx, invoice_id: UUID, refusal: DomainError) -> None:
    """Note why the invoice could not be issued, and open an exception unless one of this cause is open already.

    Its approvals stand: submitted again with the same content, it is issued without asking anybody anew.
    """
    invoice = tx.session.scalars(select(InvoiceRow).where(InvoiceRow.id == invoice_id).with_for_update()).one()
    if invoice.issued_at is not None or invoice.detail != "approved":
        return
    invoice.detail, invoice.updated_at = "issue_failed", tx.now
    code = refusal.code.replace("-", "_")
    event: dict[str, Any] = {"id": new_id(), "invoice_id": invoice_id, "at": tx.now, "event": "invoice.issue_failed"}
    event |= {"text": f"Not issued: {refusal}", "actor_name": tx.actor.name, "facts": {}}
    insert_many(tx.session, InvoiceEventRow, [event])
    record(tx, "invoice.issue_failed", "invoice", invoice_id, after={"detail": "issue_failed"}, reason=str(refusal))
    open_one = select(ExceptionRow.id).where(
        ExceptionRow.subject_id == invoice_id, ExceptionRow.code == code, ExceptionRow.closed_at.is_(None)
    )
    if tx.session.scalars(open_one).first() is None:
        insert_many(tx.session, ExceptionRow, [_exception(tx, invoice, code, str(refusal))])
        record(tx, "exception.opened", "invoice", invoice_id, after={"code": code})


def _exception(tx: Tx, invoice: InvoiceRow, code: str, reason: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "subject_kind": "invoice",
        "subject_id": invoice.id,
        "code": code,
        "title": code.replace("_", " ").capitalize(),
        "reason": reason,
        "remedy": REMEDY,
        "owner_role": "billing_clerk",
        "amount_minor": invoice.net_minor,
        "currency": invoice.currency,
        "customer_id": invoice.customer_id,
        "technical": True,
        "opened_at": tx.now,
        "due_at": due_after(tx, read_configuration(tx).exception_hours, invoice.legal_entity_id),
    }
