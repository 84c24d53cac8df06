"""How much of each entry is billed: increments, minimums, days, and corrections of other entries. Pure and exact."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.schedules import BilledItem
from billwright.extension.terms_time import MINUTES_AN_HOUR, TimeTerms
from billwright.extension.views import TimeEntryView
from billwright.kernel.money import quantize, round_half_up

DIGITS: Final = 6
"""Decimals of a billed quantity: a third of an hour is 0.333333."""
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """An entry with what its quantity depends on. ``root`` is the entry that it corrects, or itself."""

    entry: TimeEntryView
    root: TimeEntryView
    unit: str
    rate_id: str
    minimum: Decimal

    @property
    def key(self) -> str:
        return f"time:{self.entry.id}"


def billed_quantities(terms: TimeTerms, rated: Sequence[Rated], billed: Mapping[str, BilledItem]) -> dict[str, Decimal]:
    """Quantity by entry, in its unit. What is ``billed`` already stays, and counts towards what is rounded together."""
    quantities: dict[str, Decimal] = {}
    together: defaultdict[tuple[object, ...], list[Rated]] = defaultdict(list)
    for each in rated:
        if each.unit == "HUR" and not terms.increment_minutes and not each.minimum:
            quantities[each.entry.id] = each.entry.hours
        else:
            together[_together(terms, each)].append(each)
    for members in together.values():
        quantities |= _rounded(terms, members, billed)
    return quantities


def _together(terms: TimeTerms, each: Rated) -> tuple[object, ...]:
    """What is rounded as one. An entry that is not approved stands by itself: nobody knows whether it will count."""
    if each.entry.status != "approved":
        return ("alone", each.entry.id)
    if each.unit == "HUR" and terms.per == "entry":
        return ("entry", each.root.id)
    root = each.root
    person = (root.person_email or root.person_name).strip().casefold()
    return ("day", person, root.worked_on, each.rate_id, root.work_kind.strip().casefold())


def _rounded(terms: TimeTerms, members: Sequence[Rated], billed: Mapping[str, BilledItem]) -> dict[str, Decimal]:
    entered = [each for each in members if each.entry.hours > 0]
    taken_back = [each for each in members if each.entry.hours <= 0]
    unit = members[0].unit
    before = _units(terms, unit, _effective(entered, ()))
    after = _units(terms, unit, _effective(entered, taken_back))
    return {
        **_shared(before, entered, billed, sign=1),
        **_shared(after - before, taken_back, billed, sign=-1),
    }


def _effective(entered: Sequence[Rated], taken_back: Sequence[Rated]) -> Fraction:
    """Hours that count: each entry less its corrections, but not less than its minimum while anything of it is left."""
    less: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in taken_back:
        less[each.root.id] += each.entry.hours
    total = Fraction(0)
    for each in entered:
        hours = each.entry.hours + less[each.entry.id]
        total += Fraction(max(hours, each.minimum)) if hours > 0 else 0
    return total


def _units(terms: TimeTerms, unit: str, hours: Fraction) -> Decimal:
    """``hours`` in whole steps of the unit: increments of an hour, or parts of a day."""
    if unit == "DAY":
        step = Fraction(terms.day_step)
        amount = _steps(hours / Fraction(terms.hours_per_day) / step, terms.rounding) * step
    elif terms.increment_minutes:
        step = Fraction(terms.increment_minutes, MINUTES_AN_HOUR)
        amount = _steps(hours / step, terms.rounding) * step
    else:
        amount = hours
    return _decimal(amount)


def _steps(exact: Fraction, rounding: str) -> int:
    return -(-exact.numerator // exact.denominator) if rounding == "up" else round_half_up(exact)


def _decimal(amount: Fraction) -> Decimal:
    return quantize(Decimal(amount.numerator) / Decimal(amount.denominator), DIGITS).normalize()


def _shared(
    total: Decimal, members: Sequence[Rated], billed: Mapping[str, BilledItem], *, sign: int
) -> dict[str, Decimal]:
    """``total`` over the members by their hours, to the last decimal; billed ones keep what they have."""
    done = {each.entry.id: billed[each.key].quantity for each in members if each.key in billed}
    open_ = [each for each in members if each.entry.id not in done]
    rest = total - sum(done.values(), start=ZERO)
    if rest * sign <= 0:
        return done | {each.entry.id: ZERO for each in open_}
    hours = sum((abs(each.entry.hours) for each in open_), start=ZERO)
    shares, given, so_far = {}, ZERO, ZERO
    for each in open_:
        so_far += abs(each.entry.hours)
        upto = rest if so_far == hours else _decimal(Fraction(rest) * Fraction(so_far) / Fraction(hours))
        shares[each.entry.id] = (upto - given).normalize()
        given = upto
    return done | shares
