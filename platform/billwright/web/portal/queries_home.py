"""Figures of one tenant for the start pages: one query for all of them, counts and sums only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Text, cast, func, select

from billwright.billing.tables import BillableItemRow, InvoiceEventRow, InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal.queries_shell import POSTING_STUCK

DAYS: Final = 28
STOPPED: Final = ("draft.blocked", "approval.returned")
"""Events after which a draft did not pass at the first go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums are minor units per currency. ``issued_per_day`` has one count per day, the last one is today."""

    issued_month: Mapping[str, int]
    issued: int
    first_pass: int
    exceptions: int
    oldest_exception: datetime | None
    unbilled: Mapping[str, int]
    overdue: Mapping[str, int]
    open: Mapping[str, int]
    failed_postings: int
    dead_jobs: int
    held_messages: int
    last_issued: datetime | None
    issued_per_day: Sequence[int]

    @property
    def accuracy(self) -> int | None:
        """Drafts issued without ever being blocked or returned, as whole percent of all issued; None without any."""
        return self.first_pass * 100 // self.issued if self.issued else None

    @property
    def broken(self) -> int:
        return self.failed_postings + self.dead_jobs

    @property
    def trouble(self) -> list[str]:
        """What did not get through, in words."""
        counts = (
            (self.failed_postings, "posting stuck", "postings stuck"),
            (self.dead_jobs, "job gave up", "jobs gave up"),
            (self.held_messages, "message held", "messages held"),
        )
        return [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]

    @property
    def points(self) -> str:
        """The line of the sparkline in a box of 120 by 28."""
        top = max(1, *self.issued_per_day)
        step = Decimal(120) / (len(self.issued_per_day) - 1)
        places = (
            f"{place * step:.1f},{26 - 24 * count / Decimal(top):.1f}"
            for place, count in enumerate(self.issued_per_day)
        )
        return " ".join(places)


def read_figures(tx: Tx) -> Figures:
    """The tenant's figures as of ``tx.now``."""
    today = tx.now.date()
    first = today - timedelta(days=DAYS - 1)
    issued = InvoiceRow.issued_at.is_not(None)
    stopped = select(InvoiceEventRow.id).where(
        InvoiceEventRow.invoice_id == InvoiceRow.id, InvoiceEventRow.event.in_(STOPPED)
    )
    held = ExceptionRow.closed_at.is_(None)
    month = InvoiceRow.issued_on >= today.replace(day=1)
    query = select(
        _sums(InvoiceRow.currency, InvoiceRow.gross_minor, month).label("issued_month"),
        _one(select(func.count()).select_from(InvoiceRow).where(issued)).label("issued"),
        _one(select(func.count()).select_from(InvoiceRow).where(issued, ~stopped.exists())).label("first_pass"),
        _one(select(func.count()).select_from(ExceptionRow).where(held)).label("exceptions"),
        _one(select(func.min(ExceptionRow.opened_at)).where(held)).label("oldest"),
        _sums(
            BillableItemRow.currency,
            BillableItemRow.amount_minor,
            BillableItemRow.state.in_(("ready", "drafted")) & BillableItemRow.amount_minor.is_not(None),
        ).label("unbilled"),
        _sums(
            ReceivableRow.currency,
            ReceivableRow.open_minor,
            (ReceivableRow.open_minor > 0) & (ReceivableRow.due_on < today),
        ).label("overdue"),
        _sums(ReceivableRow.currency, ReceivableRow.open_minor, ReceivableRow.open_minor > 0).label("open"),
        _one(select(func.count()).select_from(PostingRow).where(PostingRow.state.in_(POSTING_STUCK))).label("failed"),
        _one(
            select(func.count()).select_from(JobRow).where(JobRow.tenant_id == tx.tenant.id, JobRow.state == "dead")
        ).label("dead"),
        _one(select(func.count()).select_from(SourceMessageRow).where(SourceMessageRow.state == "held")).label("held"),
        _one(select(func.max(InvoiceRow.issued_at))).label("last_issued"),
        _per_day(first).label("per_day"),
    )
    row = tx.session.execute(query).one()
    per_day = row.per_day or {}
    return Figures(
        issued_month=row.issued_month or {},
        issued=row.issued,
        first_pass=row.first_pass,
        exceptions=row.exceptions,
        oldest_exception=row.oldest,
        unbilled=row.unbilled or {},
        overdue=row.overdue or {},
        open=row.open or {},
        failed_postings=row.failed,
        dead_jobs=row.dead,
        held_messages=row.held,
        last_issued=row.last_issued,
        issued_per_day=[int(per_day.get((first + timedelta(days=n)).isoformat(), 0)) for n in range(DAYS)],
    )


def _one(query: Any) -> ScalarSelect[Any]:
    value: ScalarSelect[Any] = query.scalar_subquery()
    return value


def _sums(currency: Any, minor: Any, condition: ColumnElement[bool]) -> ScalarSelect[Any]:
    """``{"EUR": 123400}`` over the rows that fit."""
    grouped = select(currency.label("currency"), func.sum(minor).label("minor")).where(condition).group_by(currency)
    inner = grouped.subquery()
    return _one(select(func.jsonb_object_agg(inner.c.currency, inner.c.minor)))


def _per_day(first: date) -> ScalarSelect[Any]:
    inner = (
        select(cast(InvoiceRow.issued_on, Text).label("day"), func.count().label("issued"))
        .where(InvoiceRow.issued_on >= first)
        .group_by(InvoiceRow.issued_on)
        .subquery()
    )
    return _one(select(func.jsonb_object_agg(inner.c.day, inner.c.issued)))
