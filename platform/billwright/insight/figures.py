"""How a tenant stands: each figure has one definition, here, for pages, partner and API alike.

Amounts are minor units per currency and never mixed. A day is a day of the legal entity whose invoice it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, DateTime, ScalarSelect, Select, Text, Uuid, bindparam, cast, func, select

from billwright.billing.credit_drafts import OPEN_MINOR
from billwright.billing.tables import BillableItemRow, InvoiceEventRow, InvoiceRow
from billwright.canon.local_day import today_at
from billwright.canon.tables import LegalEntityRow
from billwright.checks.tables import ExceptionRow
from billwright.delivery.tables import DeliveryRow
from billwright.insight.sums import by_key, count, one, total
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.money import round_half_up
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

DAYS: Final = 30
"""Of the line of issued invoices."""
WINDOW_DAYS: Final = 90
"""Over which DSO and first passes are taken."""
STOPPED: Final = ("draft.blocked", "approval.returned")
"""Events after which a draft did not pass at the first go."""
POSTING_STUCK: Final = ("failed", "rejected", "mismatch")
"""States of a posting that wait for a person."""
Sums = Mapping[str, int]
NOW: Final = bindparam("now", type_=DateTime(timezone=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One tenant's figures at one moment. ``today`` is the date of its first legal entity.

    - ``issued_per_day``: invoices issued on each of the last 30 days, oldest first, today last.
    - ``issued_month``: gross issued since the first of the month.
    - ``issued``, ``first_pass``: invoices issued in the last 90 days; those never blocked by a check nor returned.
    - ``exceptions``, ``oldest_exception``: open on the desk; when the oldest was opened.
    - ``unbilled``: net of billable items that are approved and not on an issued invoice (ready, or in a draft).
    - ``open``, ``overdue``: what customers owe; that part whose due day is past.
    - ``dso``: days per currency, see ``dso_days``; none where nothing was billed.
    - ``failed_postings``, ``refused_deliveries``, ``dead_jobs``, ``held_messages``: what did not get through and waits.
    """

    today: date
    issued_per_day: Sequence[int]
    issued_month: Sums
    issued: int
    first_pass: int
    exceptions: int
    oldest_exception: datetime | None
    unbilled: Sums
    open: Sums
    overdue: Sums
    dso: Mapping[str, int | None]
    connections: int
    failed_postings: int
    refused_deliveries: int
    dead_jobs: int
    held_messages: int
    last_issued: datetime | None

    @property
    def accuracy(self) -> int | None:
        """First-pass accuracy in whole percent, rounded down: ``first_pass / issued * 100``; None without any."""
        return percent(self.first_pass, self.issued)

    @property
    def broken(self) -> int:
        """Things between here and other systems that wait for a person."""
        return self.failed_postings + self.refused_deliveries + self.dead_jobs

    @property
    def trouble(self) -> list[str]:
        """What did not get through, in words."""
        counts = (
            (self.failed_postings, "posting stuck", "postings stuck"),
            (self.refused_deliveries, "delivery refused", "deliveries refused"),
            (self.dead_jobs, "job gave up", "jobs gave up"),
            (self.held_messages, "message held", "messages held"),
        )
        return [f"{number} {one_ if number == 1 else many}" for number, one_, many in counts if number]


def percent(part: int, whole: int) -> int | None:
    """Whole percent, rounded down, so that 100 means all of them; None of nothing."""
    return part * 100 // whole if whole else None


def dso_days(open_minor: int, billed_minor: int, days: int) -> int | None:
    """Days sales outstanding: ``open / billed x days``, rounded half up; None when nothing was billed.

    Args:
        open_minor: What customers owe now, gross.
        billed_minor: What was billed, gross, in the last ``days``.
        days: 90, or fewer when the first invoice is younger: a firm of ten days cannot wait ninety for its money.
    """
    if billed_minor <= 0 or days <= 0:
        return None
    return round_half_up(Fraction(open_minor * days, billed_minor))


def passed_at_first(issued: ColumnElement[bool]) -> ColumnElement[bool]:
    """``issued`` and never stopped by a check or an approver."""
    stopped = select(InvoiceEventRow.id).where(
        InvoiceEventRow.invoice_id == InvoiceRow.id, InvoiceEventRow.event.in_(STOPPED)
    )
    return issued & ~stopped.exists()


def read_figures(tx: Tx) -> Figures:
    """The figures at ``tx.now``. One statement."""
    return to_figures(tx.session.execute(_statement(), parameters(tx)).one())


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    """Made once: making it takes longer than the database needs to answer."""
    return select(*figure_columns())


def parameters(tx: Tx) -> dict[str, Any]:
    """What ``figure_columns`` leaves open."""
    return {"now": tx.now, "tenant_id": tx.tenant.id}


