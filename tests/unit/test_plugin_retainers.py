"""Retainers: periods, roll-over and expiry of what was prepaid, funds that are filled again, and the true-up at the end."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import ScheduleTerms
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.money import price_times_quantity
from billwright_plugins.retainers import propose_items, propose_settlements
from billwright_plugins.retainers.drawing import Pot
from support.schedules import a_schedule, billed, minor, on

FIXED: dict[str, Any] = {"model": "retainer", "starts_on": "2026-01-01", "amount": "5000.00"}
PREPAID = FIXED | {"style": "drawdown", "hours": "20"}
FUND = FIXED | {"style": "replenishing", "amount": "10000.00", "replenish_below": "3000.00"}


def time(number: int, day: date, hours: str, rate: str = "250", **given: Any) -> ItemProposal:
    amount = price_times_quantity(Decimal(rate), Decimal(hours), "EUR")
    fields: dict[str, Any] = {
        "transaction_key": f"time:t{number:02}", "kind": "time", "subject_id": f"t{number}", "ready": True,
        "description": "Ann Lee, Engineer — Load test", "quantity": Decimal(hours), "unit": "HUR",
        "unit_price": Decimal(rate), "amount": amount, "service_from": day, "service_to": day,
    }  # fmt: skip
    return ItemProposal(**(fields | given))


def contract(terms: dict[str, Any], today: date, **more: Any) -> ContractView:
    return on(today, a_schedule(terms), **more)


def settled(view: ContractView, *work: ItemProposal) -> list[ItemProposal]:
    return list(propose_settlements(view, (*propose_items(view), *work)))


def amounts(items: list[ItemProposal]) -> dict[str, int]:
    return {item.transaction_key: minor(item) for item in items}


def test_a_fixed_retainer_bills_each_period_and_a_cut_one_by_its_share() -> None:
    found = list(propose_items(contract(FIXED | {"starts_on": "2026-01-17"}, date(2026, 2, 10))))
    assert amounts(found[:2]) == {"retainer:c1:s1:2026-01": 2_419_35, "retainer:c1:s1:2026-02": 5_000_00}
    assert found[2].reasons == ("period_not_due",)


def test_prepaid_hours_are_drawn_and_what_is_above_is_billed() -> None:
    view = contract(PREPAID, date(2026, 1, 31))
    drawn = settled(view, time(1, date(2026, 1, 5), "16"), time(2, date(2026, 1, 6), "8"))

    assert amounts(drawn) == {"drawdown:s1:time:t01": -4_000_00, "drawdown:s1:time:t02": -1_000_00}
    assert [(each.quantity, each.unit_price, each.unit) for each in drawn] == [
        (Decimal(-16), Decimal(250), "HUR"), (Decimal(-4), Decimal(250), "HUR"),
    ]  # fmt: skip
    assert drawn[0].description == "Drawn from retainer S-1: Ann Lee, Engineer"
    assert drawn[0].follows == "time:t01"


def test_what_was_credited_of_a_retainer_covers_nothing() -> None:
    work = time(1, date(2026, 1, 5), "16")
    for terms, key in ((PREPAID, "2026-01"), (FUND, "1")):
        assert settled(contract(terms, date(2026, 1, 31), credited=frozenset({f"retainer:c1:s1:{key}"})), work) == []


def test_what_is_left_rolls_over_within_its_limit_until_it_expires() -> None:
    rolling = PREPAID | {"rollover_periods": 1, "rollover_max": "6"}
    march = contract(rolling, date(2026, 3, 31))
    work = [time(1, date(2026, 1, 5), "10"), time(2, date(2026, 2, 5), "30"), time(3, date(2026, 3, 5), "30")]
    drawn = settled(march, *work)
    assert [each.quantity for each in drawn] == [Decimal(-10), Decimal(-26), Decimal(-20)]
    assert [each.quantity for each in settled(contract(PREPAID, date(2026, 3, 31)), *work)] == [
        Decimal(-10), Decimal(-20), Decimal(-20),
    ]  # fmt: skip


def test_what_was_billed_stands_when_earlier_work_comes_late() -> None:
    view = contract(PREPAID, date(2026, 1, 31))
    work = [time(2, date(2026, 1, 6), "15")]
    done = billed([*propose_items(view)[:1], *work, *settled(view, *work)])
    late = settled(replace(view, billed=done), time(1, date(2026, 1, 5), "10"), *work)
    assert amounts(late) == {"drawdown:s1:time:t02": -3_750_00, "drawdown:s1:time:t01": -1_250_00}


def test_a_fund_is_drawn_and_filled_again_once_it_is_low() -> None:
    view = contract(FUND, date(2026, 1, 31))
    work = [time(1, date(2026, 1, 5), "20"), time(2, date(2026, 1, 6), "10")]
    drawn = settled(view, *work)
    assert amounts(drawn) == {
        "drawdown:s1:time:t01": -5_000_00, "drawdown:s1:time:t02": -2_500_00, "retainer:c1:s1:2": 7_500_00,
    }  # fmt: skip
    after = replace(view, billed=billed([*propose_items(view), *work, *drawn]))
    more = settled(after, *work, time(3, date(2026, 1, 8), "4"))
    assert amounts(more)["drawdown:s1:time:t03"] == -1_000_00
    assert "retainer:c1:s1:3" not in amounts(more)

    over = replace(after, status="completed", ended_on=date(2026, 1, 31))
    (left,) = [each for each in settled(over, *work) if not each.ready]
    assert (minor(left), left.reasons) == (-10_000_00, ("advance_left_over",))


@pytest.mark.parametrize(
    ("true_up", "hours", "amount"), [("both", "44", 1_000_00), ("both", "36", -1_000_00), ("charge", "36", None)]
)
def test_at_the_end_the_work_is_compared_with_what_was_paid(true_up: str, hours: str, amount: int | None) -> None:
    terms = FIXED | {"true_up": true_up, "ends_on": "2026-02-28"}
    work = time(1, date(2026, 2, 5), hours, ready=False, reasons=("billing_is_fixed_price",))
    assert settled(contract(terms, date(2026, 2, 28)), work) == []

    found = amounts(settled(contract(terms, date(2026, 3, 1)), work))
    assert found == ({} if amount is None else {"retainer:c1:s1:true_up": amount})


@pytest.mark.parametrize(
    "wrong",
    [{"hours": "5"}, {"style": "replenishing"}, {"style": "drawdown", "true_up": "both"}, {"amount": "0"},
     {"style": "replenishing", "replenish_below": "9000.00"}],
)  # fmt: skip
def test_terms_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(FIXED | wrong, ScheduleTerms)


hours = st.decimals("0.25", 24, places=2)
days = st.integers(0, 119)


@given(
    st.lists(st.tuples(days, hours), max_size=12), st.integers(0, 12), st.integers(0, 3), st.none() | st.integers(0, 12)
)
def test_never_more_is_drawn_than_was_prepaid_and_what_was_billed_never_changes(
    worked: list[tuple[int, Decimal]], known: int, periods: int, most: int | None
) -> None:
    terms = PREPAID | {"rollover_periods": periods} | ({"rollover_max": str(most)} if most is not None else {})
    view = contract(terms, date(2026, 4, 30))
    start = date(2026, 1, 1)
    work = [time(n, start + timedelta(days=day), str(spent), "133.33") for n, (day, spent) in enumerate(worked)]
    first = settled(view, *work[:known])
    done = billed([*propose_items(view), *work[:known], *first])

    later = settled(replace(view, billed=done), *work)

    assert {key: minor for key, minor in amounts(later).items() if key in done} == amounts(first)
    drawn = -sum((each.quantity for each in later), start=Decimal(0))
    assert drawn <= min(Decimal(80), sum((spent for _, spent in worked), start=Decimal(0)))
    charged = {each.transaction_key: minor(each) for each in work}
    for each in later:
        assert 0 < -minor(each) <= charged[each.follows or ""]


grants = st.lists(st.integers(0, 30), min_size=1, max_size=6)
wishes = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), max_size=20)


@given(grants, st.integers(0, 5), wishes)
def test_a_pot_gives_no_more_than_it_holds(granted: list[int], expires: int, asked: list[tuple[int, int]]) -> None:
    pot = Pot(granted=[Fraction(each) for each in granted], expires_after=expires, rollover_max=None)
    taken = [pot.take(place % len(granted), Fraction(wanted)) for place, wanted in asked]
    assert sum(taken) <= sum(granted)
    assert all(0 <= got <= wanted for got, (_, wanted) in zip(taken, asked, strict=True))
