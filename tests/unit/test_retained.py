"""An open amount by when it is due: exactly it, whatever was withheld, released and paid."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billwright.receivables.retained import Retained, split_open

DAY = date(2026, 1, 1)


def test_money_takes_what_was_due_first_then_what_was_released_first() -> None:
    held = Retained(withheld_minor=100, releases=((DAY, 30), (DAY + timedelta(9), 20)))
    assert split_open(1_000, held).due_minor == 900
    assert split_open(1_000, held).released == ((DAY, 30), (DAY + timedelta(9), 20))
    assert split_open(60, held).released == ((DAY + timedelta(9), 10),)
    assert split_open(40, held).retained_minor == 40


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**6), max_size=4), st.integers(0, 10**6))
def test_the_parts_are_exactly_what_is_open(open_minor: int, freed: list[int], more: int) -> None:
    releases = tuple((DAY + timedelta(n), minor) for n, minor in enumerate(freed))
    parts = split_open(open_minor, Retained(withheld_minor=sum(freed) + more, releases=releases))
    assert parts.due_minor + sum(minor for _, minor in parts.released) + parts.retained_minor == open_minor
    assert min(parts.due_minor, parts.retained_minor, *(minor for _, minor in parts.released), 0) == 0
    assert parts.retained_minor <= more
