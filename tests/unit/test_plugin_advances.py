"""Advances: a share of every bill is drawn from them, exactly as much as was paid, whatever was billed meanwhile."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import BilledItem
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.money import Money, round_half_up
from billwright_plugins.milestones import propose_items, propose_settlements
from support.plugin_views import a_contract, a_decision, a_milestone, a_price, day

ADVANCE = a_milestone(
    id="adv",
    number="A",
    name="Mobilisation",
    basis="mobilisation",
    prices=(a_price(200),),
    draw_down_percent=Decimal(20),
)


def accepted(number: int, amount: str) -> Any:
    decision = a_decision("accepted", day(number), id=f"d{number}")
    return a_milestone(id=f"m{number}", number=str(number), prices=(a_price(amount),), decisions=(decision,))


def contract(*milestones: Any, **more: Any) -> ContractView:
    return a_contract(milestones=(ADVANCE, *milestones), **more)


def settled(view: ContractView, extra: tuple[ItemProposal, ...] = ()) -> list[ItemProposal]:
    return list(propose_settlements(view, (*propose_items(view), *extra)))


def amounts(items: list[ItemProposal]) -> dict[str, int]:
    return {item.transaction_key: item.amount.minor for item in items if item.amount is not None}


def test_a_fifth_of_each_bill_is_drawn_from_the_advance_on_the_same_draft() -> None:
    (drawn,) = settled(contract(accepted(1, "500")))

    assert drawn.transaction_key == "drawdown:adv:milestone:c1:m1:1"
    assert (drawn.kind, drawn.ready, drawn.follows) == ("drawdown", True, "milestone:c1:m1:1")
    assert (drawn.amount, drawn.quantity, drawn.unit_price) == (Money(-100_00, "EUR"), Decimal(-1), Decimal("100.00"))
    assert drawn.service_to == date(2025, 3, 2)


def test_nothing_is_drawn_before_the_advance_is_earned_or_from_what_waits() -> None:
    waiting = a_milestone(id="m9", number="9")
    assert settled(contract(accepted(1, "500"), signed_on=None)) == []
    assert settled(contract(waiting)) == []


def test_an_advance_that_was_credited_is_drawn_no_more() -> None:
    assert settled(contract(accepted(1, "500"), credited=frozenset({"milestone:c1:adv:1"}))) == []


def test_what_was_billed_before_keeps_its_settlement_and_what_had_none_gets_none() -> None:
    view = contract(accepted(1, "500"), accepted(2, "300"), accepted(3, "200"))
    billed = {
        "milestone:c1:m1:1": BilledItem(amount=Money(500_00, "EUR"), quantity=Decimal(1)),
        "milestone:c1:m2:1": BilledItem(amount=Money(300_00, "EUR"), quantity=Decimal(1)),
        "drawdown:adv:milestone:c1:m1:1": BilledItem(amount=Money(-90_00, "EUR"), quantity=Decimal(-1)),
    }
    assert amounts(settled(replace(view, billed=billed))) == {
        "drawdown:adv:milestone:c1:m1:1": -90_00,
        "drawdown:adv:milestone:c1:m3:1": -50_00,  # a fifth of 700, less the 90 that were drawn
    }


def test_the_last_bill_of_a_completed_contract_takes_the_rest_and_what_is_left_waits() -> None:
    whole = settled(contract(accepted(1, "500"), status="completed"))
    assert amounts(whole) == {"drawdown:adv:milestone:c1:m1:1": -200_00}

    small, left = settled(contract(accepted(1, "50"), status="completed"))
    assert (small.amount, left.amount) == (Money(-50_00, "EUR"), Money(-150_00, "EUR"))
    assert (left.ready, left.reasons) == (False, ("advance_left_over",))


def test_a_contract_without_advances_is_not_asked() -> None:
    assert contract().settles
    assert not a_contract(milestones=(accepted(1, "5"),)).settles


prices = st.lists(st.decimals("1.00", 5_000, places=2), min_size=1, max_size=12)


@given(prices, st.sampled_from([Decimal("20"), Decimal("12.5"), Decimal("33.333333")]), st.sets(st.integers(0, 11)))
def test_the_advance_is_drawn_to_the_cent_and_never_beyond(
    costs: list[Decimal], percent: Decimal, issued: set[int]
) -> None:
    """An advance of a share of the value is used up by that share of the bills, in whatever groups they are issued."""
    value = sum(costs, start=Decimal(0))
    paid = Money(round_half_up(Fraction(value) * Fraction(percent)), "EUR")  # percent of minor units
    advance = replace(ADVANCE, prices=(a_price(str(paid.decimal)),), draw_down_percent=percent)
    works = [accepted(number, str(cost)) for number, cost in enumerate(costs)]
    view = replace(contract(), milestones=(advance, *works), now=day(100) + timedelta(days=1))
    early = replace(view, milestones=(advance, *(work for at, work in enumerate(works) if at in issued)))
    first = amounts(settled(early))
    billed = {key: BilledItem(amount=Money(minor, "EUR"), quantity=Decimal(-1)) for key, minor in first.items()}
    for item in propose_items(early):
        if item.ready and item.amount is not None:
            billed[item.transaction_key] = BilledItem(amount=item.amount, quantity=item.quantity)

    later = amounts(settled(replace(view, billed=billed)))

    assert {key: later[key] for key in first} == first
    assert -sum(later.values()) == paid.minor
    assert all(minor < 0 for minor in later.values())
