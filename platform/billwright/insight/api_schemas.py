"""What the reports answer over HTTP. Amounts are per currency; nothing is added up over currencies."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from billwright.insight.changes import Changes, Part
from billwright.insight.figures import Figures, Sums
from billwright.insight.first_passes import Week
from billwright.insight.payments import Paid
from billwright.insight.stalls import Stage
from billwright.insight.standing import Standing
from billwright.insight.unbilled import Unbilled
from billwright.receivables.api import Amount, amount_out


def _amounts(sums: Sums) -> list[Amount]:
    return [amount_out(minor, currency) for currency, minor in sums.items()]


class PartOut(Struct, frozen=True):
    documents: int
    amount: Amount


def _parts(parts: Mapping[str, Part]) -> list[PartOut]:
    return [PartOut(each.documents, amount_out(each.minor, currency)) for currency, each in parts.items()]


class ChangesOut(Struct, frozen=True):
    """The last 24 hours. ``failed``: invoices that a document, a delivery or a posting failed for."""

    issued: list[PartOut]
    paid: list[PartOut]
    exceptions: int
    failed: int
    disputes: list[PartOut]

    @classmethod
    def of(cls, found: Changes) -> "ChangesOut":
        return cls(_parts(found.issued), _parts(found.paid), found.exceptions, found.failed, _parts(found.disputed))


class StandingOut(Struct, frozen=True):
    """How a firm stands.

    ``issued_per_day``: the last 30 days, today last. ``accuracy_percent``: of ``issued`` invoices of the last 90 days, those
    that no check blocked and no approver returned; null of none. ``dso_days``: open / billed in 90 days x 90, per currency.
    ``unbilled``: approved and not on an issued invoice, net. ``open`` and ``overdue``: gross.
    """

    today: date
    issued_per_day: list[int]
    issued_this_month: list[Amount]
    issued: int
    first_pass: int
    accuracy_percent: int | None
    exceptions: int
    oldest_exception_at: datetime | None
    unbilled: list[Amount]
    open: list[Amount]
    overdue: list[Amount]
    dso_days: dict[str, int | None]
    connections: int
    failed_postings: int
    refused_deliveries: int
    dead_jobs: int
    held_messages: int
    last_issued_at: datetime | None
    last_day: ChangesOut

    @classmethod
    def of(cls, figures: Figures, changes: Changes) -> "StandingOut":
        return cls(
            today=figures.today,
            issued_per_day=list(figures.issued_per_day),
            issued_this_month=_amounts(figures.issued_month),
            issued=figures.issued,
            first_pass=figures.first_pass,
            accuracy_percent=figures.accuracy,
            exceptions=figures.exceptions,
            oldest_exception_at=figures.oldest_exception,
            unbilled=_amounts(figures.unbilled),
            open=_amounts(figures.open),
            overdue=_amounts(figures.overdue),
            dso_days=dict(figures.dso),
            connections=figures.connections,
            failed_postings=figures.failed_postings,
            refused_deliveries=figures.refused_deliveries,
            dead_jobs=figures.dead_jobs,
            held_messages=figures.held_messages,
            last_issued_at=figures.last_issued,
            last_day=ChangesOut.of(changes),
        )


class TenantStandingOut(Struct, frozen=True):
    tenant: str
    name: str
    state: str
    standing: StandingOut

    @classmethod
    def of(cls, each: Standing) -> "TenantStandingOut":
        return cls(each.tenant.slug, each.tenant.name, each.tenant.state, StandingOut.of(each.figures, each.changes))


class StageOut(Struct, frozen=True):
    """``median_s`` and ``slowest_tenth_s``: seconds that half took at most, and that the slowest tenth took at least."""

    stage: str
    label: str
    passed: int
    median_s: int | None
    slowest_tenth_s: int | None
    now: int
    oldest_since: datetime | None

    @classmethod
    def of(cls, each: Stage) -> "StageOut":
        return cls(
            each.name, each.label, each.passed, _seconds(each.median), _seconds(each.slowest), each.now, each.since
        )


def _seconds(value: timedelta | None) -> int | None:
    return None if value is None else value // timedelta(seconds=1)


class UnbilledOut(Struct, frozen=True):
    """``state``: waiting, ready or drafted. ``reason``: the code of what is missing, empty if nothing is; net amounts."""

    state: str
    reason: str
    items: int
    amount: Amount | None
    oldest_since: datetime | None

    @classmethod
    def of(cls, each: Unbilled) -> "UnbilledOut":
        amount = amount_out(each.minor, each.currency) if each.currency else None
        return cls(each.state, each.reason, each.items, amount, each.since)


class PaymentsOut(Struct, frozen=True):
    """One currency. ``by_age``: open amounts by days past the due date, the keys as in the ageing of receivables."""

    currency: str
    dso_days: int | None
    open: Amount
    billed_in_90_days: Amount
    paid_in_90_days: int
    median_days_to_pay: int | None
    by_age: dict[str, Amount]

    @classmethod
    def of(cls, each: Paid) -> "PaymentsOut":
        return cls(
            currency=each.currency,
            dso_days=each.dso,
            open=amount_out(each.open_minor, each.currency),
            billed_in_90_days=amount_out(each.billed_minor, each.currency),
            paid_in_90_days=each.settled,
            median_days_to_pay=each.median_days,
            by_age={age: amount_out(minor, each.currency) for age, minor in each.ages.items()},
        )


class WeekOut(Struct, frozen=True):
    starts_on: date
    issued: int
    first_pass: int


class CauseOut(Struct, frozen=True):
    """``code``: of a blocking finding, or `returned` by an approver."""

    code: str
    invoices: int


class FirstPassesOut(Struct, frozen=True):
    weeks: list[WeekOut]
    causes: list[CauseOut]

    @classmethod
    def of(cls, weeks: Sequence[Week], causes: Mapping[str, int]) -> "FirstPassesOut":
        return cls(
            [WeekOut(each.starts_on, each.issued, each.clean) for each in weeks],
            [CauseOut(code, number) for code, number in causes.items()],
        )
