"""What the rooms after issuing write on an invoice: its detail, its time line, and its exceptions on the desk.

Helpers inside the caller's transaction. None of them touches what was frozen, and none sets a later phase back.
"""

from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import record
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.canon.due import due_after
from billwright.checks.tables import ExceptionRow
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

Detail = Literal[
    "document_ready", "document_failed", "delivered", "delivery_failed", "posting", "posting_failed", "posted"
]  # fmt: skip
OUR_PHASES: Final = ("issued", "posted")
# Delivery and posting go on side by side and share one word. A failure stays in sight until its own side has mended it;
# of two failures the one at the ERP is shown, the other stands on the desk and on its delivery.
_STAYS: Final[dict[str, tuple[str, ...]]] = {
    "document_ready": ("posting_failed",),
    "document_failed": ("posting_failed",),
    "delivered": ("posting_failed",),
    "delivery_failed": ("posting_failed",),
    "posting": ("document_failed", "delivery_failed"),
    "posted": ("document_failed", "delivery_failed"),
    "posting_failed": (),
}


def set_detail(tx: Tx, invoice_id: UUID, detail: Detail) -> None:
    """Say what is going on, unless a failure of the other side stands or the invoice is in a later phase."""
    tx.session.execute(
        update(InvoiceRow)
        .where(InvoiceRow.id == invoice_id, InvoiceRow.phase.in_(OUR_PHASES), InvoiceRow.detail.not_in(_STAYS[detail]))
        .values(detail=detail, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )


def tell(tx: Tx, invoice_id: UUID, event: str, text: str, **facts: Any) -> None:
    """Add to the invoice's time line: ``event`` is ``delivery.sent``, ``text`` a sentence for people."""
    row = {
        "id": new_id(),
        "invoice_id": invoice_id,
        "at": tx.now,
        "event": event,
        "text": text,
        "actor_name": tx.actor.name,
        "facts": plain(facts),
    }
    tx.session.execute(insert(InvoiceEventRow), [row])


def open_exception(
    tx: Tx,
    *,
    subject_kind: str,
    subject_id: UUID,
    code: str,
    title: str,
    reason: str,
    remedy: str,
    owner_role: str = "billing_clerk",
    invoice_id: UUID | None = None,
) -> None:
    """Put it on the desk, due within the tenant's ``exception_hours``; one open row per subject and code, kept up to date.

    ``invoice_id`` names the invoice whose amount and customer the desk shows.
    """
    shown = tx.session.execute(
        select(InvoiceRow.gross_minor, InvoiceRow.currency, InvoiceRow.customer_id).where(InvoiceRow.id == invoice_id)
    ).one_or_none()
    values = {
        "id": new_id(),
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "code": code,
        "title": title,
        "reason": reason,
        "remedy": remedy,
        "owner_role": owner_role,
        "amount_minor": shown.gross_minor if shown else None,
        "currency": shown.currency if shown else None,
        "customer_id": shown.customer_id if shown else None,
        "technical": False,
        "opened_at": tx.now,
        "due_at": due_after(tx, read_configuration(tx).exception_hours),
    }
    statement = upsert(ExceptionRow).values([values])
    statement = statement.on_conflict_do_update(
        index_elements=["subject_id", "code"],
        index_where=ExceptionRow.closed_at.is_(None),
        set_={"reason": statement.excluded.reason, "remedy": statement.excluded.remedy},
    )
    tx.session.execute(statement)
    record(tx, "exception.opened", subject_kind, subject_id, after={"code": code, "reason": reason})


def close_exceptions(tx: Tx, subject_id: UUID, *codes: str, how: str) -> None:
    """Take the open exceptions ``codes`` about ``subject_id`` off the desk; ``how`` is a sentence."""
    closed = tx.session.scalars(
        update(ExceptionRow)
        .where(ExceptionRow.subject_id == subject_id, ExceptionRow.code.in_(codes), ExceptionRow.closed_at.is_(None))
        .values(closed_at=func.greatest(ExceptionRow.opened_at, tx.now), closed_how=how)
        .returning(ExceptionRow.code)
        .execution_options(synchronize_session=False)
    ).all()
    for code in closed:
        record(tx, "exception.closed", "exception", subject_id, after={"code": code, "how": how})
