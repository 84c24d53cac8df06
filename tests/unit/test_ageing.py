"""Ageing: every open item is in exactly one bucket, by days past its due date."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.receivables.ageing import BUCKETS, age, bucket_of

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-400, "not_due"), (0, "not_due"), (1, "1_30"), (30, "1_30"), (31, "31_60"), (60, "31_60"), (61, "61_90"),
        (90, "61_90"), (91, "over_90"), (4000, "over_90"),
    ],
)  # fmt: skip
def test_the_due_day_itself_is_not_late(days: int, bucket: str) -> None:
    assert bucket_of(TODAY - timedelta(days=days), TODAY) == bucket


items = st.lists(
    st.tuples(
        st.sampled_from(["EUR", "USD"]),
        st.dates(date(2025, 1, 1), date(2027, 1, 1)),
        st.integers(-(10**9), 10**9),
    )
)


@given(items)
def test_ageing_neither_makes_nor_loses_a_cent(given_items: list[tuple[str, date, int]]) -> None:
    aged = age((currency, (TODAY - due_on).days, minor) for currency, due_on, minor in given_items)

    assert {each.currency: each.total_minor for each in aged} == {
        currency: sum(minor for other, _, minor in given_items if other == currency) for currency, _, _ in given_items
    }
    assert all(tuple(each.by_bucket) == BUCKETS for each in aged)