def figure_columns() -> list[ColumnElement[Any]]:
    """What ``to_figures`` needs, as values of one row; ``parameters`` fill it."""
    held = ExceptionRow.closed_at.is_(None)
    return [
        _first_today().label("today"),
        _per_day().label("per_day"),
        _issued().label("issued"),
        _received().label("received"),
        count(ExceptionRow, held).label("exceptions"),
        one(select(func.min(ExceptionRow.opened_at)).where(held)).label("oldest"),
        _unbilled().label("unbilled"),
        count(ConnectionRow, ConnectionRow.enabled).label("connections"),
        count(PostingRow, PostingRow.state.in_(POSTING_STUCK)).label("postings"),
        count(DeliveryRow, DeliveryRow.state == "refused").label("deliveries"),
        count(JobRow, JobRow.tenant_id == bindparam("tenant_id", type_=Uuid), JobRow.state == "dead").label("jobs"),
        count(SourceMessageRow, SourceMessageRow.state == "held").label("messages"),
        one(select(func.max(InvoiceRow.issued_at))).label("last_issued"),
    ]


def to_figures(row: AnyRow) -> Figures:
    """``row`` has what ``figure_columns`` asked for."""
    issued: dict[str, list[int]] = row.issued or {}
    received: dict[str, list[int]] = row.received or {}
    per_day: dict[str, list[int]] = row.per_day or {}
    return Figures(
        today=row.today,
        issued_per_day=[per_day.get(str(back), [0])[0] for back in reversed(range(DAYS))],
        issued_month={each: month for each, (month, _, _) in sorted(issued.items()) if month},
        issued=sum(number for _, number, _ in issued.values()),
        first_pass=sum(clean for _, _, clean in issued.values()),
        exceptions=row.exceptions,
        oldest_exception=row.oldest,
        unbilled={each: minor for each, (minor,) in sorted((row.unbilled or {}).items())},
        open={each: open_ for each, (open_, *_) in sorted(received.items()) if open_},
        overdue={each: late for each, (_, late, *_) in sorted(received.items()) if late},
        dso={each: dso_days(open_, billed, days) for each, (open_, _, billed, days) in sorted(received.items())},
        connections=row.connections,
        failed_postings=row.postings,
        refused_deliveries=row.deliveries,
        dead_jobs=row.jobs,
        held_messages=row.messages,
        last_issued=row.last_issued,
    )


def _first_today() -> ScalarSelect[Any]:
    """The date at the default legal entity; UTC's before there is one."""
    default = LegalEntityRow.profile["default"].as_boolean()
    query = select(today_at(NOW)).order_by(default.desc().nulls_last(), LegalEntityRow.code).limit(1)
    return one(select(func.coalesce(one(query), cast(func.timezone("UTC", NOW), Date))))


def _per_day() -> ScalarSelect[Any]:
    """Days before its legal entity's today -> invoices."""
    back = today_at(NOW) - InvoiceRow.issued_on
    grouped = (
        select(cast(back, Text).label("back"), func.count().label("issued"))
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(InvoiceRow.issued_on > today_at(NOW) - DAYS)
        .group_by(back)
    )
    return by_key(grouped)


def _issued() -> ScalarSelect[Any]:
    """Currency -> gross this month, invoices in the window, of these clean ones."""
    today = today_at(NOW)
    month = InvoiceRow.issued_on >= cast(func.date_trunc("month", today), Date)
    recent = InvoiceRow.issued_on > today - WINDOW_DAYS
    grouped = (
        select(
            InvoiceRow.currency,
            total(InvoiceRow.gross_minor, month).label("month"),
            func.count().filter(recent).label("issued"),
            func.count().filter(passed_at_first(recent)).label("clean"),
        )
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(recent | month)
        .group_by(InvoiceRow.currency)
    )
    return by_key(grouped)


def _received() -> ScalarSelect[Any]:
    """Currency -> open, overdue, billed in the window, days of the window."""
    today = today_at(NOW)
    is_open = ReceivableRow.open_minor > 0
    days = func.least(WINDOW_DAYS, func.max(today - ReceivableRow.issued_on) + 1)
    grouped = (
        select(
            ReceivableRow.currency,
            total(ReceivableRow.open_minor, is_open).label("open"),
            total(ReceivableRow.open_minor, is_open & (ReceivableRow.due_on < today)).label("overdue"),
            total(ReceivableRow.gross_minor, ReceivableRow.issued_on > today - WINDOW_DAYS).label("billed"),
            days.label("days"),
        )
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .group_by(ReceivableRow.currency)
    )
    return by_key(grouped)


def _unbilled() -> ScalarSelect[Any]:
    approved = BillableItemRow.state.in_(("ready", "drafted")) & BillableItemRow.amount_minor.is_not(None)
    grouped = (
        select(BillableItemRow.currency, total(OPEN_MINOR).label("minor"))
        .where(approved)
        .group_by(BillableItemRow.currency)
    )
    return by_key(grouped)
