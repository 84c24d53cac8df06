"""What a payment says is compared as a person would: whole numbers, however they are written, never a part of one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.receivables.matching import Candidate, Unapplied, keys_within, match, number_key

CUSTOMER = UUID(int=1)


@pytest.mark.parametrize("text", ["INV-2026-12", "inv 2026 12", "Inv2026/12", " INV.2026.12 "])
def test_a_number_is_the_same_however_it_is_written(text: str) -> None:
    assert number_key(text) == "INV202612"
    assert "INV202612" in keys_within(f"thanks for {text}, regards")


def test_a_number_is_not_found_inside_a_longer_one() -> None:
    assert "INV20261" not in keys_within("payment of INV-2026-12")
    assert "INV202612" not in keys_within("payment of XINV-2026-12")
    assert keys_within("no 42 of 7") == {"NO42OF7", "42OF7", "NO42OF"}


def test_a_short_number_counts_in_the_numbers_field_only() -> None:
    candidate = Candidate(
        receivable_id=UUID(int=9), customer_id=CUSTOMER, currency="EUR", open_minor=5, number_key="42"
    )
    assert match(money(5, invoice_number="42"), [candidate]) != ()
    assert match(money(5, remittance="order 42 of may"), [candidate]) == ()


def money(minor: int, **said: str) -> Unapplied:
    values = {"invoice_number": "", "remittance": ""} | said
    return Unapplied(
        payment_id=UUID(int=7),
        customer_id=None,
        currency="EUR",
        unapplied_minor=minor,
        milestone_ids=frozenset(),
        **values,
    )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=4), st.integers(1, 120), st.booleans())
def test_never_more_than_is_open_and_never_more_than_is_left(opens: list[int], left: int, all_named: bool) -> None:
    candidates = [
        Candidate(
            receivable_id=UUID(int=n), customer_id=CUSTOMER, currency="EUR", open_minor=minor, number_key=f"NW2026{n}"
        )
        for n, minor in enumerate(opens, 10)
    ]
    named = candidates if all_named else candidates[:1]

    found = match(money(left, remittance=", ".join(each.number_key for each in named)), candidates)

    by_id = {each.receivable_id: each for each in candidates}
    assert sum(each.amount_minor for each in found) <= left
    assert all(0 < each.amount_minor <= by_id[each.receivable_id].open_minor for each in found)
    wanted = [each for each in named if each.open_minor]
    certain = len(wanted) == 1 or (wanted and sum(each.open_minor for each in wanted) == left)
    assert bool(found) == bool(certain)
