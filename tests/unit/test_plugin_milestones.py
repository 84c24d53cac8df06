"""The milestone trigger by example: when a milestone is earned, at which price, and why it waits otherwise."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billwright.extension.views import ContractView, ItemProposal, MilestoneView
from billwright.kernel.money import Money
from billwright_plugins.milestones import propose_items
from support.plugin_views import a_change_order, a_contract, a_decision, a_milestone, a_price, day

ACCEPTED = (a_decision("accepted", day(10)),)


def only(contract: ContractView) -> ItemProposal:
    (proposal,) = propose_items(contract)
    return proposal


def proposed(milestone: MilestoneView, **contract: Any) -> ItemProposal:
    return only(a_contract(milestones=(milestone,), **contract))


def test_an_accepted_milestone_is_ready_with_all_that_the_line_needs() -> None:
    milestone = a_milestone(number="2", decisions=ACCEPTED, evidence_ids=("ev2", "ev1"))

    assert proposed(milestone) == ItemProposal(
        transaction_key="milestone:c1:m1:1",
        kind="milestone",
        subject_id="m1",
        ready=True,
        description="Milestone 2 — Design approved",
        unit_price=Decimal("1000.00"),
        amount=Money(100_000, "EUR"),
        service_to=date(2025, 3, 11),
        clause="4.1",
        contract_version_id="v1",
        acceptance_id=ACCEPTED[0].id,
        evidence_ids=("ev1", "ev2"),
        message_id="msg-decision",
    )


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], "no_acceptance"),
        ([("in_progress", 1)], "no_acceptance"),
        ([("rejected", 1)], "rejected"),
        ([("rejected", 1), ("in_progress", 2)], "no_acceptance"),
        ([("accepted", 1), ("reopened", 2)], "reopened"),
        ([("accepted", 1), ("in_progress", 2)], "reopened"),
        ([("accepted", 1), ("rejected", 2)], "rejected"),
        ([("accepted", 99)], "acceptance_settling"),
    ],
)
def test_without_an_acceptance_that_stood_it_waits(history: list[tuple[str, int]], reason: str) -> None:
    decisions = tuple(a_decision(decision, day(at)) for decision, at in history)

    waiting = proposed(a_milestone(decisions=decisions), acceptance_settles_after_days=14)

    assert (waiting.ready, waiting.reasons) == (False, (reason,))


def test_an_acceptance_settles_at_the_end_of_its_days_not_before() -> None:
    milestone = a_milestone(decisions=ACCEPTED)
    before = proposed(milestone, acceptance_settles_after_days=14, now=day(23.999))
    after = proposed(milestone, acceptance_settles_after_days=14, now=day(24))

    assert (before.ready, before.look_again_at, before.service_to) == (False, day(24), None)
    assert (after.ready, after.look_again_at, after.service_to) == (True, None, date(2025, 3, 11))


def test_a_disturbed_acceptance_does_not_count_and_the_next_one_does() -> None:
    decisions = tuple(a_decision(*each) for each in [("accepted", day(1)), ("reopened", day(3)), ("accepted", day(20))])
    prices = (a_price(1000), a_price(700, effective_at=day(15)))

    settled = proposed(
        a_milestone(decisions=decisions, prices=prices), acceptance_settles_after_days=7, value=Decimal(700)
    )
    at_once = proposed(a_milestone(decisions=decisions, prices=prices), value=Decimal(700))

    assert (settled.amount, settled.acceptance_id, settled.notes) == (Money(70_000, "EUR"), decisions[2].id, ())
    assert (at_once.amount, at_once.acceptance_id) == (Money(100_000, "EUR"), decisions[0].id)
    assert at_once.notes == ("reopened_after_acceptance", "price_changed_after_acceptance")


@pytest.mark.parametrize(("reopened_at", "earned"), [(16.999, False), (17, True), (30, True)])
def test_a_reopening_after_the_settle_time_leaves_the_item_ready_with_a_note(reopened_at: float, earned: bool) -> None:
    decisions = (*ACCEPTED, a_decision("reopened", day(reopened_at)))

    proposal = proposed(a_milestone(decisions=decisions), acceptance_settles_after_days=7)

    assert proposal.ready is earned
    assert proposal.notes == (("reopened_after_acceptance",) if earned else ())


def test_decisions_of_one_moment_have_an_order_of_their_own() -> None:
    together = (a_decision("accepted", day(1)), a_decision("rejected", day(1)), a_decision("in_progress", day(1)))

    assert proposed(a_milestone(decisions=together), acceptance_settles_after_days=5).ready
    taken_back = (*together, a_decision("reopened", day(1)))
    assert proposed(a_milestone(decisions=taken_back), acceptance_settles_after_days=5).reasons == ("reopened",)


def test_an_acceptance_dated_in_the_future_is_looked_at_again_then() -> None:
    proposal = proposed(a_milestone(decisions=ACCEPTED), now=day(9))

    assert (proposal.reasons, proposal.look_again_at) == (("acceptance_settling",), day(10))


def test_the_price_in_force_at_the_acceptance_counts() -> None:
    prices = (a_price(900, effective_at=day(5)), a_price(1200, effective_at=day(11)), a_price(1000))

    proposal = proposed(a_milestone(decisions=ACCEPTED, prices=prices), value=Decimal(1200))

    assert proposal.amount == Money(90_000, "EUR")
    assert proposal.notes == ("price_changed_after_acceptance",)


def test_a_price_that_begins_at_the_very_moment_of_the_acceptance_counts() -> None:
    prices = (a_price(1000), a_price(900, effective_at=day(10)))

    assert proposed(a_milestone(decisions=ACCEPTED, prices=prices)).amount == Money(90_000, "EUR")


def test_when_all_prices_came_later_the_earliest_counts() -> None:
    prices = (a_price(900, effective_at=day(30)), a_price(1000, effective_at=day(20)))

    proposal = proposed(a_milestone(decisions=ACCEPTED, prices=prices))

    assert (proposal.ready, proposal.amount) == (True, Money(100_000, "EUR"))


def test_a_change_order_changes_no_price_before_its_signature_however_it_is_dated() -> None:
    prices = (a_price(1000), a_price(500, effective_at=day(1), change_order_id="CO-1"))
    milestone = a_milestone(decisions=ACCEPTED, prices=prices)

    unsigned = proposed(milestone, change_orders=(a_change_order("CO-1", None),))
    signed_later = proposed(milestone, change_orders=(a_change_order("CO-1", day(12)),))
    signed_before = proposed(milestone, change_orders=(a_change_order("CO-1", day(9)),))

    assert (unsigned.amount, unsigned.change_order_id, unsigned.notes) == (Money(100_000, "EUR"), None, ())
    assert signed_later.amount == Money(100_000, "EUR")
    assert "price_changed_after_acceptance" in signed_later.notes
    assert (signed_before.amount, signed_before.change_order_id) == (Money(50_000, "EUR"), "CO-1")


def test_a_milestone_of_an_unsigned_change_order_waits_and_shows_its_price() -> None:
    price = a_price(300, effective_at=day(1), change_order_id="CO-1")
    milestone = a_milestone(decisions=ACCEPTED, prices=(price,), change_order_id="CO-1")

    waiting = proposed(milestone, change_orders=(a_change_order("CO-1", None),))
    ready = proposed(milestone, change_orders=(a_change_order("CO-1", day(2), value_after=300),))

    assert (waiting.reasons, waiting.amount) == (("change_order_unsigned",), Money(30_000, "EUR"))
    assert (ready.ready, ready.amount, ready.change_order_id, ready.notes) == (True, Money(30_000, "EUR"), "CO-1", ())


def test_a_change_order_that_nobody_knows_counts_as_unsigned() -> None:
    assert proposed(a_milestone(decisions=ACCEPTED, change_order_id="CO-9")).reasons == ("change_order_unsigned",)


def test_two_change_orders_of_one_moment_count_in_the_order_of_their_numbers() -> None:
    prices = tuple(
        a_price(amount, effective_at=day(1), change_order_id=f"CO-{n}") for n, amount in ((10, 300), (9, 200))
    )
    orders = tuple(a_change_order(f"CO-{n}", day(1)) for n in (10, 9))

    proposal = proposed(a_milestone(decisions=ACCEPTED, prices=prices), change_orders=orders)

    assert proposal.amount == Money(30_000, "EUR")


def test_mobilisation_is_earned_by_signature_at_the_price_of_that_day() -> None:
    prices = (a_price(200), a_price(250, effective_at=datetime(2025, 1, 15, 9, tzinfo=UTC)))
    milestone = a_milestone(basis="mobilisation", prices=prices)

    signed = proposed(milestone, value=Decimal(250))
    unsigned = proposed(milestone, value=Decimal(250), signed_on=None)
    to_be_signed = proposed(milestone, value=Decimal(250), signed_on=date(2025, 12, 24))

    assert (signed.ready, signed.amount, signed.service_to) == (True, Money(20_000, "EUR"), date(2025, 1, 15))
    assert (signed.message_id, signed.acceptance_id) == ("msg-milestone", None)
    assert unsigned.reasons == ("contract_not_signed",)
    assert to_be_signed.reasons == ("contract_not_signed",)
    assert to_be_signed.look_again_at == datetime(2025, 12, 24, tzinfo=UTC)


def test_percent_is_of_the_value_in_force_when_earned_rounded_half_up() -> None:
    milestone = a_milestone(basis="percent", percent=Decimal("12.5"), prices=(), decisions=ACCEPTED)
    orders = (a_change_order("CO-1", day(5), value_after=2000), a_change_order("CO-2", day(20), value_after=4000))

    first = proposed(milestone, value=Decimal("1000.04"))
    raised = proposed(milestone, value=Decimal("1000.04"), change_orders=orders)
    unsigned = proposed(
        milestone, value=Decimal("1000.04"), change_orders=(a_change_order("CO-1", None, value_after=2000),)
    )

    assert first.amount == Money(125_01, "EUR")  # 125.005
    assert (raised.amount, raised.change_order_id) == (Money(250_00, "EUR"), "CO-1")
    assert "price_changed_after_acceptance" in raised.notes
    assert unsigned.amount == first.amount


@pytest.mark.parametrize("missing", [{"value": None}, {"currency": None}])
def test_percent_of_an_unclear_value_waits(missing: dict[str, Any]) -> None:
    proposal = proposed(a_milestone(basis="percent", percent=Decimal(10), prices=(), decisions=ACCEPTED), **missing)

    assert proposal.reasons == (("no_amount",) if "value" in missing else ("unknown_currency",))


def test_a_milestone_without_acceptance_is_earned_when_due() -> None:
    milestone = a_milestone(acceptance_required=False, due_on=date(2025, 5, 1))
    midnight = datetime(2025, 5, 1, tzinfo=UTC)

    waiting, due = proposed(milestone, now=day(60)), proposed(milestone, now=midnight)

    assert (waiting.reasons, waiting.look_again_at) == (("not_yet_due",), midnight)
    assert (due.ready, due.service_to) == (True, date(2025, 5, 1))


def test_without_acceptance_and_date_it_waits_for_either() -> None:
    assert proposed(a_milestone(acceptance_required=False)).reasons == ("no_due_date",)
    assert proposed(a_milestone(acceptance_required=False, decisions=ACCEPTED)).ready
    rejected = (a_decision("rejected", day(3)),)
    assert proposed(a_milestone(acceptance_required=False, decisions=rejected)).reasons == ("rejected",)


@pytest.mark.parametrize(
    ("price", "reasons"),
    [
        (a_price(None), ("no_amount",)),
        (a_price("NaN"), ("no_amount",)),
        (a_price(0), ("zero_amount",)),
        (a_price(-5), ("negative_amount",)),
        (a_price("10.005"), ("amount_too_precise",)),
        (a_price("10.5", "JPY"), ("amount_too_precise",)),
        (a_price("1e16"), ("amount_out_of_range",)),
        (a_price("1e999999"), ("amount_out_of_range",)),
        (a_price("1e-999999"), ("amount_too_precise",)),
        (a_price(10, None), ("unknown_currency",)),
        (a_price(10, "BTC"), ("unknown_currency",)),
        (a_price(None, "BTC"), ("no_amount", "unknown_currency")),
    ],
)
def test_an_unclear_price_waits_and_is_never_guessed(price: Any, reasons: tuple[str, ...]) -> None:
    proposal = proposed(a_milestone(decisions=ACCEPTED, prices=(price,)), value=None)

    assert (proposal.ready, proposal.reasons, proposal.amount) == (False, reasons, None)


def test_a_milestone_without_any_price_waits() -> None:
    assert proposed(a_milestone(decisions=ACCEPTED, prices=()), value=None).reasons == ("no_amount",)


def test_a_unit_with_a_declared_settlement_is_converted_and_says_so() -> None:
    settlement = {"DAI": (Decimal("0.9235"), "EUR", "ECB 2025-03-10"), "BTC": (Decimal(0), "EUR", "")}
    converted = proposed(
        a_milestone(decisions=ACCEPTED, prices=(a_price("10.1", "DAI"),)), settlement=settlement, value=None
    )

    assert (converted.ready, converted.amount) == (True, Money(933, "EUR"))  # 9.32735
    assert converted.description == "Milestone 1 — Design approved (10.1 DAI at 0.9235 EUR, ECB 2025-03-10)"
    assert converted.notes == ("milestones_do_not_match_total", "converted")  # the contract is in EUR
    nothing = proposed(a_milestone(decisions=ACCEPTED, prices=(a_price(1, "BTC"),)), settlement=settlement, value=None)
    assert nothing.reasons == ("zero_amount",)


def test_a_settlement_in_something_that_is_no_currency_helps_nobody() -> None:
    settlement = {"BTC": (Decimal(2), "DAI", "")}

    proposal = proposed(a_milestone(decisions=ACCEPTED, prices=(a_price(1, "BTC"),)), settlement=settlement)

    assert proposal.reasons == ("unknown_currency",)


def test_what_only_follows_from_another_reason_is_left_out() -> None:
    foreign = a_milestone(known=False, prices=(), decisions=ACCEPTED, name="")

    assert proposed(foreign).reasons == ("not_in_agreement",)
    assert proposed(foreign).description == "Milestone 1"
    nothing_known = proposed(foreign, known=False, customer_known=False, customer_id=None)
    assert nothing_known.reasons == ("contract_unknown", "not_in_agreement")
    assert proposed(a_milestone(decisions=ACCEPTED), customer_known=False).reasons == ("customer_unknown",)


def test_several_reasons_come_in_their_fixed_order() -> None:
    milestone = a_milestone(prices=(a_price(-1, "BTC"),), change_order_id="CO-1", removed=True)

    assert proposed(milestone, status="terminated", customer_known=False).reasons == (
        "customer_unknown",
        "removed_from_agreement",
        "change_order_unsigned",
        "contract_terminated",
        "no_acceptance",
        "negative_amount",
        "unknown_currency",
    )


def test_a_terminated_contract_bills_what_was_earned_only() -> None:
    assert proposed(a_milestone(decisions=ACCEPTED), status="terminated").ready
    assert proposed(a_milestone(), status="terminated").reasons == ("contract_terminated", "no_acceptance")
    settling = proposed(
        a_milestone(decisions=ACCEPTED), status="terminated", now=day(10.5), acceptance_settles_after_days=1
    )
    assert settling.reasons == ("acceptance_settling",)  # time alone will release it, so it is not called terminated


def test_a_removed_milestone_is_billed_only_if_it_was_earned() -> None:
    earned = proposed(a_milestone(decisions=ACCEPTED, removed=True))

    assert (earned.ready, earned.notes) == (True, ("removed_after_acceptance",))
    assert proposed(a_milestone(removed=True)).reasons == ("removed_from_agreement", "no_acceptance")


def test_open_items_of_the_acceptance_are_noted() -> None:
    decisions = (a_decision("accepted", day(10), items_open=2),)

    assert proposed(a_milestone(decisions=decisions)).notes == ("accepted_with_open_items",)


@pytest.mark.parametrize(
    ("prices", "contract", "noted"),
    [
        ([(600, "EUR"), (400, "EUR")], {}, False),
        ([(600, "EUR"), (500, "EUR")], {}, True),
        ([(600, "EUR"), (400, "USD")], {}, True),
        ([(600, "USD"), (400, "USD")], {}, True),
        ([(600, "EUR"), (None, "EUR")], {}, False),
        ([(1600, "EUR"), (None, "EUR")], {}, True),
        ([(600, "EUR"), (500, "EUR")], {"value": None}, False),
        ([(600, "EUR"), (500, "EUR")], {"billing": "mixed"}, False),
        ([(600, "EUR"), (500, "EUR")], {"change_orders": (a_change_order("CO-1", day(1), value_after=1100),)}, False),
        ([(600, "EUR"), (400, "EUR")], {"change_orders": (a_change_order("CO-1", None, value_after=1100),)}, False),
    ],
)
def test_milestones_that_do_not_match_the_total_are_noted_on_each(
    prices: list[tuple[int | None, str]], contract: dict[str, Any], noted: bool
) -> None:
    milestones = tuple(a_milestone(id=f"m{n}", prices=(a_price(*price),)) for n, price in enumerate(prices))

    notes = [each.notes for each in propose_items(a_contract(milestones=milestones, **contract))]

    assert notes == [("milestones_do_not_match_total",) if noted else ()] * len(prices)


def test_removed_foreign_and_unsigned_milestones_do_not_count_towards_the_total() -> None:
    others = (
        a_milestone(id="m2", removed=True),
        a_milestone(id="m3", known=False, prices=()),
        a_milestone(id="m4", change_order_id="CO-1"),
    )
    contract = a_contract(milestones=(a_milestone(), *others), change_orders=(a_change_order("CO-1", None),))

    assert all("milestones_do_not_match_total" not in each.notes for each in propose_items(contract))


def test_the_contract_version_is_the_one_in_force_when_earned() -> None:
    versions = ((None, "v1"), (day(5), "v2"), (day(20), "v3"))

    assert proposed(a_milestone(decisions=ACCEPTED), versions=versions).contract_version_id == "v2"
    assert proposed(a_milestone(), versions=versions).contract_version_id == "v3"
