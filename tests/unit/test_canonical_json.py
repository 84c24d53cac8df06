"""One byte form per value: whatever the order of keys, the container or the subclass."""

from collections import OrderedDict, UserDict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.kernel.canonical_json import encode, plain, sha256_hex

ID = UUID("00000000-0000-7000-8000-0000000000ff")


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    LARGE = 3


class Pair(msgspec.Struct):
    second: int
    first: Decimal


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, "null"),
        (True, "true"),
        (Size.LARGE, "3"),
        (Colour.RED, '"red"'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("0.10"), '"0.10"'),
        (ID, '"00000000-0000-7000-8000-0000000000ff"'),
        (date(2026, 3, 2), '"2026-03-02"'),
        (datetime(2026, 3, 2, 12, tzinfo=UTC), '"2026-03-02T12:00:00+00:00"'),
        ({"b": 1, "a": {"z": (1, 2), "y": []}}, '{"a":{"y":[],"z":[1,2]},"b":1}'),
        ({2: "two", "10": "ten"}, '{"10":"ten","2":"two"}'),
        (OrderedDict(b=1, a=2), '{"a":2,"b":1}'),
        (UserDict(b=ID, a=None), '{"a":null,"b":"00000000-0000-7000-8000-0000000000ff"}'),
        (frozenset(("b", "a")), '["a","b"]'),
        (Pair(second=2, first=Decimal("1.5")), '{"first":"1.5","second":2}'),
    ],
)
def test_the_form_of_a_value(value: object, form: str) -> None:
    assert encode(value).decode() == form


@pytest.mark.parametrize("value", [1.5, b"bytes", object(), {"amount": 0.1}])
def test_what_has_no_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        plain(value)


leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.uuids()
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(trees)
def test_the_form_is_its_own_form_and_no_order_of_keys_shows(tree: object) -> None:
    assert plain(plain(tree)) == plain(tree)
    assert sha256_hex(turned(tree)) == sha256_hex(tree)


def turned(tree: object) -> object:
    """``tree`` with the keys of every mapping in the opposite order and every list as a tuple."""
    if isinstance(tree, dict):
        return {key: turned(tree[key]) for key in reversed(tree)}
    return tuple(turned(item) for item in tree) if isinstance(tree, list) else tree
