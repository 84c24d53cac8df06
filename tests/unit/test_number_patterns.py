"""Two number patterns that can give one number are told apart from those that never can."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.issuing.patterns import common_number


def number_of(pattern: str, year: int, number: int) -> str:
    """As issuing writes it."""
    text = pattern.replace("{year}", str(year))
    return re.sub(r"\{number(?::0(\d+)d)?\}", lambda field: str(number).zfill(int(field.group(1) or 1)), text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("R-{number}", "R-{number:05d}"),
        ("R-{number:03d}", "R-{number:05d}"),
        ("R-{number}", "R-{number}"),
        ("R-{year}-{number:05d}", "R-{year}-{number:04d}"),
        ("R-{year}{number}", "R-{number}"),
        ("{year}{number:04d}", "{number}"),
        ("A{number}", "A1{number:02d}"),
        ("{number}-1", "{number}-{number:01d}"),
        ("ACME-CN-{year}-{number:05d}", "ACME-CN-{year}-{number:05d}"),
        ("X{number:09d}", "X{year}{number}"),
    ],
)
def test_a_number_of_both_is_named(one: str, other: str) -> None:
    text = common_number(one, other)
    assert text is not None
    assert text == common_number(other, one)
    for pattern in (one, other):
        shape = re.escape(pattern).replace(r"\{year\}", r"2\d{3}")
        assert re.fullmatch(re.sub(r"\\\{number.*?\\\}", r"\\d+", shape), text), (pattern, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A-{number}", "B-{number}"),
        ("HC-{year}-{number:05d}", "HC-CN-{year}-{number:04d}"),
        ("R-{number}", "R{number}"),
        ("R-{number}", "R-{number}-X"),
        ("{number}/A", "{number}/B"),
        ("R-{year}-{number}", "R-{number}"),
        ("R-{year}-{number}", "R-{number}-{year}-"),
        ("R-0{number}", "R-{number}"),
        ("a-{number}", "A-{number}"),
        ("R-3{number:04d}", "R-{year}{number:01d}"),
    ],
)
def test_patterns_that_never_meet_are_let_be(one: str, other: str) -> None:
    assert common_number(one, other) is None


fields = st.sampled_from(["{number}", "{number:02d}", "{number:03d}"])
literals = st.text("1A-", max_size=2)
years = st.sampled_from(["", "{year}"])
patterns = st.tuples(literals, years, literals, fields, literals).map("".join)


@given(patterns, patterns)
def test_what_is_called_apart_is_apart_for_every_number_tried(one: str, other: str) -> None:
    numbers = [
        1,
        2,
        9,
        10,
        11,
        21,
        99,
        100,
        110,
        111,
        120,
        202,
        211,
        999,
        1000,
        1111,
        2026,
        12026,
        20261,
        202611,
        120261,
    ]
    made = [{number_of(pattern, *each) for each in product((2026, 2111), numbers)} for pattern in (one, other)]
    if made[0] & made[1]:
        assert common_number(one, other) is not None
    if one == other:
        assert common_number(one, other) is not None
