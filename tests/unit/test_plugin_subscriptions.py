"""Subscriptions: proration by days, changes within a period, indexation, and periods that add up to the agreed price."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import MONTHS, ScheduleTerms
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.money import MINOR_UNIT_DIGITS, price_times_quantity, round_half_up
from billwright_plugins.subscriptions import propose_items
from support.schedules import a_schedule, minor, on, ready

SEATS = {"model": "subscription", "starts_on": "2026-03-17", "price": "20.00", "quantity": "31"}


def items(contract: ContractView) -> list[ItemProposal]:
    return list(propose_items(contract))


def test_the_first_period_is_cut_short_and_the_next_waits_for_its_day() -> None:
    first, second, third = items(on(date(2026, 4, 20), a_schedule(SEATS)))

    assert [minor(each) for each in (first, second)] == [300_00, 620_00]
    assert (second.quantity, second.unit_price) == (Decimal(31), Decimal("20"))
    assert (first.service_from, first.service_to) == (date(2026, 3, 17), date(2026, 3, 31))
    assert first.transaction_key == "subscription:c1:s1:2026-03"
    assert "from" not in first.description
    assert (third.ready, third.reasons) == (False, ("period_not_due",))
    assert third.look_again_at is not None
    assert third.look_again_at.isoformat() == "2026-05-01T00:00:00+00:00"


def test_in_arrears_a_period_waits_for_its_end_in_the_zone_of_the_legal_entity() -> None:
    schedule = a_schedule(SEATS | {"timing": "arrears"})
    (waiting,) = items(on(date(2026, 3, 31), schedule, time_zone="Pacific/Auckland"))[:1]
    assert ready(items(on(date(2026, 3, 31), schedule))) == []
    assert waiting.ready, "it is April there already"


def test_a_change_of_quantity_within_a_period_is_charged_by_days_and_explained() -> None:
    change = {"quantities": [{"effective_from": "2026-04-11", "quantity": "40"}]}
    changed = items(on(date(2026, 4, 20), a_schedule(SEATS | change)))[1]

    assert minor(changed) == round_half_up(Fraction(31 * 20 * 10 + 40 * 20 * 20, 30) * 100)
    assert "from 2026-04-01: 31 x 20; from 2026-04-11: 40 x 20" in changed.description
    assert (changed.quantity, changed.unit_price) == (Decimal(1), Decimal("740.00"))


INDEX = {"name": "CPI", "base": "100", "cap_percent": "3", "floor_percent": "0"}


@pytest.mark.parametrize(("value", "price"), [("102.5", "20.5"), ("110", "20.6"), ("90", "20")])
def test_an_index_moves_the_price_between_floor_and_cap(value: str, price: str) -> None:
    step = {"effective_from": "2026-04-01", "value": value, "source": "Destatis 61111"}
    moved = items(on(date(2026, 4, 20), a_schedule(SEATS | {"index": {**INDEX, "steps": [step]}})))[1]

    assert moved.unit_price == Decimal(price)
    assert f"CPI {value} against 100 (Destatis 61111)" in moved.description


def test_an_index_value_that_is_not_published_holds_what_it_counts_for() -> None:
    steps = [{"effective_from": "2026-04-01"}]
    march, april, _ = items(on(date(2026, 4, 20), a_schedule(SEATS | {"index": {**INDEX, "steps": steps}})))

    assert march.ready
    assert (april.reasons, april.amount) == (("index_value_missing",), None)


def test_a_contract_that_has_ended_bills_its_last_days_at_once_and_nothing_after() -> None:
    schedule = a_schedule(SEATS | {"timing": "arrears"})
    closed = items(on(date(2026, 4, 15), schedule, status="completed", ended_on=date(2026, 4, 15)))
    assert [(minor(each), each.ready) for each in closed] == [(300_00, True), (310_00, True)]

    unsaid = items(on(date(2026, 6, 15), schedule, status="terminated"))
    assert {each.reasons for each in unsaid[:2]} == {("closing_day_missing",)}


def test_a_schedule_of_a_century_makes_a_bounded_number_of_items() -> None:
    found = items(on(date(2026, 3, 1), a_schedule(SEATS | {"starts_on": "1926-01-01"})))
    assert (len(found), found[-1].reasons) == (600, ("too_many_periods",))


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "ends before it starts": {"ends_on": "2026-01-01"},
    "price below zero": {"price": "-1"},
    "no number": {"price": "NaN"},
    "prices out of order": {"prices": [{"effective_from": "2026-05-01", "price": "1"}] * 2},
    "value without source": {"index": {**INDEX, "steps": [{"effective_from": "2026-05-01", "value": "1"}]}},
    "floor above cap": {"index": {**INDEX, "floor_percent": "4"}},
}


@pytest.mark.parametrize("wrong", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_terms_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(SEATS | wrong, ScheduleTerms)


everies = st.sampled_from(sorted(MONTHS))
starts = st.dates(date(2019, 1, 1), date(2024, 12, 31))


@given(
    starts,
    st.integers(1, 48),
    everies,
    everies,
    st.sampled_from(["calendar", "start"]),
    st.decimals("0.001", 10_000, places=3),
    st.decimals("0.1", 500, places=1),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_periods_add_up_to_the_agreed_price_whatever_the_split(
    start: date, months: int, every: str, per: str, align: str, price: Decimal, quantity: Decimal, currency: str
) -> None:
    """A term of whole months costs its share of the price, to the minor unit, however it is cut into periods."""
    begin = start.replace(day=1) if align == "calendar" else start.replace(day=min(start.day, 28))
    index = begin.year * 12 + begin.month - 1 + months
    end = begin.replace(year=index // 12, month=index % 12 + 1) - timedelta(days=1)
    terms = {
        "model": "subscription", "starts_on": begin, "ends_on": end, "every": every, "price_per": per, "align": align,
        "price": price, "quantity": quantity, "currency": currency,
    }  # fmt: skip
    found = items(on(date(2030, 1, 1), a_schedule(terms)))

    whole = Fraction(price) * Fraction(quantity) * months / MONTHS[per] * 10 ** MINOR_UNIT_DIGITS[currency]
    amounts = [each.amount.minor if each.amount is not None else 0 for each in found]
    assert sum(amounts) == round_half_up(whole)
    for each in ready(found):
        assert each.unit_price is not None
        assert price_times_quantity(each.unit_price, each.quantity, currency) == each.amount
    days = [(each.service_from, each.service_to) for each in found]
    assert (days[0][0], days[-1][1]) == (begin, end)
    assert all(one[1] and one[1] + timedelta(days=1) == other[0] for one, other in pairwise(days))


def test_the_example_of_the_page_is_what_is_billed() -> None:
    terms = SEATS | {"quantities": [{"effective_from": "2026-04-11", "quantity": "40"}]}
    assert [minor(each) for each in items(on(date(2026, 5, 1), a_schedule(terms)))[:3]] == [300_00, 740_00, 800_00]
    yearly = {"model": "subscription", "starts_on": "2026-01-01", "price": "1000", "price_per": "year"}
    twelve = [minor(each) for each in items(on(date(2026, 12, 1), a_schedule(yearly)))[:12]]
    assert (twelve[:3], sum(twelve)) == ([83_33, 83_34, 83_33], 1_000_00)
