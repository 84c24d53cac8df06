"""Trigger ``retainers``: paid by the period, drawn down by work, replenished, or trued up at the end.

In: a contract with its billing schedules of model ``retainer``. Does: finds the periods that are due, and what work used
up of what was paid. Out: one proposal per period; settlements of the work that is covered; top-ups; the difference at the end.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.schedules import RetainerTerms, ScheduleView
from billwright.extension.views import ContractView, ItemProposal
from billwright_plugins.periods import PERIODS_MAX, Accrual, Period, last_day, never_ends, periods, today
from billwright_plugins.retainers.drawing import settlements
from billwright_plugins.schedule_items import (
    Target,
    common_reasons,
    days,
    lump,
    period_codes,
    propose,
    target_of,
    title,
)

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "change_order_unsigned",
    "closing_day_missing",
    "too_many_periods",
    "advance_left_over",
    "period_not_due",
    "unknown_currency",
    "amount_out_of_range",
    "zero_amount",
)
NOTES: Final = ()


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """One proposal per period that has begun, or the next one, of each retainer; of a replenishing one its first amount."""
    found: list[ItemProposal] = []
    for schedule in contract.schedules:
        if isinstance(schedule.terms, RetainerTerms):
            found.extend(_items(contract, schedule, schedule.terms))
    return found


@hookimpl
def propose_settlements(contract: ContractView, items: Sequence[ItemProposal]) -> Sequence[ItemProposal]:
    """What ``items`` use up of the retainers of ``contract``, what fills them again, and what is due either way at the end."""
    found: list[ItemProposal] = []
    for schedule in contract.schedules:
        if isinstance(schedule.terms, RetainerTerms):
            found.extend(settlements(contract, schedule, schedule.terms, (*items, *found)))
    return found


def _items(contract: ContractView, schedule: ScheduleView, terms: RetainerTerms) -> Iterator[ItemProposal]:
    closes = last_day(contract, terms.ends_on)
    target = target_of(contract, terms.currency)
    common = common_reasons(contract, schedule)
    if never_ends(contract, terms.ends_on):
        common.add("closing_day_missing")
    if terms.style == "replenishing":
        yield _deposit(contract, schedule, terms, target, common)
        return
    worth = Fraction(terms.amount)
    accrual = Accrual(starts_on=terms.starts_on, align="calendar", per=terms.every, steps=(), worth=lambda _: worth)
    reached, billed = Fraction(0), 0
    found = periods(terms.starts_on, closes, terms.every, "calendar", today(contract))
    for number, period in enumerate(found, start=1):
        figure = None
        if target is not None:
            reached += accrual.between(period.first, period.last)
            minor = target.minor(reached) - billed
            billed += minor
            figure = lump(minor, target)
        codes, look_again_at = period_codes(contract, period, terms.timing, closes)
        codes |= {"too_many_periods"} if number == PERIODS_MAX else set()
        yield propose(
            contract,
            schedule,
            kind="retainer",
            key=f"retainer:{contract.id}:{schedule.id}:{period.key}",
            text=f"{title(schedule, 'Retainer')}, {days(period.first, period.last)}",
            figure=figure,
            target=target,
            codes={*common, *codes},
            service=(period.first, period.last),
            look_again_at=look_again_at,
            order=REASONS,
        )


def _deposit(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, target: Target | None, common: set[str]
) -> ItemProposal:
    """What is paid at the start, once."""
    start = Period(key="1", first=terms.starts_on, last=terms.starts_on)
    codes, look_again_at = period_codes(contract, start, "advance", None)
    return propose(
        contract,
        schedule,
        kind="retainer",
        key=f"retainer:{contract.id}:{schedule.id}:1",
        text=f"{title(schedule, 'Retainer')}, paid in advance",
        figure=lump(target.minor(Fraction(terms.amount)), target) if target is not None else None,
        target=target,
        codes={*(common - {"closing_day_missing"}), *codes},
        service=(terms.starts_on, terms.starts_on),
        look_again_at=look_again_at,
        order=REASONS,
    )
