"""What the triggers of schedules share: billing periods in whole days, and values that accrue over them without losing a cent.

A value is rounded where it is looked at in all, from the start to a period's end; a period bills the difference to what was
reached before. So the periods add up to the rounded whole, however many they are.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal
from zoneinfo import ZoneInfo

from billwright.extension.schedules import MONTHS, Every, Timing
from billwright.extension.views import ContractView

PERIODS_MAX: Final = 600
"""Of one schedule; a monthly one reaches fifty years."""
Align = Literal["calendar", "start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From ``first`` to ``last``, both included. ``key`` is the month in which it begins: ``2026-03``."""

    key: str
    first: date
    last: date

    def due_on(self, timing: Timing) -> date:
        """The day from which it may be billed: its first, or the one after its last."""
        return self.first if timing == "advance" else self.last + timedelta(days=1)


def today(contract: ContractView) -> date:
    """The day in the legal entity's zone."""
    return contract.now.astimezone(ZoneInfo(contract.time_zone)).date()


def beginning_of(day: date, contract: ContractView) -> datetime:
    """The moment at which ``day`` begins in the legal entity's zone, in UTC."""
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(contract.time_zone)).astimezone(UTC)


def last_day(contract: ContractView, ends_on: date | None) -> date | None:
    """Where the schedule ends: by its own terms, or with the contract, whichever is earlier."""
    days = [day for day in (ends_on, contract.ended_on if contract.status != "active" else None) if day is not None]
    return min(days) if days else None


def never_ends(contract: ContractView, ends_on: date | None) -> bool:
    """Whether the contract is over and nothing says on which day the schedule ended."""
    return contract.status != "active" and contract.ended_on is None and ends_on is None


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def cells(starts_on: date, align: Align, months: int, near: date | None = None) -> Iterator[tuple[date, date]]:
    """(first, last) of the whole periods of ``months`` months, from the one that holds ``starts_on``; without end.

    ``near`` skips those that ended well before it.
    """
    anchor = starts_on
    if align == "calendar":
        anchor = date(starts_on.year, (starts_on.month - 1) // months * months + 1, 1)
    number = 0
    if near is not None:
        number = max(0, ((near.year - anchor.year) * 12 + near.month - anchor.month) // months - 1)
    while True:
        first = add_months(anchor, number * months)
        number += 1
        yield first, add_months(anchor, number * months) - timedelta(days=1)


def periods(starts_on: date, ends_on: date | None, every: Every, align: Align, until: date) -> list[Period]:
    """All periods that began by ``until``, and the next one. The first and the last may be cut short."""
    found: list[Period] = []
    for first, last in cells(starts_on, align, MONTHS[every]):
        if (ends_on is not None and first > ends_on) or len(found) >= PERIODS_MAX:
            break
        cut = last if ends_on is None else min(last, ends_on)
        found.append(Period(key=f"{first:%Y-%m}", first=max(first, starts_on), last=cut))
        if first > until:
            break
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """What a schedule is worth by the day: ``worth`` of one ``per`` on a day, which may change on ``steps`` (in order).

    Each month of ``per`` bears an equal part of it, each day of a month an equal part of that. ``worth`` is exact.
    """

    starts_on: date
    align: Align
    per: Every
    steps: Sequence[date]
    worth: Callable[[date], Fraction]

    def between(self, first: date, last: date) -> Fraction:
        """What accrues on the days from ``first`` to ``last``."""
        total = Fraction(0)
        for begin, end in cells(self.starts_on, self.align, 1, near=first):
            if begin > last:
                break
            low, high = max(begin, first), min(end, last)
            if low > high:
                continue
            bounds = [low, *(step for step in self.steps if low < step <= high), high + timedelta(days=1)]
            days = sum((self.worth(one) * (other - one).days for one, other in pairwise(bounds)), start=Fraction(0))
            total += days / ((end - begin).days + 1)
        return total / MONTHS[self.per]


def in_force(steps: Sequence[date], day: date) -> int:
    """Index of the last of ``steps`` (in order) that is not after ``day``; -1 before the first."""
    return bisect_right(steps, day) - 1
