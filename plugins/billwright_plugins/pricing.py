"""What the first-party triggers share: an exact price in, an amount of an ISO currency or the reasons against it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final, Self

from billwright.extension.views import ContractView
from billwright.kernel.money import MINOR_MAX, MINOR_UNIT_DIGITS, Money, is_currency, round_half_up

Settlement = Mapping[str, tuple[Decimal, str, str]]

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
DESCRIPTION_MAX: Final = 300
EXACT_DIGITS: Final = 200  # a product of two amounts that ``exact`` lets through has fewer digits: never rounded
_MAGNITUDE_MAX: Final = 30  # beyond it an exact fraction would take memory without end and no amount could come of it

AMOUNT_REASONS: Final = (
    "no_amount",
    "negative_amount",
    "zero_amount",
    "unknown_currency",
    "amount_too_precise",
    "amount_out_of_range",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """``money`` when ``problems`` is empty. ``remark`` says how a converted amount came about, for the invoice line."""

    money: Money | None = None
    unit_price: Decimal | None = None
    problems: frozenset[str] = frozenset()
    converted: bool = False
    remark: str = ""

    def at(self, unit_price: Decimal | None) -> Self:
        """The same amount, reached from ``unit_price`` times a quantity."""
        return self if self.money is None else replace(self, unit_price=unit_price)


def exact(amount: Decimal | None) -> Fraction | None:
    """``amount`` without any rounding; ``None`` if there is none or it is no number of a sensible size."""
    if amount is None or not amount.is_finite() or magnitude_problem(amount) is not None:
        return None
    return Fraction(amount)


def magnitude_problem(amount: Decimal | None) -> str | None:
    """The reason against an amount so large or so finely divided that it cannot be computed with."""
    if amount is None or not amount.is_finite():
        return None
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)  # finite, so not one of the letters for NaN and infinity
    if amount and amount.adjusted() > _MAGNITUDE_MAX:
        return "amount_out_of_range"
    return "amount_too_precise" if exponent < -_MAGNITUDE_MAX else None


def charge(amount: Fraction | None, currency: str | None, settlement: Settlement, *, rounding: bool) -> Charge:
    """One amount in major units as ``Money``, or every reason why it is none.

    Args:
        amount: Exact, in major units of ``currency``.
        currency: As the source has it; what is no ISO code is converted if the tenant declared a settlement for it.
        settlement: Unit -> (rate, settlement currency, source of the rate).
        rounding: Whether more decimals than the currency has are rounded half-up (a share of a value, a converted
            amount) or held against it (an agreed price).
    """
    problems = set(_sign_problems(amount))
    terms = None if is_currency(currency) else settlement.get(currency or "")
    target = currency if is_currency(currency) else (terms[1] if terms else None)
    if target is None or not is_currency(target):
        problems.add("unknown_currency")
    if problems or amount is None or target is None:
        return Charge(problems=frozenset(problems))
    in_target = amount * Fraction(terms[0]) if terms else amount
    return _as_money(in_target, target, rounding=rounding or terms is not None, remark=_remark(amount, currency, terms))


def unit_price_in(price: Decimal, currency: str, settlement: Settlement) -> Decimal:
    """``price`` of one unit, in the settlement currency if one is declared for ``currency``; never rounded."""
    terms = None if is_currency(currency) else settlement.get(currency)
    if terms is None:
        return price
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        return price * terms[0]


def _sign_problems(amount: Fraction | None) -> tuple[str, ...]:
    if amount is None:
        return ("no_amount",)
    if amount < 0:
        return ("negative_amount",)
    return () if amount else ("zero_amount",)


def _as_money(amount: Fraction, currency: str, *, rounding: bool, remark: str) -> Charge:
    scaled = amount * 10 ** MINOR_UNIT_DIGITS[currency]
    minor = round_half_up(scaled)
    if scaled != minor and not rounding:
        return Charge(problems=frozenset({"amount_too_precise"}))
    if abs(minor) >= MINOR_MAX:
        return Charge(problems=frozenset({"amount_out_of_range"}))
    if minor <= 0:  # a fraction of a cent, or a settlement declared with a rate of zero or less
        return Charge(problems=frozenset({"negative_amount" if minor else "zero_amount"}))
    money = Money(minor, currency)
    return Charge(money=money, unit_price=money.decimal, converted=bool(remark), remark=remark)


def _remark(amount: Fraction, currency: str | None, terms: tuple[Decimal, str, str] | None) -> str:
    if terms is None:
        return ""
    rate, target, source = terms
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        stated = format((Decimal(amount.numerator) / Decimal(amount.denominator)).normalize(), "f")
    return f"{stated} {currency} at {rate} {target}" + (f", {source}" if source else "")


def party_reasons(contract: ContractView) -> tuple[str, ...]:
    """An unknown contract has no customer yet, so only the contract is named: nobody could mend the other."""
    if not contract.known:
        return ("contract_unknown",)
    return () if contract.customer_known else ("customer_unknown",)


def signed_change_orders(contract: ContractView) -> frozenset[str]:
    return frozenset(order.id for order in contract.change_orders if order.signed_at is not None)


def version_at(contract: ContractView, moment: datetime) -> str | None:
    """The contract version in force at ``moment``; the earliest if all came later."""
    ordered = sorted(contract.versions, key=lambda version: (version[0] or BEGINNING, version[1]))
    in_force = [identifier for effective_at, identifier in ordered if (effective_at or BEGINNING) <= moment]
    if in_force:
        return in_force[-1]
    return ordered[0][1] if ordered else contract.version_id


def start_of_day(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def in_order(codes: Collection[str], order: Sequence[str]) -> tuple[str, ...]:
    """``codes`` in the fixed order in which people see them. A code outside ``order`` is a bug of the plugin."""
    assert set(codes) <= set(order), f"codes without a place: {set(codes) - set(order)}"
    return tuple(code for code in order if code in codes)


def shortened(text: str) -> str:
    """One line of at most 300 characters for an invoice."""
    line = " ".join(text.split())
    return line if len(line) <= DESCRIPTION_MAX else line[: DESCRIPTION_MAX - 1].rstrip() + "…"
