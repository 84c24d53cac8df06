"""Trigger ``usage``: what meters and site reports counted in a period, at tiered or volume prices, billed after it.

In: a contract with its billing schedules of model ``usage`` and their records. Does: adds up the approved records of each
period and prices the sum. Out: one proposal per period with records; one more when a record comes after its period was billed.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.schedules import ScheduleView, UsageTerms, UsageView
from billwright.extension.views import ContractView, ItemProposal
from billwright_plugins.periods import PERIODS_MAX, Period, last_day, never_ends, periods, today
from billwright_plugins.schedule_items import (
    Figures,
    Target,
    common_reasons,
    days,
    figures,
    lump,
    period_codes,
    plain,
    propose,
    target_of,
    title,
)

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "schedule_unknown",
    "change_order_unsigned",
    "closing_day_missing",
    "too_many_periods",
    "outside_schedule",
    "report_not_approved",
    "period_not_due",
    "unknown_currency",
    "amount_out_of_range",
    "zero_amount",
)
NOTES: Final = ()


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """One proposal per period with records of each usage schedule of ``contract``, and per correction of a billed one."""
    found: list[ItemProposal] = []
    for schedule in contract.schedules:
        if isinstance(schedule.terms, UsageTerms):
            found.extend(_items(contract, schedule, schedule.terms))
        elif schedule.terms is None and schedule.usage:
            found.append(_held(contract, schedule, "unknown", set(), schedule.usage))
    return found


def _items(contract: ContractView, schedule: ScheduleView, terms: UsageTerms) -> Iterator[ItemProposal]:
    closes = last_day(contract, terms.ends_on)
    target = target_of(contract, terms.currency)
    common = common_reasons(contract, schedule)
    if never_ends(contract, terms.ends_on):
        common.add("closing_day_missing")
    counted = [record for record in schedule.usage if record.status != "rejected"]
    until = max([today(contract), *(record.used_on for record in counted)])
    within: set[str] = set()
    for number, period in enumerate(periods(terms.starts_on, closes, terms.every, "calendar", until), start=1):
        records = [record for record in counted if period.first <= record.used_on <= period.last]
        within |= {record.id for record in records}
        codes, look_again_at = period_codes(contract, period, "arrears", closes)
        codes |= {"too_many_periods"} if number == PERIODS_MAX else set()
        codes |= {"report_not_approved"} if any(record.status == "submitted" for record in records) else set()
        for key, text, figure in _parts(contract, schedule, terms, period, records, target):
            yield propose(
                contract,
                schedule,
                kind="usage",
                key=key,
                text=text,
                figure=figure,
                target=target,
                codes={*common, *codes},
                service=(period.first, period.last),
                look_again_at=look_again_at,
                order=REASONS,
                message_id=records[-1].message_id if records else None,
            )
    outside = [record for record in counted if record.id not in within]
    if outside:
        yield _held(contract, schedule, "outside", {"outside_schedule", *common}, outside)


def _parts(
    contract: ContractView,
    schedule: ScheduleView,
    terms: UsageTerms,
    period: Period,
    records: Sequence[UsageView],
    target: Target | None,
) -> Iterator[tuple[str, str, Figures | None]]:
    """(key, text, figures): what was billed of the period as it was billed, then what is left of it, above or below zero."""
    base = f"usage:{contract.id}:{schedule.id}:{period.key}"
    quantity = sum((Fraction(record.quantity) for record in records), start=Fraction(0))
    text = f"{title(schedule, 'Usage')}, {days(period.first, period.last)}: {_spelled(quantity)} units"
    if target is None:
        if records:
            yield base, text, None
        return
    worth = target.minor(cost(terms, quantity))
    number = done = 0
    while (key := base if not number else f"{base}:{number + 1}") in contract.billed:
        number += 1
        minor = contract.billed[key].amount.minor
        done += minor
        whole = number == 1 and minor == worth
        yield key, text, _figures(terms, quantity, minor, target) if whole else lump(minor, target)
    if not number and records:
        yield base, text, _figures(terms, quantity, worth, target)
    elif number and worth != done:
        yield key, f"{text}, difference to what was billed", lump(worth - done, target)


def _figures(terms: UsageTerms, quantity: Fraction, minor: int, target: Target) -> Figures:
    """Quantity and price where all units have one price; else the amount in one piece."""
    charged = quantity - Fraction(terms.included)
    prices = [Fraction(tier.price) for tier in terms.tiers]
    if len(prices) > 1 or charged <= 0:
        return lump(minor, target)
    return figures(minor, target, charged, target.price(prices[0]), terms.unit)


def cost(terms: UsageTerms, quantity: Fraction) -> Fraction:
    """What ``quantity`` of a period costs, exact, in major units. Included units are free; below zero nothing is paid back."""
    charged = max(Fraction(0), quantity - Fraction(terms.included))
    total, low = Fraction(0), Fraction(0)
    for tier in terms.tiers:
        high = charged if tier.up_to is None else min(charged, Fraction(tier.up_to))
        if terms.scheme == "volume":
            if tier.up_to is None or charged <= Fraction(tier.up_to):
                return charged * Fraction(tier.price)
        elif high > low:
            total += (high - low) * Fraction(tier.price)
            low = high
    return total


def _held(
    contract: ContractView, schedule: ScheduleView, word: str, codes: set[str], records: Sequence[UsageView]
) -> ItemProposal:
    """Records that belong to no schedule, or to none of its periods: shown, and held."""
    first, last = min(each.used_on for each in records), max(each.used_on for each in records)
    quantity = sum((Fraction(record.quantity) for record in records), start=Fraction(0))
    return propose(
        contract,
        schedule,
        kind="usage",
        key=f"usage:{contract.id}:{schedule.id}:{word}",
        text=f"{title(schedule, 'Usage')}, {days(first, last)}: {_spelled(quantity)} units",
        figure=None,
        target=target_of(contract, schedule.terms.currency if schedule.terms is not None else None),
        codes={*common_reasons(contract, schedule), *codes},
        service=(first, last),
        order=REASONS,
        message_id=records[-1].message_id,
    )


def _spelled(quantity: Fraction) -> str:
    exact = plain(quantity)
    return "many" if exact is None else format(exact, "f")
