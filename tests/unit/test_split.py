"""Bills that customers share: the parts are exactly the whole, and each part is price times quantity."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.split import divide, whole_of
from billwright.extension.canonical import Contract
from billwright.extension.views import BillToView, ItemProposal
from billwright.kernel.money import price_times_quantity
from billwright_plugins.duplicate_billing.likeness import shares_a_whole

percents = st.lists(st.decimals("0.000001", 100, places=6), min_size=2, max_size=5)


def payers(weights: list[Decimal]) -> list[BillToView]:
    return [BillToView(customer_id=f"C{n}", weight=weight, known=True) for n, weight in enumerate(weights)]


def work(quantity: Decimal, price: Decimal, currency: str) -> ItemProposal:
    amount = price_times_quantity(price, quantity, currency)
    return ItemProposal(
        transaction_key="time:1", kind="time", subject_id=str(uuid4()), ready=True, quantity=quantity, unit="HUR",
        unit_price=price, amount=amount,
    )  # fmt: skip


@given(
    percents,
    st.decimals("-1000", 1000, places=2).filter(bool),
    st.decimals("0.01", 100_000, places=4),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_parts_are_exactly_the_whole_in_amount_and_quantity(
    weights: list[Decimal], quantity: Decimal, price: Decimal, currency: str
) -> None:
    whole = work(quantity, price, currency)
    parts = divide(whole, payers(weights))

    assert whole.amount is not None
    amounts = [part.amount for part in parts if part.amount is not None]
    assert len(amounts) == len(weights)
    assert sum(each.minor for each in amounts) == whole.amount.minor
    assert sum(part.quantity for part in parts) == quantity
    exact = [Decimal(whole.amount.minor) * weight / sum(weights) for weight in weights]
    assert all(abs(each.minor - share) < Decimal("1.000001") for each, share in zip(amounts, exact, strict=True))
    if {each.minor for each in amounts} - {0} and abs(whole.amount.minor) > 100:
        assert all(price_times_quantity(price, part.quantity, currency) == part.amount for part in parts)


def test_a_third_each_of_one_milestone() -> None:
    third = [Decimal("33.333333")] * 3
    parts = divide(work(Decimal(1), Decimal("100.00"), "EUR"), payers(third))
    assert [part.amount.minor for part in parts if part.amount] == [3334, 3333, 3333]
    assert [part.quantity for part in parts] == [Decimal("0.3334"), Decimal("0.3333"), Decimal("0.3333")]
    assert [whole_of(part.transaction_key) for part in parts] == ["time:1"] * 3


def test_a_customer_that_has_not_arrived_lets_only_its_own_part_wait() -> None:
    one, other = payers([Decimal(50), Decimal(50)])
    unknown = BillToView(customer_id=other.customer_id, weight=other.weight, known=False)
    known, waiting = divide(work(Decimal(8), Decimal(100), "EUR"), [one, unknown])
    assert (known.ready, known.quantity) == (True, Decimal(4))
    assert (waiting.ready, waiting.reasons) == (False, ("customer_unknown",))


@pytest.mark.parametrize(
    ("payers", "said"),
    [
        ([{"customer": "A", "percent": "100"}], "at least two"),
        ([{"customer": "A", "percent": "50"}, {"customer": "A", "percent": "50"}], "each once"),
        ([{"customer": "A", "percent": "50"}, {"customer": "B", "percent": "49"}], "add up to 100"),
        ([{"customer": "A", "percent": "50"}, {"customer": "B", "amount": "49"}], "each one an"),
        ([{"customer": "A", "percent": "100"}, {"customer": "B", "percent": "0"}], "above 0"),
    ],
)
def test_shares_that_make_no_whole_are_refused(payers: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"ref": "K", "number": "K", "customer": "A", "bill_to": payers}, Contract, strict=False)


def test_parts_of_one_thing_are_no_duplicates_of_each_other() -> None:
    def line(key: str) -> Any:
        return SimpleNamespace(transaction_key=key)

    assert shares_a_whole(line("time:1:share:A"), line("time:1:share:B"))
    assert not shares_a_whole(line("time:1:share:A"), line("time:1:share:A"))
    assert not shares_a_whole(line("time:1:share:A"), line("time:2:share:B"))
    assert not shares_a_whole(line("time:1"), line("time:1:share:B"))
