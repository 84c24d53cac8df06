"""What work uses up of a retainer: by period with roll-over and expiry, of a fund that is filled again, or all at the end."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Final

from billwright.extension.schedules import RetainerTerms, ScheduleView
from billwright.extension.views import ContractView, ItemProposal
from billwright_plugins.periods import Accrual, Period, last_day, periods, today
from billwright_plugins.schedule_items import Figures, Target, figures, lump, plain, propose, target_of, title

HOUR_PARTS: Final = 10_000  # hours of a period that was cut short have four decimals


@dataclass(slots=True)
class Pot:
    """What was prepaid by period, in hours or minor units. Oldest first, never more than was paid, none after it expired.

    ``rollover_max`` bounds what may pass from one period into the next ones, whatever is asked for first.
    """

    granted: Sequence[Fraction]
    expires_after: int
    rollover_max: Fraction | None
    _used: defaultdict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    _carried: defaultdict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def take(self, period: int, wanted: Fraction) -> Fraction:
        """As much of ``wanted`` as there is for the period with this index."""
        taken = Fraction(0)
        for source in range(max(0, period - self.expires_after), period + 1):
            free = self.granted[source] - self._used[source]
            if self.rollover_max is not None:
                for border in range(source, period):
                    free = min(free, self.rollover_max - self._carried[border])
            part = max(Fraction(0), min(free, wanted - taken))
            self._used[source] += part
            for border in range(source, period):
                self._carried[border] += part
            taken += part
        return taken


def settlements(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, items: Sequence[ItemProposal]
) -> Iterator[ItemProposal]:
    """What ``items`` settle, add or leave over, by the retainer's style."""
    target = target_of(contract, terms.currency)
    if target is None:
        return
    if terms.style == "drawdown":
        yield from _by_period(contract, schedule, terms, items, target)
    elif terms.style == "replenishing":
        yield from _by_fund(contract, schedule, terms, items, target)
    elif terms.true_up != "none":
        yield from _true_up(contract, schedule, terms, items, target)


def _covered(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, items: Sequence[ItemProposal], target: Target
) -> tuple[list[tuple[ItemProposal, int]], list[tuple[ItemProposal, int]]]:
    """(billed with a settlement, with its minor units; open, with what is left of it), each oldest first."""
    closes = last_day(contract, terms.ends_on)
    taken: defaultdict[str, int] = defaultdict(int)
    for each in items:
        if each.follows is not None and each.amount is not None:
            taken[each.follows] += each.amount.minor
    settled: list[tuple[ItemProposal, int]] = []
    opened: list[tuple[ItemProposal, int]] = []
    for item in sorted(items, key=lambda each: (each.service_to or date.max, each.transaction_key)):
        if item.kind not in terms.covers or item.amount is None or item.service_to is None or not item.ready:
            continue
        within = terms.starts_on <= item.service_to and (closes is None or item.service_to <= closes)
        if not within or item.amount.currency != target.currency or item.amount.minor <= 0:
            continue
        billed = contract.billed.get(_key(schedule, item))
        if billed is not None:
            settled.append((item, -billed.amount.minor))
        elif item.transaction_key not in contract.billed:
            opened.append((item, item.amount.minor + taken[item.transaction_key]))
    return settled, opened


def _by_period(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, items: Sequence[ItemProposal], target: Target
) -> Iterator[ItemProposal]:
    found = periods(terms.starts_on, last_day(contract, terms.ends_on), terms.every, "calendar", today(contract))
    pot = Pot(
        granted=[_granted(contract, schedule, terms, period, items) for period in found],
        expires_after=terms.rollover_periods,
        rollover_max=_limit(terms, target),
    )
    settled, opened = _covered(contract, schedule, terms, items, target)
    for item, minor in settled:
        hours = -Fraction(contract.billed[_key(schedule, item)].quantity)
        pot.take(_place(found, item), hours if terms.hours is not None else Fraction(minor))
        yield _settlement(contract, schedule, item, minor, hours, target)
    for item, left in opened:
        assert item.amount is not None
        assert item.unit_price is not None
        if terms.hours is None:
            minor = int(pot.take(_place(found, item), Fraction(left)))
            hours = Fraction(0)
        elif item.unit == "HUR" and left == item.amount.minor:
            hours = pot.take(_place(found, item), Fraction(item.quantity))
            whole = hours == Fraction(item.quantity)
            minor = (
                left if whole else min(left, Target(currency=target.currency).minor(hours * Fraction(item.unit_price)))
            )
        else:
            continue
        if minor:
            yield _settlement(contract, schedule, item, minor, hours, target)


def _granted(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, period: Period, items: Sequence[ItemProposal]
) -> Fraction:
    """Hours or minor units of a period, once it may be billed: a period that was cut short grants its share."""
    key = f"retainer:{contract.id}:{schedule.id}:{period.key}"
    paid = next((each for each in items if each.transaction_key == key and each.ready), None)
    if paid is None or paid.amount is None or key in contract.credited:
        return Fraction(0)
    if terms.hours is None:
        billed = contract.billed.get(key)
        return Fraction(billed.amount.minor if billed is not None else paid.amount.minor)
    hours = Fraction(terms.hours)
    accrual = Accrual(starts_on=terms.starts_on, align="calendar", per=terms.every, steps=(), worth=lambda _: hours)
    return Fraction(int(accrual.between(period.first, period.last) * HOUR_PARTS), HOUR_PARTS)


