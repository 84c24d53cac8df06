"""How much of an invoice is held back. Pure: exact fractions until the one rounding per contract, document and tax.

Everything is signed from the seller's claim and in minor units of one currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.terms_holdback import HoldbackTerms
from billwright.kernel.money import MINOR_UNIT_DIGITS, round_half_up

WITHHELD: Final = ":withheld:"
NEVER_WITHHELD: Final = frozenset({"holdback", "drawdown", "statement"})
"""Kinds that are no work of this invoice: money held back before, advances that are set off, mere information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was billed and withheld before the document at hand, by documents that come before it."""

    billed_minor: int = 0
    withheld_minor: int = 0
    closed: bool = False
    """The last release has come: nothing is withheld any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one document bills of one contract under one tax: net by kind, with the tax rate in basis points."""

    net_by_kind: Mapping[str, int]
    rate_basis_points: int

    @property
    def net_minor(self) -> int:
        return sum(minor for kind, minor in self.net_by_kind.items() if kind not in NEVER_WITHHELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """``base_minor`` is the work that counts, net; ``withheld_minor`` per part, in the order of the parts."""

    base_minor: int
    withheld_minor: tuple[int, ...]

    @property
    def total_minor(self) -> int:
        return sum(self.withheld_minor)


def withhold(
    terms: HoldbackTerms,
    parts: Sequence[Part],
    standing: Standing,
    *,
    gross: bool,
    value_minor: int | None,
    currency: str,
) -> Withheld:
    """What of ``parts`` is withheld; never below zero, never more than the cap leaves, never more than the parts themselves.

    ``gross``: of the amounts with their tax. ``value_minor``: the contract's value as amended; where there is none, steps and
    a cap in percent of it do not apply, so that more is withheld rather than less.
    """
    base = sum(part.net_minor for part in parts)
    if standing.closed or base <= 0:
        return Withheld(base_minor=base, withheld_minor=(0,) * len(parts))
    factor = _factor(terms, base, standing, value_minor)
    exact = [_exact(terms, part, gross) * factor for part in parts]
    whole = min(max(round_half_up(sum(exact, start=Fraction(0))), 0), _room(terms, standing, value_minor, currency))
    return Withheld(base_minor=base, withheld_minor=_spread(whole, exact))


def _exact(terms: HoldbackTerms, part: Part, gross: bool) -> Fraction:
    """At the full percentages, before any step."""
    net = sum(
        (
            Fraction(minor) * Fraction(terms.percent_of(kind)) / 100
            for kind, minor in part.net_by_kind.items()
            if kind not in NEVER_WITHHELD
        ),
        start=Fraction(0),
    )
    return net * (1 + Fraction(part.rate_basis_points, 10_000)) if gross else net


def _factor(terms: HoldbackTerms, base: int, standing: Standing, value_minor: int | None) -> Fraction:
    """What the steps leave of the full percentage, over the stretch of the contract's value that ``base`` covers."""
    if not terms.steps or not value_minor or not terms.percent:
        return Fraction(1)
    bounds = [(Fraction(0), terms.percent)]
    bounds += [(Fraction(step.from_percent) * value_minor / 100, step.percent) for step in terms.steps]
    start, end = standing.billed_minor, standing.billed_minor + base
    total = Fraction(0)
    for index, (low, percent) in enumerate(bounds):
        high = bounds[index + 1][0] if index + 1 < len(bounds) else Fraction(max(end, 0)) + low
        covered = min(Fraction(end), high) - max(Fraction(start), low if index else Fraction(min(start, 0)))
        total += max(covered, Fraction(0)) * Fraction(percent)
    return total / (base * Fraction(terms.percent))


def _room(terms: HoldbackTerms, standing: Standing, value_minor: int | None, currency: str) -> int:
    """What the cap leaves; the smaller of the two where both are agreed."""
    caps = [10**18]
    if terms.cap_amount is not None:
        caps.append(round_half_up(Fraction(terms.cap_amount) * 10 ** MINOR_UNIT_DIGITS[currency]))
    if terms.cap_percent is not None and value_minor is not None:
        caps.append(round_half_up(Fraction(terms.cap_percent) * value_minor / 100))
    return max(min(caps) - standing.withheld_minor, 0)


def _spread(whole: int, exact: Sequence[Fraction]) -> tuple[int, ...]:
    """``whole`` over the parts in proportion, by largest remainder; parts below zero take nothing."""
    weights = [max(each, Fraction(0)) for each in exact]
    total = sum(weights, start=Fraction(0))
    if not whole or not total:
        return (0,) * len(exact)
    shares = [whole * weight / total for weight in weights]
    parts = [share.__floor__() for share in shares]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - shares[i], i))
    for i in order[: whole - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def plain_percent(value: Decimal) -> str:
    """``10`` of ``10.00``."""
    return format(value.normalize(), "f")


def is_withheld(transaction_key: str) -> bool:
    """Whether the item is what a draft takes off, not work and not a release: triggers know nothing of it."""
    return transaction_key.startswith("holdback:") and WITHHELD in transaction_key
