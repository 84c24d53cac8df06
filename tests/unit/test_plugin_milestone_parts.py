"""Milestones accepted in part, dependent ones, and those that come again after a credit: never more than the price."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import BilledItem
from billwright.extension.views import ContractView, ItemProposal
from billwright_plugins.milestones import propose_items
from support.plugin_views import a_contract, a_decision, a_milestone, a_price, day


def accepted(number: int, percent: str | None = None) -> Any:
    share = None if percent is None else Decimal(percent)
    return a_decision("accepted", day(number), id=f"d{number}", accepted_percent=share)


def contract(*decisions: Any, price: str = "1000", **more: Any) -> ContractView:
    return a_contract(milestones=(a_milestone(decisions=decisions, prices=(a_price(price),)),), **more)


def found(view: ContractView) -> dict[str, tuple[bool, int | None]]:
    return {
        each.transaction_key.removeprefix("milestone:c1:m1:"): (each.ready, each.amount.minor if each.amount else None)
        for each in propose_items(view)
    }


def billed(items: Any) -> dict[str, BilledItem]:
    return {
        each.transaction_key: BilledItem(amount=each.amount, quantity=each.quantity) for each in items if each.ready
    }


def test_a_part_is_billed_and_the_rest_waits_for_the_whole() -> None:
    assert found(contract(accepted(1, "60"))) == {"1": (False, 400_00), "1:d1": (True, 600_00)}
    assert found(contract(accepted(1, "60"), accepted(2, "75"), accepted(3))) == {
        "1": (True, 250_00), "1:d1": (True, 600_00), "1:d2": (True, 150_00),
    }  # fmt: skip
    (_, part) = propose_items(contract(accepted(1, "60")))
    assert part.description.endswith("(60 % accepted)")
    assert part.acceptance_id == "d1"


def test_a_part_that_was_undone_within_the_settle_time_counts_for_nothing() -> None:
    undone = contract(accepted(1, "60"), a_decision("reopened", day(2)), acceptance_settles_after_days=5)
    assert found(undone) == {"1": (False, 1000_00)}


def test_a_corrected_percentage_moves_the_difference_into_what_is_open() -> None:
    before = contract(accepted(1, "60"))
    after = replace(contract(accepted(1, "50"), accepted(2)), billed=billed(propose_items(before)))
    assert found(after) == {"1": (True, 400_00), "1:d1": (True, 600_00)}


def test_a_part_that_arrives_after_the_whole_was_billed_bills_nothing() -> None:
    whole = contract(accepted(5))
    late = replace(contract(accepted(1, "60"), accepted(5)), billed=billed(propose_items(whole)))
    assert found(late) == {"1": (True, 1000_00)}


def test_a_credited_milestone_that_is_accepted_again_is_another_occurrence() -> None:
    again = contract(accepted(1), a_decision("reopened", day(5)), accepted(9))
    assert found(again) == {"1": (True, 1000_00)}

    credited = replace(again, credited=frozenset({"milestone:c1:m1:1"}))
    assert found(credited) == {"1": (False, 1000_00), "2": (True, 1000_00)}
    assert [each.reasons for each in propose_items(credited)] == [("accepted_anew",), ()]

    reopened = replace(contract(accepted(1), a_decision("reopened", day(5))), credited=credited.credited)
    assert [each.reasons for each in propose_items(reopened)] == [("reopened", "released_by_credit")]
    assert reopened.remembers

    twice = replace(credited, credited=credited.credited | {"milestone:c1:m1:2"})
    assert list(found(twice)) == ["1", "2"]


def test_a_dependent_milestone_waits_for_the_others() -> None:
    first = a_milestone(id="m0", number="0")
    second = a_milestone(decisions=(accepted(1),), depends_on=("m0", "gone"))
    held = {each.subject_id: each for each in propose_items(a_contract(milestones=(first, second)))}["m1"]
    assert (held.ready, held.reasons) == (False, ("waits_for_others",))

    done = replace(first, decisions=(accepted(2),))
    assert all(each.ready for each in propose_items(a_contract(milestones=(done, second))))


percents = st.lists(st.integers(1, 9_999).map(lambda each: str(Decimal(each) / 100)), max_size=6)


@given(st.decimals("0.01", 100_000, places=2), percents, st.integers(0, 6), percents)
def test_parts_add_up_to_the_price_whatever_was_billed_and_corrected(
    price: Decimal, shares: list[str], known: int, corrected: list[str]
) -> None:
    """Some parts are billed, then their percentages are corrected, then the whole is accepted: the price, to the cent."""
    at_first = [accepted(number, share) for number, share in enumerate(shares[:known])]
    items: list[ItemProposal] = list(propose_items(contract(*at_first, price=str(price))))
    later = [accepted(number, (corrected[number:] or [share])[0]) for number, share in enumerate(shares)]
    view = contract(*later, accepted(50), price=str(price))
    view = replace(view, billed=billed(items))

    keep = {key: each.amount.minor for key, each in view.billed.items()}
    now = {each.transaction_key: each for each in propose_items(view)}
    open_minor = sum(
        each.amount.minor for key, each in now.items() if key not in keep and each.ready and each.amount is not None
    )
    assert sum(keep.values()) + open_minor == int(price * 100)