def _limit(terms: RetainerTerms, target: Target) -> Fraction | None:
    if terms.rollover_max is None:
        return None
    return (
        Fraction(terms.rollover_max)
        if terms.hours is not None
        else Fraction(target.minor(Fraction(terms.rollover_max)))
    )


def _place(found: Sequence[Period], item: ItemProposal) -> int:
    assert item.service_to is not None
    day = item.service_to
    return next((place for place, period in enumerate(found) if day <= period.last), len(found) - 1)


def _by_fund(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, items: Sequence[ItemProposal], target: Target
) -> Iterator[ItemProposal]:
    """A fund that work draws on; it is filled up again when it falls below the level, once the last filling was billed."""
    base = f"retainer:{contract.id}:{schedule.id}:"
    deposit = next((each for each in items if each.transaction_key == f"{base}1" and each.ready), None)
    if deposit is None or deposit.amount is None or f"{base}1" in contract.credited:
        return
    fund = contract.billed[f"{base}1"].amount.minor if f"{base}1" in contract.billed else deposit.amount.minor
    number = 2
    while (key := f"{base}{number}") in contract.billed:
        minor = contract.billed[key].amount.minor
        fund += minor
        yield _top_up(contract, schedule, key, minor, target)
        number += 1
    settled, opened = _covered(contract, schedule, terms, items, target)
    for item, minor in settled:
        fund -= minor
        yield _settlement(contract, schedule, item, minor, Fraction(0), target)
    for item, left in opened:
        minor = max(0, min(left, fund))
        fund -= minor
        if minor:
            yield _settlement(contract, schedule, item, minor, Fraction(0), target)
    assert terms.replenish_below is not None
    if _is_over(contract, terms):
        if fund > 0:
            yield _left_over(contract, schedule, fund, target)
    elif fund < target.minor(Fraction(terms.replenish_below)):
        yield _top_up(contract, schedule, key, target.minor(Fraction(terms.amount)) - fund, target)


def _is_over(contract: ContractView, terms: RetainerTerms) -> bool:
    closes = last_day(contract, terms.ends_on)
    return contract.status != "active" or (closes is not None and closes < today(contract))


def _true_up(
    contract: ContractView, schedule: ScheduleView, terms: RetainerTerms, items: Sequence[ItemProposal], target: Target
) -> Iterator[ItemProposal]:
    """After the end: the value of the work at its rates, less what was paid. Work that is billed itself is left out."""
    closes = last_day(contract, terms.ends_on)
    base = f"retainer:{contract.id}:{schedule.id}:"
    key = f"{base}true_up"
    if closes is None or closes > today(contract) or (closes == today(contract) and contract.status == "active"):
        return
    paid = sum(
        contract.billed[each.transaction_key].amount.minor
        if each.transaction_key in contract.billed
        else each.amount.minor
        for each in items
        if each.transaction_key.startswith(base) and each.ready and each.amount is not None
    )
    work = sum(
        each.amount.minor
        for each in items
        if each.kind in terms.covers and each.reasons == ("billing_is_fixed_price",) and each.amount is not None
        if each.amount.currency == target.currency
        if each.service_to is not None and terms.starts_on <= each.service_to <= closes
    )
    minor = contract.billed[key].amount.minor if key in contract.billed else work - paid
    if minor > 0 or (minor < 0 and terms.true_up == "both"):
        said = f"work {_decimal(work, target)}, paid {_decimal(paid, target)}"
        yield propose(
            contract, schedule, kind="retainer", key=key, text=f"{title(schedule, 'True-up of retainer')}: {said}",
            figure=lump(minor, target), target=target, codes=(), service=(terms.starts_on, closes),
        )  # fmt: skip


def _key(schedule: ScheduleView, item: ItemProposal) -> str:
    return f"drawdown:{schedule.id}:{item.transaction_key}"


def _decimal(minor: int, target: Target) -> str:
    figure = lump(minor, target)
    return format(figure.unit_price * figure.quantity, "f")


def _settlement(
    contract: ContractView, schedule: ScheduleView, item: ItemProposal, minor: int, hours: Fraction, target: Target
) -> ItemProposal:
    """``minor`` taken off ``item``: hours at their price where that gives it exactly, else in one piece."""
    figure: Figures = lump(-minor, target)
    what = item.description
    if hours > 0 and item.unit_price is not None and plain(hours) is not None:
        figure = figures(-minor, target, -hours, Fraction(item.unit_price), item.unit)
        what = what.partition(" — ")[0]  # hours of one person share a line, as they do where they are charged
    proposal = propose(
        contract, schedule, kind="drawdown", key=_key(schedule, item),
        text=f"Drawn from retainer {schedule.number}: {what}", figure=figure, target=target, codes=(),
        service=(item.service_from, item.service_to), follows=item.transaction_key,
    )  # fmt: skip
    return replace(proposal, rate_id=item.rate_id, change_order_id=item.change_order_id)


def _top_up(contract: ContractView, schedule: ScheduleView, key: str, minor: int, target: Target) -> ItemProposal:
    return propose(
        contract, schedule, kind="retainer", key=key, text=f"{title(schedule, 'Retainer')}, filled up again",
        figure=lump(minor, target), target=target, codes=(),
    )  # fmt: skip


def _left_over(contract: ContractView, schedule: ScheduleView, minor: int, target: Target) -> ItemProposal:
    return propose(
        contract, schedule, kind="drawdown", key=f"drawdown:{schedule.id}:left",
        text=f"Left of retainer {schedule.number}", figure=lump(-minor, target), target=target,
        codes=("advance_left_over",),
    )  # fmt: skip
