"""Amounts: integer minor units of an ISO 4217 currency, closed under their operations; no cent made or lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from typing import Final, Self

from billwright.kernel.errors import AmountInvalidError, CurrencyUnknownError

# ISO 4217 active currencies (funds codes, metals and test codes left out); a test compares them with the published list.
_TWO_DIGITS: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
    "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
    "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN "
    "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"

MINOR_UNIT_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(_THREE_DIGITS.split(), 3),
}
MINOR_MAX: Final = 10**15  # fits BIGINT with room for sums over a tenant's lifetime


def is_currency(code: str | None) -> bool:
    """Whether ``code`` is an active ISO 4217 currency (crypto-assets are not)."""
    return code in MINOR_UNIT_DIGITS


def round_half_up(exact: Fraction | Decimal) -> int:
    """Nearest integer, halves away from zero, so that a credit mirrors its charge to the cent."""
    fraction = Fraction(exact)
    doubled = abs(fraction) * 2 + 1
    rounded = doubled.numerator // (doubled.denominator * 2)
    return rounded if fraction >= 0 else -rounded


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """``minor`` units of ``currency``: ``Money(1234_50, "EUR")`` is EUR 1,234.50."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        assert type(self.minor) is int, f"minor units must be int, got {self.minor!r}"
        assert self.currency in MINOR_UNIT_DIGITS, f"unknown currency {self.currency!r}"

    def __add__(self, other: Self) -> Self:
        assert self.currency == other.currency, f"{self.currency} + {other.currency}"
        return type(self)(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> Self:
        return self + -other

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    @property
    def decimal(self) -> Decimal:
        """The amount in major units with exactly the currency's digits."""
        return Decimal(self.minor).scaleb(-MINOR_UNIT_DIGITS[self.currency])

    def __str__(self) -> str:
        """For sentences: ``12,400.00 EUR``. Pages and documents format by the reader's locale instead."""
        return f"{self.decimal:,} {self.currency}"

    def times(self, factor: Decimal | Fraction) -> Self:
        """``self`` times ``factor``, rounded half-up once to the minor unit."""
        return type(self)(round_half_up(Fraction(self.minor) * Fraction(factor)), self.currency)

    def split(self, weights: Sequence[int]) -> list[Self]:
        """Divide into parts proportional to ``weights`` whose sum is exactly ``self``.

        Largest-remainder method: floor every share, then hand the leftover minor units, one
        each, to the largest remainders (earliest first on a tie), so no cent is made or lost.
        """
        assert weights, "split needs at least one weight"
        assert min(weights) >= 0
        assert sum(weights) > 0
        shares = [Fraction(self.minor * weight, sum(weights)) for weight in weights]
        parts = [share.__floor__() for share in shares]
        by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - shares[i], i))
        for i in by_remainder[: self.minor - sum(parts)]:
            parts[i] += 1
        assert sum(parts) == self.minor
        return [type(self)(part, self.currency) for part in parts]


def zero(currency: str) -> Money:
    return Money(0, currency)


def parse_amount(text: str | Decimal, currency: str, *, field: str = "amount") -> Money:
    """An amount in major units, as the API writes it (``"1234.50"``), as ``Money``.

    Raises:
        CurrencyUnknownError: ``currency`` is not an active ISO 4217 code.
        AmountInvalidError: not a plain decimal, more decimals than the currency has, or too large.
    """
    if currency not in MINOR_UNIT_DIGITS:
        raise CurrencyUnknownError(
            f"{currency!r} is not an active ISO 4217 currency; send a code such as EUR.", field=field
        )
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise AmountInvalidError(
            f'{text!r} is not an amount; send a decimal string such as "1234.50".', field=field
        ) from None
    if not value.is_finite() or abs(value) >= MINOR_MAX:
        raise AmountInvalidError(f"{text!r} is out of range.", field=field)
    digits = MINOR_UNIT_DIGITS[currency]
    scaled = value.scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise AmountInvalidError(
            f"{text} has more decimals than {currency} allows ({digits}); round it at the source.",
            field=field,
        )
    if abs(scaled) >= MINOR_MAX:
        raise AmountInvalidError(f"{text!r} is out of range.", field=field)
    return Money(int(scaled), currency)


def price_times_quantity(unit_price: Decimal, quantity: Decimal, currency: str) -> Money:
    """Line amount: unit price (major units, any decimals) times quantity, rounded half-up once.

    Source: EN 16931-1, BT-131 = BT-129 x (BT-146 / BT-149), rounded to the currency's minor unit.
    """
    exact = Fraction(unit_price) * Fraction(quantity) * 10 ** MINOR_UNIT_DIGITS[currency]
    return Money(round_half_up(exact), currency)


def tax_amount(taxable: Money, rate_basis_points: int) -> Money:
    """Tax on one tax-category subtotal.

    Args:
        taxable: Sum of the net line amounts that share this category and rate.
        rate_basis_points: Rate in 1/100 of a percent; 19 % is ``1900``. Range 0..10_000.

    Returns:
        The amount in the same currency, rounded once, half away from zero.

    Raises:
        AssertionError: ``rate_basis_points`` is out of range (a caller's bug, not user input).

    Source: EN 16931-1, BR-CO-17 (BT-117 = BT-116 x BT-119 / 100, rounded to two decimals).
    """
    assert 0 <= rate_basis_points <= 10_000, rate_basis_points
    return Money(round_half_up(Fraction(taxable.minor * rate_basis_points, 10_000)), taxable.currency)


def quantize(value: Decimal, digits: int) -> Decimal:
    """``value`` with ``digits`` decimals, half-up."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
