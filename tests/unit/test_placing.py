"""Periods and drafts of items: whatever the order in which they come."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.placing import held_by_minimum, period_end, place
from billwright.extension.terms_grouping import Apart, BillingPolicy

UTC_ZONE = ZoneInfo("UTC")
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
policies = st.one_of(
    st.builds(BillingPolicy, when=st.sampled_from(["month", "quarter"]), cut_off_day=st.none() | st.integers(1, 28)),
    st.just(BillingPolicy(when="week")),
)


def item(**more: Any) -> Any:
    facts = {
        "transaction_key": "time:T1", "follows": None,
        "contract_id": "K1", "customer_id": "C1", "project_id": "P1", "currency": "EUR", "grouping": "immediate",
        "service_to": date(2026, 3, 10), "billing_policy": None, "rebill_of": None, "kind": "time", "holdback": None,
        "po_number": "PO1", "cost_centre": "CC1", "contract_status": "active", "open_minor": 10_00,
    }  # fmt: skip
    return SimpleNamespace(**facts | more)


def key(policy: dict[str, Any] | None = None, **more: Any) -> str:
    return place(item(billing_policy=policy, **more), "DE01", UTC_ZONE).key


@given(days, policies)
def test_every_day_is_in_one_period_that_ends_after_it(day: date, policy: BillingPolicy) -> None:
    ends = period_end(policy, day)
    assert day <= ends <= day + timedelta(days=93)
    assert period_end(policy, ends) == ends
    assert period_end(policy, ends + timedelta(days=1)) > ends


def test_a_cut_off_day_puts_what_is_after_it_on_the_next_invoice() -> None:
    policy = BillingPolicy(when="month", cut_off_day=25)
    assert [period_end(policy, date(2026, 12, day)) for day in (25, 26)] == [date(2026, 12, 25), date(2027, 1, 25)]
    quarter = BillingPolicy(when="quarter", cut_off_day=25)
    assert [period_end(quarter, date(2026, 12, day)) for day in (25, 26)] == [date(2026, 12, 25), date(2027, 3, 25)]


def test_what_settles_an_item_goes_with_it_where_each_stands_alone() -> None:
    drawn = key(grouping="each", transaction_key="drawdown:A:time:T1", follows="time:T1", kind="drawdown")
    assert drawn == key(grouping="each") != key(grouping="each", transaction_key="time:T2")
    part = key(grouping="each", transaction_key="drawdown:A:time:T1:share:C1", follows="time:T1", kind="drawdown")
    assert part == key(grouping="each", transaction_key="time:T1:share:C1")


def test_contracts_without_a_policy_are_grouped_as_before() -> None:
    assert key() == key(grouping="monthly") == "DE01|C1|P1|EUR|2026-03"
    assert key(grouping="each") == "DE01|C1|P1|EUR|time:T1"
    assert place(item(grouping="monthly"), "DE01", UTC_ZONE).due == datetime(2026, 4, 1, tzinfo=UTC)
    assert place(item(), "DE01", UTC_ZONE).due is None


@pytest.mark.parametrize("what", sorted(set(get_args(Apart)) - {"item"}))
def test_what_is_kept_apart_shares_no_draft(what: str) -> None:
    field = {"project": "project_id", "contract": "contract_id", "purchase_order": "po_number"}.get(what, what)
    policy = {"consolidated": True, "apart": [what]}
    assert key(policy) != key(policy, **{field: "other"})
    assert key({"consolidated": True}) == key({"consolidated": True}, **{field: "other"})


def test_a_release_of_holdback_has_a_document_of_its_own_unless_agreed_otherwise() -> None:
    assert key(kind="holdback", holdback={"release_document": "own"}).endswith("|time:T1")
    assert key(kind="holdback", holdback={"release_document": "with_others"}) == key()


def test_less_than_the_minimum_waits_for_more_for_its_day_or_for_the_contracts_end() -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    policy = msgspec.convert({"minimum_amount": "25.00", "minimum_wait_days": 30}, BillingPolicy, strict=False)
    assert held_by_minimum([item(), item()], policy, now, UTC_ZONE) == date(2026, 4, 9)
    assert held_by_minimum([item()] * 3, policy, now, UTC_ZONE) is None
    assert held_by_minimum([item()], policy, datetime(2026, 4, 9, tzinfo=UTC), UTC_ZONE) is None
    assert held_by_minimum([item(contract_status="completed")], policy, now, UTC_ZONE) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"cut_off_day": 5},
        {"when": "month", "cut_off_day": 29},
        {"minimum_amount": "-1"},
        {"minimum_wait_days": 5},
        {"apart": ["item"], "consolidated": True},
    ],
)
def test_policies_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, BillingPolicy, strict=False)
