"""The order among messages about one object is total and knows nothing of their arrival."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.canon.check import check_storable, check_values
from billwright.canon.incoming import Incoming, newest
from billwright.extension.canonical import Contract, Customer, Order, PurchaseOrder, Rate, RateCard
from billwright.kernel.errors import InputInvalidError

START = datetime(2026, 1, 1, tzinfo=UTC)


def incoming(days: int, sequence: int | None, key: str, ref: str = "C") -> Incoming:
    order = Order(time=START + timedelta(days=days), sequence=sequence)
    return Incoming(object=Customer(ref=ref, name=f"{days} {sequence} {key}"), message_id=None, order=order, key=key)


items = st.builds(
    incoming,
    st.integers(0, 3),
    st.none() | st.integers(0, 3),
    st.text("abü\U0001f600", max_size=2),
    st.sampled_from("CD"),
)


@given(st.lists(items, max_size=12), st.randoms())
def test_the_newest_does_not_depend_on_the_order_of_arrival(arrived: list[Incoming], chance: Random) -> None:
    shuffled = list(arrived) * 2
    chance.shuffle(shuffled)
    assert {pair: item.object for pair, item in newest(shuffled).items()} == {
        pair: item.object for pair, item in newest(arrived).items()
    }


@given(st.lists(items, max_size=8), st.lists(items, max_size=8))
def test_applying_in_parts_ends_where_applying_at_once_does(first: list[Incoming], second: list[Incoming]) -> None:
    in_parts = newest([*newest(first).values(), *newest(second).values()])
    assert {pair: item.object for pair, item in in_parts.items()} == {
        pair: item.object for pair, item in newest(first + second).items()
    }


def test_a_sequence_counts_more_than_time_and_time_more_than_the_key() -> None:
    placed = [incoming(2, None, "a"), incoming(2, None, "b"), incoming(9, 1, "a"), incoming(1, 2, "a")]
    assert all(older.place < newer.place for older, newer in pairwise(placed))


def test_of_two_in_one_message_the_later_counts() -> None:
    (chosen,) = newest([incoming(1, None, "a"), incoming(1, None, "a", ref="C")]).values()
    assert chosen.order.time == START + timedelta(days=1)
    first, second = incoming(1, 5, "a"), incoming(1, 5, "a")
    assert newest([first, second])[("customer", "C")] is second


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (Customer(ref="C", name="a\x00"), "name"),
        (Contract(ref="K", number="1", customer="C", clauses=(), title="\x00"), "title"),
        (
            Contract(ref="K", number="1", customer="C",
                     purchase_order=PurchaseOrder(number="1", valid_until=date(1, 1, 1))),
            "purchase_order.valid_until",
        ),
        (
            RateCard(ref="R", contract="K", currency="EUR", rates=(
                Rate(hourly=Decimal(1), effective_from=START.date()),
                Rate(hourly=Decimal("1e-13"), effective_from=START.date()),
            )),
            "rates[1].hourly",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_named_by_its_path(item: Customer | Contract | RateCard, field: str) -> None:
    with pytest.raises(InputInvalidError) as refused:
        check_storable(item)
    assert refused.value.facts["field"] == field


def test_values_alone_leave_texts_aside() -> None:
    check_values(Customer(ref="C", name="a\x00"))
