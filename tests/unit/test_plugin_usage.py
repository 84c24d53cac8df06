"""Usage: included units, tiers and volume prices; records that come late are billed by their difference, to the minor unit."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import BilledItem, ScheduleTerms, UsageView
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, round_half_up
from billwright_plugins.usage import cost, propose_items
from support.schedules import a_schedule, billed, minor, on, ready

TIERS = [{"up_to": "1000", "price": "0.10"}, {"price": "0.05"}]
TERMS: dict[str, Any] = {"model": "usage", "starts_on": "2026-01-01", "tiers": TIERS, "included": "100"}


def a_record(day: date, quantity: str, **given: Any) -> UsageView:
    defaults: dict[str, Any] = {"id": f"u{day}{quantity}", "status": "approved", "message_id": "msg-usage"}
    return UsageView(used_on=day, quantity=Decimal(quantity), **(defaults | given))


def contract(*records: UsageView, terms: dict[str, Any] | None = None, today: date = date(2026, 3, 1)) -> ContractView:
    return on(today, a_schedule(terms or TERMS, usage=records))


def items(view: ContractView) -> list[ItemProposal]:
    return list(propose_items(view))


@pytest.mark.parametrize(
    ("scheme", "units", "amount"),
    [("tiered", "100", 0), ("tiered", "1100", 100_00), ("tiered", "1300", 110_00), ("volume", "1300", 60_00)],
)
def test_the_example_of_the_page(scheme: str, units: str, amount: int) -> None:
    (item,) = items(contract(a_record(date(2026, 2, 3), units), terms=TERMS | {"scheme": scheme}))
    assert item.transaction_key == "usage:c1:s1:2026-02"
    assert (item.amount.minor if item.amount else 0) == amount
    assert item.reasons == (() if amount else ("zero_amount",))


def test_a_period_waits_for_its_end_and_for_approval() -> None:
    (running,) = items(contract(a_record(date(2026, 3, 1), "2000")))
    assert (running.reasons, running.look_again_at is not None) == (("period_not_due",), True)
    (doubtful,) = items(contract(a_record(date(2026, 2, 1), "2000", status="submitted")))
    assert doubtful.reasons == ("report_not_approved",)
    assert items(contract(a_record(date(2026, 2, 1), "2000", status="rejected"))) == []


def test_units_of_one_price_are_a_quantity_at_that_price() -> None:
    (item,) = items(contract(a_record(date(2026, 2, 3), "350.5"), terms=TERMS | {"tiers": [{"price": "0.004"}]}))
    assert (item.quantity, item.unit_price, minor(item)) == (Decimal("250.5"), Decimal("0.004"), 1_00)


def test_what_comes_late_or_is_taken_back_is_billed_by_its_difference() -> None:
    february = contract(a_record(date(2026, 2, 3), "1100"))
    more = replace(
        contract(a_record(date(2026, 2, 3), "1100"), a_record(date(2026, 2, 27), "200")), billed=billed(items(february))
    )
    first, second = items(more)
    assert (minor(first), minor(second)) == (100_00, 10_00)
    assert (second.transaction_key, second.ready) == ("usage:c1:s1:2026-02:2", True)

    less = replace(contract(a_record(date(2026, 2, 3), "600")), billed=billed([first, second]))
    assert [minor(each) for each in items(less)] == [100_00, 10_00, -60_00]
    assert items(less)[2].quantity == Decimal(-1)


def test_records_without_a_schedule_or_outside_it_are_held_and_seen() -> None:
    before = items(contract(a_record(date(2025, 12, 31), "5")))
    assert [each.reasons for each in before] == [("outside_schedule",)]
    unknown = replace(a_schedule(TERMS), terms=None, usage=(a_record(date(2026, 2, 1), "5"),))
    assert [each.reasons for each in items(on(date(2026, 3, 1), unknown))] == [("schedule_unknown",)]


@pytest.mark.parametrize("tiers", [[{"up_to": "5", "price": "1"}], [{"price": "1"}, {"price": "2"}], []])
def test_tiers_that_leave_a_gap_are_refused(tiers: list[dict[str, str]]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(TERMS | {"tiers": tiers}, ScheduleTerms)


quantities = st.decimals("0.1", 5_000, places=1)


@given(
    st.lists(st.tuples(st.integers(0, 27), quantities), min_size=1, max_size=8),
    st.integers(0, 8),
    st.sampled_from(["tiered", "volume"]),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_late_records_never_change_what_the_period_costs_in_all(
    counted: list[tuple[int, Decimal]], known: int, scheme: str, currency: str
) -> None:
    terms = TERMS | {"scheme": scheme, "currency": currency}
    start = date(2026, 2, 1)
    records = [a_record(start + timedelta(days=day), str(units), id=f"u{n}") for n, (day, units) in enumerate(counted)]
    first = [item for item in items(contract(*records[:known], terms=terms)) if item.ready]
    done = {
        item.transaction_key: BilledItem(amount=item.amount or Money(0, currency), quantity=item.quantity)
        for item in first
    }

    later = ready(items(replace(contract(*records, terms=terms), billed=done)))

    total = sum((Fraction(units) for _, units in counted), start=Fraction(0))
    worth = round_half_up(cost(msgspec.convert(terms, ScheduleTerms), total) * 10 ** MINOR_UNIT_DIGITS[currency])  # type: ignore[arg-type]  # the terms of usage
    assert sum(minor(item) for item in later) == worth
