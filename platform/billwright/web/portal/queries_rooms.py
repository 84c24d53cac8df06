"""What the rooms' lists read; each function is one query."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.intake.tables import ConnectionRow
from billwright.jobs.tables import JobRow
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import PaymentRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal.queries_shell import POSTING_STUCK

ROWS: Final = 50


def connections(tx: Tx) -> list[AnyRow]:
    """Connections by name, each with how many of its postings are in which state."""
    counted = func.count(PostingRow.id)
    query = (
        select(
            ConnectionRow.id,
            ConnectionRow.name,
            ConnectionRow.connector,
            ConnectionRow.enabled,
            ConnectionRow.source,
            counted.filter(PostingRow.state == "posted").label("posted"),
            counted.filter(PostingRow.state.in_(POSTING_STUCK)).label("stuck"),
            counted.filter(PostingRow.state == "intended").label("underway"),
            func.max(PostingRow.posted_at).label("last"),
        )
        .outerjoin(PostingRow, PostingRow.connection_id == ConnectionRow.id)
        .group_by(ConnectionRow.id)
        .order_by(ConnectionRow.name)
    )
    return list(tx.session.execute(query))


def stuck_postings(tx: Tx) -> list[AnyRow]:
    query = (
        select(
            PostingRow,
            ConnectionRow.name.label("connection"),
            InvoiceRow.number,
            InvoiceRow.gross_minor,
            InvoiceRow.currency,
        )
        .outerjoin(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .join(InvoiceRow, InvoiceRow.id == PostingRow.invoice_id)
        .where(PostingRow.state.in_(POSTING_STUCK))
        .order_by(PostingRow.intended_at)
        .limit(ROWS)
    )
    return list(tx.session.execute(query))


def dead_jobs(tx: Tx) -> list[JobRow]:
    """Jobs that gave up, oldest first."""
    query = (
        select(JobRow)
        .where(JobRow.tenant_id == tx.tenant.id, JobRow.state == "dead")
        .order_by(JobRow.updated_at)
        .limit(ROWS)
    )
    return list(tx.session.scalars(query))


def open_disputes(tx: Tx) -> list[AnyRow]:
    query = (
        select(DisputeRow, InvoiceRow.number, InvoiceRow.currency, CustomerRow.name.label("customer"))
        .join(InvoiceRow, InvoiceRow.id == DisputeRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(DisputeRow.state == "open")
        .order_by(DisputeRow.opened_at)
        .limit(ROWS)
    )
    return list(tx.session.execute(query))


def last_reminders(tx: Tx) -> list[AnyRow]:
    query = (
        select(ReminderRow, CustomerRow.name.label("customer"))
        .join(CustomerRow, CustomerRow.id == ReminderRow.customer_id)
        .order_by(ReminderRow.made_at.desc())
        .limit(20)
    )
    return list(tx.session.execute(query))


def waiting_payments(tx: Tx) -> list[AnyRow]:
    """Money that found no invoice yet."""
    query = (
        select(PaymentRow, CustomerRow.name.label("customer"))
        .outerjoin(CustomerRow, CustomerRow.id == PaymentRow.customer_id)
        .where(PaymentRow.unapplied_minor > 0)
        .order_by(PaymentRow.paid_on)
        .limit(ROWS)
    )
    return list(tx.session.execute(query))


def audit_entries(tx: Tx, *, action: str = "", cursor: str | None = None) -> Slice[AuditEntryRow]:
    """The audit log, newest first; ``action`` is the object before the dot (``invoice``).

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = select(AuditEntryRow).order_by(AuditEntryRow.id.desc()).limit(ROWS + 1)
    if action:
        query = query.where(AuditEntryRow.action.startswith(f"{action}.", autoescape=True))
    if cursor:
        query = query.where(AuditEntryRow.id < read_cursor(cursor, UUID)[0])
    rows: Sequence[Any] = tx.session.scalars(query).all()
    return cut_page(rows, ROWS, lambda row: (row.id,))
