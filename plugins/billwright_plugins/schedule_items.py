"""What the triggers of schedules share: exact values in, proposals with amounts of an ISO currency or reasons against them out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from billwright.extension.schedules import ScheduleView, Timing
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.money import MINOR_MAX, MINOR_UNIT_DIGITS, Money, is_currency, round_half_up
from billwright_plugins.periods import Period, beginning_of, today
from billwright_plugins.pricing import in_order, party_reasons, shortened, signed_change_orders, version_at

Kind = Literal["retainer", "subscription", "usage", "progress", "drawdown"]
DECIMALS_MAX: Final = 12

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "schedule_unknown",
    "change_order_unsigned",
    "closing_day_missing",
    "too_many_periods",
    "index_value_missing",
    "not_in_schedule",
    "report_not_approved",
    "progress_superseded",
    "advance_left_over",
    "period_not_due",
    "unknown_currency",
    "amount_out_of_range",
    "zero_amount",
)
"""All reasons of these triggers, in the order in which people see them; each trigger names its own as ``REASONS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The currency that is billed, and what one unit of the schedule's currency is in it (1, or a declared settlement rate)."""

    currency: str
    rate: Fraction = Fraction(1)

    def minor(self, exact: Fraction) -> int:
        """``exact`` major units of the schedule's currency in minor units of this one, rounded half-up once."""
        return round_half_up(exact * self.rate * 10 ** MINOR_UNIT_DIGITS[self.currency])

    def price(self, exact: Fraction) -> Fraction:
        return exact * self.rate


def target_of(contract: ContractView, currency: str | None) -> Target | None:
    """The schedule's own currency or the contract's; none if that is no ISO currency and no settlement is declared for it."""
    unit = currency or contract.currency
    if unit is not None and is_currency(unit):
        return Target(currency=unit)
    terms = contract.settlement.get(unit or "")
    return Target(currency=terms[1], rate=Fraction(terms[0])) if terms and is_currency(terms[1]) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One amount with the quantity and price that make it. A negative amount has a negative quantity, never a negative price."""

    minor: int
    quantity: Decimal
    unit_price: Decimal
    unit: str = "C62"


def figures(minor: int, target: Target, quantity: Fraction, price: Fraction, unit: str = "C62") -> Figures:
    """``quantity`` times ``price`` if that gives ``minor``, else one piece at the amount; prices in the target's major units."""
    exact_quantity, exact_price = plain(quantity), plain(price)
    if exact_quantity is not None and exact_price is not None and exact_price >= 0:
        product = round_half_up(quantity * price * 10 ** MINOR_UNIT_DIGITS[target.currency])
        if product == minor and quantity:
            return Figures(minor=minor, quantity=exact_quantity, unit_price=exact_price, unit=unit)
    return lump(minor, target)


def lump(minor: int, target: Target) -> Figures:
    """One piece at the amount; minus one where it is negative."""
    sign = -1 if minor < 0 else 1
    return Figures(minor=minor, quantity=Decimal(sign), unit_price=Money(abs(minor), target.currency).decimal)


def plain(value: Fraction) -> Decimal | None:
    """``value`` as a decimal without rounding; none if it has more than twelve decimals or no end."""
    scaled = value * 10**DECIMALS_MAX
    if scaled.denominator != 1:
        return None
    return Decimal(scaled.numerator).scaleb(-DECIMALS_MAX).normalize()


def waits_for(contract: ContractView, day: date) -> datetime | None:
    """The moment at which ``day`` begins, if it has not; none otherwise."""
    return beginning_of(day, contract) if day > today(contract) else None


def common_reasons(contract: ContractView, schedule: ScheduleView) -> set[str]:
    """What may hold anything of a schedule."""
    codes = set(party_reasons(contract))
    if schedule.terms is None:
        codes.add("schedule_unknown")
    if schedule.change_order_id is not None and schedule.change_order_id not in signed_change_orders(contract):
        codes.add("change_order_unsigned")
    return codes


def propose(
    contract: ContractView,
    schedule: ScheduleView,
    *,
    kind: Kind,
    key: str,
    text: str,
    figure: Figures | None,
    target: Target | None,
    codes: Collection[str],
    service: tuple[date | None, date | None] = (None, None),
    look_again_at: datetime | None = None,
    order: Sequence[str] = REASONS,
    message_id: str | None = None,
    follows: str | None = None,
) -> ItemProposal:
    """A proposal that is ready when nothing is against it: neither ``codes`` nor the amount itself."""
    against = {*codes, *_against_amount(figure, target)}
    sound = figure is not None and target is not None and not against & {"amount_out_of_range", "zero_amount"}
    last = service[1]
    return ItemProposal(
        transaction_key=key,
        kind=kind,
        subject_id=schedule.id,
        ready=not against,
        reasons=in_order(against, order),
        description=shortened(text),
        quantity=figure.quantity if figure is not None and sound else Decimal(1),
        unit=figure.unit if figure is not None else "C62",
        unit_price=figure.unit_price if figure is not None and sound else None,
        amount=Money(figure.minor, target.currency) if figure is not None and target is not None and sound else None,
        service_from=service[0],
        service_to=last,
        clause=schedule.clause,
        contract_version_id=version_at(contract, beginning_of(last, contract) if last else contract.now),
        change_order_id=schedule.change_order_id,
        message_id=message_id or schedule.message_id,
        look_again_at=look_again_at,
        follows=follows,
        service_line=schedule.service_line,
    )


def _against_amount(figure: Figures | None, target: Target | None) -> set[str]:
    if target is None:
        return {"unknown_currency"}
    if figure is None:
        return set()
    if abs(figure.minor) >= MINOR_MAX:
        return {"amount_out_of_range"}
    return set() if figure.minor else {"zero_amount"}


def period_codes(
    contract: ContractView, period: Period, timing: Timing, closes: date | None
) -> tuple[set[str], datetime | None]:
    """Whether ``period`` may be billed yet, and when to look again. What a closed contract still owes is due at once."""
    due = period.due_on(timing)
    if closes is not None and period.last == closes and closes <= today(contract) and contract.status != "active":
        return set(), None
    moment = waits_for(contract, due)
    return ({"period_not_due"}, moment) if moment is not None else (set(), None)


def title(schedule: ScheduleView, word: str) -> str:
    return f"{word} {schedule.number}" + (f" — {schedule.name}" if schedule.name else "")


def days(first: date, last: date) -> str:
    return f"{first.isoformat()} to {last.isoformat()}"
