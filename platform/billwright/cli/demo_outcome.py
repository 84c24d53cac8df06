"""What came of the demo, read from the database."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.delivery.tables import DeliveryRow
from billwright.documents.tables import DocumentRow
from billwright.extension.reasons import explain
from billwright.intake.tables import DropFileRow, SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.money import Money
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import PaymentRow, ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One firm's figures. ``held`` counts drafts on the exception desk and ``waiting`` billable items, by code.

    ``reminders`` counts by step, ``warnings`` by code of a finding that holds nothing.
    """

    messages: Mapping[str, int]
    rows_refused: int
    items: Mapping[str, int]
    waiting: Mapping[str, int]
    held: Mapping[str, int]
    warnings: Mapping[str, int]
    waiting_manager: int
    waiting_finance: int
    issued: int
    documents: int
    posted: int
    delivered: int
    reminders: Mapping[int, int]
    paid: int
    partly_paid: int
    unapplied: int
    disputed: int
    dead_jobs: int


def read_outcome(database: Database, tenant: Tenant) -> Outcome:
    """The firm's figures as they are now: a count each."""
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        drafts = _groups(tx, InvoiceRow.detail, InvoiceRow.issued_at.is_(None))
        open_minor, gross_minor = ReceivableRow.open_minor, ReceivableRow.gross_minor
        sent = (DeliveryRow.subject_kind == "invoice") & (DeliveryRow.state == "sent")
        return Outcome(
            messages=_groups(tx, SourceMessageRow.state),
            rows_refused=_one(tx, select(func.coalesce(func.sum(DropFileRow.rows_refused), 0))),
            items=_groups(tx, BillableItemRow.state),
            waiting=_waiting(tx),
            held=_groups(tx, ExceptionRow.code, ExceptionRow.closed_at.is_(None)),
            warnings=_warnings(tx),
            waiting_manager=drafts.get("awaiting_manager", 0),
            waiting_finance=drafts.get("awaiting_finance", 0),
            issued=_rows(tx, InvoiceRow, InvoiceRow.issued_at.is_not(None)),
            documents=_rows(tx, DocumentRow),
            posted=_rows(tx, PostingRow, PostingRow.state == "posted"),
            delivered=_rows(tx, DeliveryRow, sent),
            reminders=_groups(tx, ReminderRow.step),
            paid=_rows(tx, ReceivableRow, open_minor == 0),
            partly_paid=_rows(tx, ReceivableRow, (open_minor > 0) & (open_minor < gross_minor)),
            unapplied=_rows(tx, PaymentRow, PaymentRow.unapplied_minor > 0),
            disputed=_rows(tx, DisputeRow, DisputeRow.state == "open"),
            dead_jobs=_dead_jobs(database, tenant),
        )


def in_words(counts: Mapping[str, int]) -> str:
    """``2 no acceptance, 1 rejected by the customer``: the most frequent first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {explain(code).title.lower()}" for code, count in ordered)


def read_held(database: Database, tenant: Tenant) -> list[str]:
    """A sentence for each draft on the exception desk, in the words of the desk."""
    query = (
        select(ExceptionRow.reason, ExceptionRow.amount_minor, ExceptionRow.currency)
        .where(ExceptionRow.closed_at.is_(None))
        .order_by(ExceptionRow.opened_at, ExceptionRow.id)
    )
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return [
            f"{Money(minor, currency)}: {reason}" if minor is not None and currency else reason
            for reason, minor, currency in tx.session.execute(query)
        ]


def _one(tx: Tx, query: Select[Any]) -> int:
    return int(tx.session.scalars(query).one())


def _rows(tx: Tx, table: Any, *where: Any) -> int:
    return _one(tx, select(func.count()).select_from(table).where(*where))


def _groups(tx: Tx, column: Any, *where: Any) -> dict[Any, int]:
    query = select(column, func.count()).where(*where).group_by(column).order_by(column)
    return {value: int(count) for value, count in tx.session.execute(query)}


def _waiting(tx: Tx) -> dict[str, int]:
    """By the first reason: the one to be mended first."""
    query = select(BillableItemRow.reasons).where(BillableItemRow.state == "waiting")
    return dict(Counter(reasons[0] for reasons in tx.session.scalars(query)))


def _warnings(tx: Tx) -> dict[str, int]:
    """Drafts and invoices by what was found on them; found again after a change it is the same."""
    query = select(FindingRow.code, func.count(FindingRow.invoice_id.distinct()))
    query = query.where(FindingRow.severity == "warning").group_by(FindingRow.code).order_by(FindingRow.code)
    return {code: int(count) for code, count in tx.session.execute(query)}


def _dead_jobs(database: Database, tenant: Tenant) -> int:
    query = select(func.count()).where(JobRow.tenant_id == tenant.id, JobRow.state == "dead")
    with control_transaction(database, SYSTEM) as tx:
        return int(tx.session.scalars(query).one())
