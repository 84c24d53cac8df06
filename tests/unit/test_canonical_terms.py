"""Signed change orders worked into milestones' terms."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billwright.canon.contract_view import tail
from billwright.canon.terms import SignedOrder, Terms, apply_orders, natural
from billwright.extension.views import PriceView

BASE = PriceView(
    effective_at=None, amount=Decimal(60), currency="EUR", raw="", change_order_id=None, contract_version_id="v1"
)


def signed(number: str, day: int, *changes: tuple[str, str | None], currency: str | None = None) -> SignedOrder:
    return SignedOrder(
        id=f"id-{number}",
        ref=number,
        number=number,
        signed_at=datetime(2026, 2, day, tzinfo=UTC),
        currency_after=currency,
        version_id=None,
        changes=[{"milestone": "M", "field": name, "before": None, "after": after} for name, after in changes],
    )


def worked(*orders: SignedOrder) -> Terms:
    terms = {"M": Terms(prices=[BASE])}
    apply_orders(terms, orders)
    return terms["M"]


@pytest.mark.parametrize(
    ("order", "amount", "currency"),
    [
        (signed("1", 1, ("amount", "70.5")), Decimal("70.5"), "EUR"),
        (signed("1", 1, ("amount", "70.5"), currency="USD"), Decimal("70.5"), "USD"),
        (signed("1", 1, ("amount", "70.5"), ("currency", "CHF"), currency="USD"), Decimal("70.5"), "CHF"),
        (signed("1", 1, ("currency", "CHF")), Decimal(60), "CHF"),
        (signed("1", 1, ("amount", "to be agreed")), None, "EUR"),
        (signed("1", 1, ("amount", "NaN")), None, "EUR"),
        (signed("1", 1, ("amount", None)), None, "EUR"),
        (signed("1", 1, ("amount", "5"), ("currency", None)), Decimal(5), None),
    ],
)
def test_what_an_order_says_holds_and_the_rest_stays(order: SignedOrder, amount: object, currency: str | None) -> None:
    price = worked(order).prices[-1]
    assert (price.amount, price.currency, price.effective_at) == (amount, currency, order.signed_at)


def test_orders_of_one_moment_follow_their_numbers(subtests: pytest.Subtests) -> None:
    orders = [signed("CO-10", 1, ("amount", "10")), signed("CO-9", 1, ("amount", "9"))]
    for given in (orders, orders[::-1]):
        with subtests.test(first=given[0].number):
            assert [price.amount for price in worked(*given).prices] == [60, 9, 10]


def test_a_name_is_no_price() -> None:
    terms = worked(signed("1", 1, ("name", "Better")))
    assert (terms.name, len(terms.prices)) == ("Better", 1)


@pytest.mark.parametrize(
    ("changes", "removed"),
    [
        ([("removed", "true")], True),
        ([("removed", None)], True),
        ([("removed", "false")], False),
        ([("milestone", None)], True),
        ([("milestone", "Design")], False),
        ([("replaced", "Design")], False),
        ([("due_on", None)], False),
    ],
)
def test_removal(changes: list[tuple[str, str | None]], removed: bool) -> None:
    terms = worked(signed("1", 3, *changes))
    assert (terms.removed, terms.removed_at is not None) == (removed, removed)


@pytest.mark.parametrize(("ref", "name"), [("a/b/M7", "M7"), ("M7", "M7"), ("x:3", "3"), ("x/", "x"), ("/", "/")])
def test_the_tail_of_a_reference_is_what_people_call_it(ref: str, name: str) -> None:
    assert tail(ref) == name


def test_natural_order() -> None:
    assert sorted(["M10", "M9", "A", "²"], key=natural) == ["A", "M9", "M10", "²"]
