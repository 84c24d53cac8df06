"""How much of which allocation a credit takes back, and its tax. Pure; nothing is made or lost by rounding.

All figures have the sign that they have on the invoice; the credit note carries them with the other sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from typing import Final
from uuid import UUID

from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, price_times_quantity, round_half_up, tax_amount

DIGITS_MAX: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What earlier credits left of one allocation of an invoice line."""

    allocation_id: UUID
    item_id: UUID
    quantity: Decimal
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a credit takes of it."""

    left: Left
    quantity: Decimal
    amount_minor: int


def take_all(lefts: Sequence[Left]) -> list[Part]:
    """Everything that is left."""
    return [Part(left=each, quantity=each.quantity, amount_minor=each.amount_minor) for each in lefts]


def take_quantity(lefts: Sequence[Left], wanted: Decimal, unit_price: Decimal, currency: str) -> list[Part]:
    """``wanted`` of the quantity, from the first of ``lefts`` on; empty when that is nothing, or more than is left."""
    total = sum((each.quantity for each in lefts), start=Decimal(0))
    if not 0 < wanted <= abs(total):
        return []
    if wanted == abs(total):
        return take_all(lefts)
    open_, parts = wanted.copy_sign(total), []
    for each in lefts:
        if not open_:
            break
        if abs(each.quantity) <= abs(open_):
            parts.append(Part(left=each, quantity=each.quantity, amount_minor=each.amount_minor))
        else:
            bounds = sorted((0, each.amount_minor))
            minor = price_times_quantity(unit_price, open_, currency).minor
            parts.append(Part(left=each, quantity=open_, amount_minor=max(bounds[0], min(bounds[1], minor))))
        open_ -= parts[-1].quantity
    return parts


def take_amount(lefts: Sequence[Left], wanted_minor: int, unit_price: Decimal, currency: str) -> list[Part]:
    """``wanted_minor`` of the net amount, from the first of ``lefts`` on; empty when nothing, or more than is left."""
    total = sum(each.amount_minor for each in lefts)
    if not 0 < wanted_minor <= abs(total):
        return []
    if wanted_minor == abs(total):
        return take_all(lefts)
    open_, parts = wanted_minor if total > 0 else -wanted_minor, []
    for each in lefts:
        if not open_:
            break
        if not each.amount_minor:
            continue
        if abs(each.amount_minor) <= abs(open_):
            parts.append(Part(left=each, quantity=each.quantity, amount_minor=each.amount_minor))
        else:
            quantity = _quantity_for(each, open_, unit_price, currency)
            parts.append(Part(left=each, quantity=quantity, amount_minor=open_))
        open_ -= parts[-1].amount_minor
    return parts


def _quantity_for(left: Left, minor: int, unit_price: Decimal, currency: str) -> Decimal:
    """The quantity with the fewest decimals that comes to ``minor`` at the price, and leaves what comes to the rest."""
    scale = 10 ** MINOR_UNIT_DIGITS[currency]
    exact = Fraction(minor, scale) / Fraction(unit_price) if unit_price else Fraction(0)
    if not 0 < exact / Fraction(left.quantity) < 1:
        exact = Fraction(left.quantity) * minor / left.amount_minor
    rest = left.amount_minor - minor
    for digits in range(DIGITS_MAX):
        for candidate in _rounded(exact, digits):
            inside = 0 < Fraction(candidate) / Fraction(left.quantity) < 1
            if (
                inside
                and price_times_quantity(unit_price, candidate, currency).minor == minor
                and price_times_quantity(unit_price, left.quantity - candidate, currency).minor == rest
            ):
                return candidate
    return _rounded(Fraction(left.quantity) * minor / left.amount_minor, DIGITS_MAX)[0]


def fitting_price(unit_price: Decimal, quantity: Decimal, net_minor: int, currency: str) -> Decimal:
    """The price if it comes to the net amount; else the one nearest to it, with the fewest decimals, that does."""
    if not quantity or price_times_quantity(unit_price, quantity, currency).minor == net_minor:
        return unit_price
    exact = Fraction(net_minor, 10 ** MINOR_UNIT_DIGITS[currency]) / Fraction(quantity)
    for digits in range(MINOR_UNIT_DIGITS[currency], 60):
        for candidate in _rounded(exact, digits):
            if price_times_quantity(candidate, quantity, currency).minor == net_minor:
                return candidate
    raise AssertionError(f"no price of {quantity} comes to {net_minor}")


def _rounded(exact: Fraction, digits: int) -> tuple[Decimal, Decimal]:
    """``exact`` cut and raised to ``digits`` decimals."""
    with localcontext(prec=120) as context:
        context.clear_traps()
        value = Decimal(exact.numerator) / Decimal(exact.denominator)
        step = Decimal(1).scaleb(-digits)
        return value.quantize(step, rounding=ROUND_FLOOR), value.quantize(step, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class TaxKey:
    """What shares a row of the tax breakdown. ``parts_ppm`` are the rates of several taxes on one base, in millionths."""

    category: str
    rate_basis_points: int
    reason: str = ""
    exemption: str = ""
    parts_ppm: tuple[int, ...] = ()

    def tax_of(self, taxable: Money) -> int:
        """Rounded once per tax."""
        if not self.parts_ppm:
            return tax_amount(taxable, self.rate_basis_points).minor
        return sum(round_half_up(Fraction(taxable.minor * ppm, 1_000_000)) for ppm in self.parts_ppm)


def credit_tax(key: TaxKey, *, before: Money, before_tax_minor: int, now_minor: int) -> int:
    """Tax of a credit of ``now_minor`` net, where credits of ``before`` net took ``before_tax_minor`` already.

    Of the sum of all credits up to here, less what they took: each is within one minor unit per tax of its own rounding,
    and all together take exactly the invoice's tax, however it is cut.
    """
    return key.tax_of(before + Money(now_minor, before.currency)) - before_tax_minor
