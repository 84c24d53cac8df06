"""Trigger ``subscriptions``: a price per unit and time, billed period by period, in advance or in arrears.

In: a contract with its billing schedules of model ``subscription``. Does: finds the periods that have begun or ended, and what each
is worth at the prices, quantities and index values of its days. Out: one proposal per period, and one for the next that waits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.schedules import MONTHS, Indexation, IndexStep, ScheduleView, SubscriptionTerms
from billwright.extension.views import ContractView, ItemProposal
from billwright_plugins.periods import (
    PERIODS_MAX,
    Accrual,
    Period,
    in_force,
    last_day,
    never_ends,
    periods,
    today,
)
from billwright_plugins.schedule_items import (
    Figures,
    Target,
    common_reasons,
    days,
    figures,
    period_codes,
    plain,
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
    "index_value_missing",
    "period_not_due",
    "unknown_currency",
    "amount_out_of_range",
    "zero_amount",
)
NOTES: Final = ()


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """One proposal per period that has begun, or the next one, of each subscription of ``contract``."""
    found: list[ItemProposal] = []
    for schedule in contract.schedules:
        if isinstance(schedule.terms, SubscriptionTerms):
            found.extend(_items(contract, schedule, schedule.terms))
    return found


def _items(contract: ContractView, schedule: ScheduleView, terms: SubscriptionTerms) -> Iterator[ItemProposal]:
    closes = last_day(contract, terms.ends_on)
    target = target_of(contract, terms.currency)
    prices = Prices(terms)
    accrual = Accrual(
        starts_on=terms.starts_on, align=terms.align, per=terms.price_per, steps=prices.steps, worth=prices.worth
    )
    reached = Fraction(0)
    billed = 0
    common = common_reasons(contract, schedule)
    if never_ends(contract, terms.ends_on):
        common.add("closing_day_missing")
    found = periods(terms.starts_on, closes, terms.every, terms.align, today(contract))
    for number, period in enumerate(found, start=1):
        missing = prices.missing_by(period.last)
        figure: Figures | None = None
        if missing is None and target is not None:
            reached += accrual.between(period.first, period.last)
            minor = target.minor(reached) - billed
            billed += minor
            figure = _figures(prices, period, minor, target)
        codes, look_again_at = period_codes(contract, period, terms.timing, closes)
        codes |= {"index_value_missing"} if missing is not None else set()
        codes |= {"too_many_periods"} if number == PERIODS_MAX else set()
        yield propose(
            contract,
            schedule,
            kind="subscription",
            key=f"subscription:{contract.id}:{schedule.id}:{period.key}",
            text=f"{title(schedule, 'Subscription')}, {days(period.first, period.last)}{prices.explain(period)}",
            figure=figure,
            target=target,
            codes={*common, *codes},
            service=(period.first, period.last),
            look_again_at=look_again_at,
            order=REASONS,
        )


def _figures(prices: "Prices", period: Period, minor: int, target: Target) -> Figures:
    """Quantity and price of a whole period at one price; else the amount in one piece, whose making the text says."""
    terms = prices.terms
    changes = [step for step in prices.steps if period.first < step <= period.last]
    price = prices.price(period.first) * MONTHS[terms.every] / MONTHS[terms.price_per]
    quantity = Fraction(0) if changes else prices.quantity(period.first)
    return figures(minor, target, quantity, target.price(price), terms.unit)


@dataclass(frozen=True, slots=True)
class Prices:
    """The terms of a subscription, asked by day."""

    terms: SubscriptionTerms

    @property
    def steps(self) -> list[date]:
        """Days on which anything changes, in order."""
        terms = self.terms
        found = {each.effective_from for each in terms.prices} | {each.effective_from for each in terms.quantities}
        if terms.index is not None:
            found |= {each.effective_from for each in terms.index.steps}
        return sorted(found)

    def quantity(self, day: date) -> Fraction:
        place = in_force([each.effective_from for each in self.terms.quantities], day)
        return Fraction(self.terms.quantities[place].quantity if place >= 0 else self.terms.quantity)

    def price(self, day: date) -> Fraction:
        """Of one unit per ``price_per``, with the index; exact. A missing index value is asked for by ``missing_by``."""
        place = in_force([each.effective_from for each in self.terms.prices], day)
        agreed = Fraction(self.terms.prices[place].price if place >= 0 else self.terms.price)
        step = self._index_step(day)
        if self.terms.index is None or step is None or step.value is None:
            return agreed
        return agreed * (1 + index_change(self.terms.index, step))

    def worth(self, day: date) -> Fraction:
        return self.price(day) * self.quantity(day)

    def _index_step(self, day: date) -> IndexStep | None:
        index = self.terms.index
        place = in_force([each.effective_from for each in index.steps], day) if index is not None else -1
        return index.steps[place] if index is not None and place >= 0 else None

    def missing_by(self, day: date) -> IndexStep | None:
        """The first index value that is not known and counts by ``day``."""
        steps = self.terms.index.steps if self.terms.index is not None else ()
        return next((each for each in steps if each.value is None and each.effective_from <= day), None)

    def explain(self, period: Period) -> str:
        """How the amount comes about, where it is not one quantity at one price; with the index and its source."""
        changes = [step for step in self.steps if period.first < step <= period.last]
        said = [self._said(day) for day in (period.first, *changes)] if changes else []
        index, step = self.terms.index, self._index_step(period.last)
        if index is not None and step is not None and step.value is not None:
            said.append(f"{index.name} {step.value} against {index.base} ({step.source})")
        return f" ({'; '.join(said)})" if said else ""

    def _said(self, day: date) -> str:
        price = plain(self.price(day))
        spelled = "indexed price" if price is None else format(price, "f")
        return f"from {day.isoformat()}: {format(plain(self.quantity(day)) or 0, 'f')} x {spelled}"


def index_change(index: Indexation, step: IndexStep) -> Fraction:
    """The change of the price, 0.05 for 5 %, held between floor and cap; all against the base value."""
    assert step.value is not None
    change = (Fraction(step.value) / Fraction(index.base) - 1) * Fraction(index.share_percent) / 100
    if index.cap_percent is not None:
        change = min(change, Fraction(index.cap_percent) / 100)
    if index.floor_percent is not None:
        change = max(change, Fraction(index.floor_percent) / 100)
    return change
