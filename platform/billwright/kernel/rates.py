"""Exchange rates by day, exact. Pure: what is rounded is an amount, once, never a rate.

Sources publish units of each currency for one euro. A rate between two others is their quotient, as a fraction.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Final

from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, round_half_up

EURO: Final = "EUR"
TEXT_DIGITS: Final = 12  # significant digits of a quotient as people read it; amounts are made with the exact one


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One ``of`` is ``value`` ``into``. ``on`` is the day that the source published it for, not the day that was asked for."""

    of: str
    into: str
    value: Fraction
    on: date
    source: str

    def convert(self, amount: Money) -> Money:
        """``amount`` in ``into``, rounded half-up once to its minor unit."""
        assert amount.currency == self.of, f"{amount.currency} at a rate of {self.of}"
        return Money(round_half_up(self.exact_minor(amount.minor)), self.into)

    def exact_minor(self, minor: int) -> Fraction:
        """Minor units of ``of`` in minor units of ``into``, not rounded."""
        return minor * self.value * Fraction(10) ** (MINOR_UNIT_DIGITS[self.into] - MINOR_UNIT_DIGITS[self.of])

    @property
    def text(self) -> str:
        """The rate for people: twelve significant digits at most."""
        with localcontext() as context:
            context.prec = TEXT_DIGITS
            return format((Decimal(self.value.numerator) / Decimal(self.value.denominator)).normalize(), "f")

    def kept(self) -> dict[str, Any]:
        """As it is stored beside what it made: the fraction itself, so that everything can be computed again."""
        exact = f"{self.value.numerator}/{self.value.denominator}"
        return {
            "of": self.of,
            "into": self.into,
            "rate": self.text,
            "exact": exact,
            "on": self.on.isoformat(),
            "source": self.source,
        }


def same(currency: str, on: date) -> Rate:
    """A currency in itself."""
    return Rate(of=currency, into=currency, value=Fraction(1), on=on, source="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDay:
    """What ``source`` published for one day: units of each currency for one euro."""

    on: date
    source: str
    per_euro: Mapping[str, Decimal]

    def between(self, of: str, into: str) -> Fraction | None:
        """One ``of`` in ``into``; none if the day has no rate of one of them."""
        dividend, divisor = self._euro(into), self._euro(of)
        return None if dividend is None or divisor is None else dividend / divisor

    def _euro(self, currency: str) -> Fraction | None:
        if currency == EURO:
            return Fraction(1)
        rate = self.per_euro.get(currency)
        return None if rate is None else Fraction(rate)


class Rates:
    """Days of one source, any order, each at most once."""

    def __init__(self, days: Iterable[RateDay] = ()) -> None:
        self._days: Sequence[RateDay] = sorted(days, key=lambda day: day.on)
        self._dates = [day.on for day in self._days]
        assert len(set(self._dates)) == len(self._dates), "a day twice"

    def find(self, of: str, into: str, on: date, *, days_max: int | None = None) -> Rate | None:
        """The rate of ``on``, or the last one known before it, at most ``days_max`` days; none if there is none.

        Sources leave out weekends and holidays. A day that lacks one of the two currencies counts as no day.
        """
        if of == into:
            return same(of, on)
        for position in range(bisect_right(self._dates, on) - 1, -1, -1):
            day = self._days[position]
            if days_max is not None and (on - day.on).days > days_max:
                return None
            value = day.between(of, into)
            if value is not None:
                return Rate(of=of, into=into, value=value, on=day.on, source=day.source)
        return None


def spread(parts_minor: Sequence[int], rate: Rate, total_minor: int) -> list[int]:
    """Parts in ``rate.into`` whose sum is exactly ``total_minor``: each is rounded, and what is then missing goes to the
    parts that rounding treated worst, one minor unit each, earlier parts first. Parts of zero stay zero.

    Where ``total_minor`` is what the parts' sum was rounded to, no part moves by more than one unit.
    """
    exact = [rate.exact_minor(part) for part in parts_minor]
    rounded = [round_half_up(each) for each in exact]
    missing = total_minor - sum(rounded)
    step = 1 if missing > 0 else -1
    movable = [place for place, part in enumerate(parts_minor) if part]
    movable.sort(key=lambda place: (step * (rounded[place] - exact[place]), place))
    assert movable or not missing, f"{total_minor} is not what {parts_minor} come to"
    for turn in range(abs(missing)):
        rounded[movable[turn % len(movable)]] += step
    return rounded


def carried(total_minor: int, part_minor: int, whole_minor: int) -> int:
    """What of ``total_minor`` belongs to ``part_minor`` of ``whole_minor``, rounded half-up.

    Taking ``carried(open before) - carried(open after)`` for each part gives exactly ``total_minor`` over all parts,
    whatever they are and in which order.
    """
    return round_half_up(Fraction(total_minor * part_minor, whole_minor)) if whole_minor else 0
