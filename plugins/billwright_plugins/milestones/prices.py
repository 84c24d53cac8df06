"""What a milestone costs at a moment, and whether the milestones of a contract add up to its value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billwright.extension.views import ChangeOrderView, ContractView, MilestoneView, PriceView
from billwright_plugins.pricing import BEGINNING, exact, magnitude_problem, signed_change_orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """``amount`` exact, in major units of ``currency``; ``share`` is a part of a value and may be rounded."""

    since: datetime
    amount: Fraction | None
    currency: str | None
    change_order_id: str | None
    share: bool = False
    problem: str | None = None

    @property
    def worth(self) -> tuple[Fraction | None, str | None]:
        return (self.amount, self.currency)


def timeline(contract: ContractView, milestone: MilestoneView) -> list[Price]:
    """All prices of ``milestone``, oldest first, whatever order they arrived in.

    A change order changes nothing before it is signed. Only the prices of the milestone's own change order are kept while
    that is unsigned: they are shown, and the milestone is held for the signature anyway.
    """
    if milestone.basis == "percent" or (milestone.basis == "mobilisation" and milestone.percent is not None):
        return [_share(value, milestone.percent) for value in value_timeline(contract)]
    orders = {order.id: order for order in contract.change_orders}
    signed = signed_change_orders(contract)
    usable = [
        price
        for price in milestone.prices
        if price.change_order_id is None or price.change_order_id in signed | {milestone.change_order_id}
    ]
    placed = [(_since(price, orders), _number(price.change_order_id, orders), price) for price in usable]
    placed.sort(key=lambda place: (place[0], place[1], str(place[2].amount), place[2].currency or ""))
    return [
        Price(
            since=since,
            amount=exact(price.amount),
            currency=price.currency,
            change_order_id=price.change_order_id,
            problem=magnitude_problem(price.amount),
        )
        for since, _, price in placed
    ]


def in_force(prices: Sequence[Price], moment: datetime) -> Price | None:
    """The latest price that began at or before ``moment``; the earliest if all began later."""
    begun = [price for price in prices if price.since <= moment]
    if begun:
        return begun[-1]
    return prices[0] if prices else None


def changed_later(prices: Sequence[Price], chosen: Price | None, moment: datetime) -> bool:
    """Whether a different price came into force after ``moment``."""
    return chosen is not None and any(price.since > moment and price.worth != chosen.worth for price in prices)


def value_timeline(contract: ContractView) -> list[Price]:
    """The contract's value at signing and after each signed change order that states a new one."""
    values = [] if contract.value is None else [_value(BEGINNING, contract.value, contract.currency, None)]
    orders = [
        order for order in contract.change_orders if order.signed_at is not None and order.value_after is not None
    ]
    orders.sort(key=lambda order: (order.signed_at or BEGINNING, natural(order.number), str(order.value_after)))
    return values + [
        _value(order.signed_at or BEGINNING, order.value_after, contract.currency, order.id) for order in orders
    ]


def do_not_match_total(contract: ContractView) -> bool:
    """Whether the milestones of a fixed-price contract, at today's prices, differ from its value or its currency.

    A contract without a value says nothing. While a price is missing, only a sum already above the value is a mismatch.
    """
    signed = signed_change_orders(contract)
    counted = [
        milestone
        for milestone in contract.milestones
        if milestone.known and not milestone.removed and milestone.change_order_id in signed | {None}
        if milestone.draw_down_percent is None  # an advance is drawn from the others' amounts, not added to them
    ]
    if contract.billing != "fixed_price" or not contract.known or not counted:
        return False
    prices = [in_force(timeline(contract, milestone), contract.now) for milestone in counted]
    currencies = {price.currency for price in prices if price and price.currency} | {contract.currency} - {None}
    if len(currencies) > 1:
        return True
    value = in_force(value_timeline(contract), contract.now)
    if value is None or value.amount is None:
        return False
    amounts = [price.amount for price in prices if price is not None and price.amount is not None]
    total = sum(amounts, start=Fraction(0))
    return total != value.amount if len(amounts) == len(counted) else total > value.amount


def natural(number: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which ``CO-10`` comes after ``CO-9``."""
    parts = re.split(r"([0-9]+)", number)
    return tuple((0, int(part), "") if part[:1] in "0123456789" and part else (1, 0, part) for part in parts)


def _share(value: Price, percent: Decimal | None) -> Price:
    part = exact(percent)
    amount = None if value.amount is None or part is None else value.amount * part / 100
    return Price(
        since=value.since,
        amount=amount,
        currency=value.currency,
        change_order_id=value.change_order_id,
        share=True,
        problem=value.problem,
    )


def _value(since: datetime, value: Decimal | None, currency: str | None, change_order_id: str | None) -> Price:
    return Price(
        since=since,
        amount=exact(value),
        currency=currency,
        change_order_id=change_order_id,
        problem=magnitude_problem(value),
    )


def _since(price: PriceView, orders: dict[str, ChangeOrderView]) -> datetime:
    """A change order's price never begins before its signature, so a back-dated one leaves what was earned alone."""
    since = price.effective_at or BEGINNING
    order = orders.get(price.change_order_id or "")
    return max(since, order.signed_at) if order is not None and order.signed_at is not None else since


def _number(change_order_id: str | None, orders: dict[str, ChangeOrderView]) -> tuple[tuple[int, int, str], ...]:
    order = orders.get(change_order_id or "")
    return natural(order.number) if order is not None else ()
