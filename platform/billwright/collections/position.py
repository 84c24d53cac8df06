"""What to remind a customer of, and when next. Pure.

A policy is a list of steps by days after the due date; a step's moment is 08:00 of its day in the legal entity's time
zone. Everything is of one legal entity, customer and currency; amounts in minor units.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from billwright.tenancy.configuration import ReminderStep

MORNING: Final = time(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """A receivable with something left. ``sent_step``: the latest step that a reminder named for it, 0 if none."""

    receivable_id: UUID
    invoice_id: UUID
    due_on: date
    open_minor: int
    disputed_minor: int = 0
    sent_step: int = 0
    step: int = 0
    part: date | None = None
    """Of holdback that was released: its own due date, which tells it from what the invoice itself asks for."""

    @property
    def asked_minor(self) -> int:
        return self.open_minor - self.disputed_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A reminder to be sent: ``items`` are all that it names, ``step`` (from 1) gives the tone."""

    step: int
    items: tuple[OpenItem, ...]

    @property
    def total_minor(self) -> int:
        return sum(item.asked_minor for item in self.items)


def in_order(policy: Iterable[ReminderStep]) -> tuple[ReminderStep, ...]:
    return tuple(sorted(policy, key=lambda step: step.days_after_due))


def moment(due_on: date, step: ReminderStep, zone: ZoneInfo) -> datetime:
    return datetime.combine(due_on + timedelta(days=step.days_after_due), MORNING, tzinfo=zone)


def step_reached(due_on: date, policy: Sequence[ReminderStep], zone: ZoneInfo, now: datetime) -> int:
    """Number of the latest step whose moment has come; 0 before the first."""
    return max((n for n, step in enumerate(in_order(policy), 1) if moment(due_on, step, zone) <= now), default=0)


def plan_reminder(
    items: Iterable[OpenItem], *, unapplied_minor: int, policy: Sequence[ReminderStep], zone: ZoneInfo, now: datetime
) -> Plan | None:
    """The reminder that is due now; none when no step is new, or when nothing is left to ask for.

    The highest step that is new for one of the items gives the tone.
    """
    at_step = [replace(item, step=step_reached(item.due_on, policy, zone, now)) for item in items]
    asked = net_items((item for item in at_step if item.step), unapplied_minor)
    new = [item.step for item in asked if item.step > item.sent_step]
    return Plan(step=max(new), items=tuple(asked)) if new else None


def net_items(items: Iterable[OpenItem], unapplied_minor: int) -> list[OpenItem]:
    """Items with what is left to ask for, once disputes are left out and money that waits is taken off the oldest first."""
    left, asked = unapplied_minor, []
    for item in sorted(items, key=lambda item: (item.due_on, item.receivable_id)):
        bounded = replace(item, disputed_minor=min(item.disputed_minor, item.open_minor))
        taken = min(left, bounded.asked_minor)
        left -= taken
        if bounded.asked_minor > taken:
            asked.append(replace(bounded, open_minor=bounded.open_minor - taken))
    return asked


def next_moment(
    due_dates: Iterable[date], policy: Sequence[ReminderStep], zone: ZoneInfo, now: datetime
) -> datetime | None:
    """The first moment after ``now`` at which a step comes for one of ``due_dates``."""
    moments = (moment(due_on, step, zone) for due_on in due_dates for step in policy)
    return min((each for each in moments if each > now), default=None)


def next_morning(zone: ZoneInfo, now: datetime) -> datetime:
    """The next 08:00 there."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), MORNING, tzinfo=zone)
    return today if today > now else datetime.combine(local.date() + timedelta(days=1), MORNING, tzinfo=zone)
