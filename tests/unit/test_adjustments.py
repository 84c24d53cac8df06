"""A person's write-down or write-up holds for the price that the person saw, and for no other."""

from dataclasses import dataclass
from typing import Any

import pytest

from billwright.billing.adjustments import adjusted
from billwright.extension.views import ItemProposal
from billwright.kernel.money import Money


@dataclass(frozen=True, kw_only=True)
class _Row:
    standard_minor: int = 900_00
    amount_minor: int = 500_00
    currency: str = "EUR"
    reason_code: str = "goodwill"
    withdrawn: bool = False


Row: Any = _Row  # stands in for a row of the database, whose columns have no types of their own


def a_proposal(minor: int = 900_00, **given: Any) -> ItemProposal:
    defaults: dict[str, Any] = {"ready": True, "amount": Money(minor, "EUR")}
    return ItemProposal(transaction_key="time:t1", kind="time", subject_id="t1", **(defaults | given))


@pytest.mark.parametrize("minor", [500_00, 1200_00])
def test_the_amount_that_a_person_set_is_billed_and_says_why(minor: int) -> None:
    answer = adjusted(a_proposal(), Row(amount_minor=minor))

    assert (answer.amount, answer.standard, answer.ready) == (Money(minor, "EUR"), Money(900_00, "EUR"), True)
    assert (answer.adjusted_by, answer.notes) == ("person:goodwill", ("adjusted_by_person",))


def test_what_is_written_down_to_nothing_waits_for_nobody() -> None:
    answer = adjusted(a_proposal(), Row(amount_minor=0))

    assert (answer.ready, answer.written_down, answer.reasons) == (False, True, ())


def test_an_item_that_waits_goes_on_waiting() -> None:
    answer = adjusted(a_proposal(ready=False, reasons=("time_not_approved",)), Row())

    assert (answer.ready, answer.written_down, answer.reasons) == (False, False, ("time_not_approved",))


@pytest.mark.parametrize(
    "facts", [{"amount": Money(960_00, "EUR")}, {"amount": Money(900_00, "USD")}, {"amount": None}]
)
def test_another_price_than_the_person_saw_waits_for_a_new_decision(facts: dict[str, Any]) -> None:
    answer = adjusted(a_proposal(**facts), Row())

    assert (answer.ready, answer.reasons, answer.amount) == (False, ("adjustment_outdated",), facts["amount"])


def test_a_withdrawn_adjustment_changes_nothing() -> None:
    assert adjusted(a_proposal(), Row(withdrawn=True)) == a_proposal()
