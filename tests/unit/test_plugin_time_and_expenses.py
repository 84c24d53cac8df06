"""Time at effective-dated rates and expenses at cost: ready when approved and priced, else waiting with a reason."""

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.views import ItemProposal, TimeEntryView
from billwright.kernel.money import Money, price_times_quantity
from billwright_plugins import expenses, time_entries
from support.plugin_views import a_change_order, a_contract, a_rate, a_time_entry, an_expense, day

SINCE = date(2025, 1, 1)
ENGINEER = a_rate("r-engineer", "120", SINCE, role="Engineer")
ANN = a_rate("r-ann", "150", SINCE, person_email="ann@example.com")


def proposed(entry: TimeEntryView, *rates: Any, **contract: Any) -> ItemProposal:
    given_fields = {"billing": "time_and_materials", "time_entries": (entry,), "rates": rates or (ENGINEER,)} | contract
    (proposal,) = time_entries.propose_items(a_contract(**given_fields))
    return proposal


def test_approved_time_is_ready_with_all_that_the_line_needs() -> None:
    assert proposed(a_time_entry()) == ItemProposal(
        transaction_key="time:t1",
        kind="time",
        subject_id="t1",
        ready=True,
        description="Ann Lee, Engineer — Load test",
        quantity=Decimal("7.5"),
        unit="HUR",
        unit_price=Decimal(120),
        amount=Money(900_00, "EUR"),
        service_from=date(2025, 3, 10),
        service_to=date(2025, 3, 10),
        contract_version_id="v1",
        rate_id="r-engineer",
        message_id="msg-time",
    )


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ((ENGINEER, ANN), "r-ann"),
        ((ENGINEER, a_rate("r-new", "130", date(2025, 3, 10), role="engineer ")), "r-new"),
        ((ENGINEER, a_rate("r-next", "130", date(2025, 3, 11), role="Engineer")), "r-engineer"),
        ((ENGINEER, a_rate("r-all", "90", date(2025, 3, 1))), "r-engineer"),
        ((a_rate("r-all", "90", SINCE),), "r-all"),
        (
            (ANN, a_rate("r-ann-engineer", "140", SINCE, person_email="ANN@example.com", role="Engineer")),
            "r-ann-engineer",
        ),
        ((ENGINEER, a_rate("r-ann-lead", "200", SINCE, person_email="ann@example.com", role="Lead")), "r-engineer"),
        ((ENGINEER, a_rate("r-copy", "120.00", SINCE, role="Engineer")), "r-copy"),  # the same price twice is one price
    ],
)
def test_the_closest_rate_in_force_on_the_day_counts(rates: tuple[Any, ...], chosen: str) -> None:
    assert proposed(a_time_entry(), *rates).rate_id == chosen
    assert proposed(a_time_entry(), *reversed(rates)).rate_id == chosen


@pytest.mark.parametrize(
    ("rate", "reason"),
    [
        (a_rate("r", "120", SINCE, role="Lawyer"), "no_rate"),
        (a_rate("r", "120", SINCE, person_email="bob@example.com"), "no_rate"),
        (a_rate("r", "120", date(2025, 3, 11), role="Engineer"), "no_rate"),
        (a_rate("r", "0", SINCE, role="Engineer"), "zero_amount"),
        (a_rate("r", "-1", SINCE, role="Engineer"), "negative_amount"),
        (a_rate("r", "120", SINCE, role="Engineer", currency="DAI"), "unknown_currency"),
        (a_rate("r", "1e15", SINCE, role="Engineer"), "amount_out_of_range"),
        (a_rate("r", "1e99", SINCE, role="Engineer"), "amount_out_of_range"),
        (a_rate("r", "NaN", SINCE, role="Engineer"), "no_amount"),
    ],
)
def test_without_a_usable_rate_it_waits(rate: Any, reason: str) -> None:
    proposal = proposed(a_time_entry(), rate)

    assert (proposal.ready, proposal.reasons, proposal.amount) == (False, (reason,), None)


def test_two_prices_from_the_same_day_are_not_guessed_between() -> None:
    other = a_rate("r-other", "125", SINCE, role="Engineer")

    assert proposed(a_time_entry(), ENGINEER, other).reasons == ("rate_ambiguous",)
    assert proposed(a_time_entry(), ENGINEER, other, ANN).rate_id == "r-ann"


@pytest.mark.parametrize(
    ("entry", "contract", "reasons"),
    [
        ({"status": "submitted"}, {}, ("time_not_approved",)),
        ({"status": "rejected"}, {}, ("time_rejected",)),
        ({}, {"billing": "fixed_price"}, ("billing_is_fixed_price",)),
        ({}, {"customer_known": False}, ("customer_unknown",)),
        ({}, {"known": False, "customer_known": False, "rates": ()}, ("contract_unknown", "no_rate")),
        ({"change_order_id": "CO-1"}, {}, ("change_order_unsigned",)),
        ({"change_order_id": "CO-1"}, {"change_orders": (a_change_order("CO-1", None),)}, ("change_order_unsigned",)),
        ({"change_order_id": "CO-1"}, {"change_orders": (a_change_order("CO-1", day(1)),)}, ()),
        ({"status": "submitted"}, {"billing": "fixed_price"}, ("billing_is_fixed_price", "time_not_approved")),
        ({}, {"billing": "mixed"}, ()),
        ({}, {"status": "terminated"}, ()),
    ],
)
def test_time_waits_for_approval_and_for_the_agreement(
    entry: dict[str, Any], contract: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    proposal = proposed(a_time_entry(**entry), **contract)

    assert (proposal.reasons, proposal.ready) == (reasons, not reasons)


def test_hours_in_a_settled_unit_are_converted_from_the_whole_amount() -> None:
    rate = a_rate("r", "33.333", SINCE, role="Engineer", currency="DAI")

    proposal = proposed(a_time_entry(hours=Decimal(3)), rate, settlement={"DAI": (Decimal("0.9"), "EUR", "ECB")})

    assert (proposal.amount, proposal.unit_price) == (Money(90_00, "EUR"), Decimal("29.9997"))
    assert proposal.notes == ("converted",)
    assert proposal.description.endswith("(99.999 DAI at 0.9 EUR, ECB)")


def test_a_long_note_becomes_one_short_line() -> None:
    description = proposed(a_time_entry(note="word\n" * 200)).description

    assert (len(description), "\n" in description, description[-1]) == (300, False, "…")


@given(
    st.decimals(min_value=Decimal("0.0001"), max_value=10_000, places=4),
    st.decimals(min_value=Decimal("0.01"), max_value=24, places=2),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_amount_is_the_unit_price_times_the_hours_rounded_once(
    hourly: Decimal, hours: Decimal, currency: str
) -> None:
    proposal = proposed(a_time_entry(hours=hours), a_rate("r", str(hourly), SINCE, role="Engineer", currency=currency))
    expected = price_times_quantity(hourly, hours, currency)

    assert proposal.amount == (expected or None)
    assert proposal.ready == bool(expected)
    if proposal.amount is not None:
        assert proposal.unit_price is not None
        assert price_times_quantity(proposal.unit_price, proposal.quantity, currency) == proposal.amount


RATES = st.builds(
    lambda role, email, hourly, since, number: a_rate(
        f"r{number}", str(hourly), date(2025, 3, since), role=role, person_email=email
    ),
    st.sampled_from(["", "Engineer", "Lead"]),
    st.sampled_from([None, "ann@example.com", "bob@example.com"]),
    st.integers(50, 52),
    st.integers(8, 12),
    st.integers(0, 99),
)


@given(
    st.lists(RATES, max_size=6, unique_by=lambda rate: rate.id), st.integers(1, 4), st.randoms(use_true_random=False)
)
def test_every_entry_gives_one_proposal_whatever_the_order_of_the_rates(
    rates: list[Any], count: int, random: Random
) -> None:
    entries = tuple(a_time_entry(id=f"t{number}", worked_on=date(2025, 3, 8 + number)) for number in range(count))
    contract = {"billing": "mixed", "time_entries": entries}
    answer = time_entries.propose_items(a_contract(rates=tuple(rates), **contract))
    mixed = time_entries.propose_items(a_contract(rates=tuple(random.sample(rates, len(rates))), **contract))

    assert [proposal.subject_id for proposal in answer] == [entry.id for entry in entries]
    assert mixed == answer


def test_an_approved_expense_is_passed_on_at_cost() -> None:
    (proposal,) = expenses.propose_items(a_contract(expenses=(an_expense(),)))

    assert proposal == ItemProposal(
        transaction_key="expense:e1",
        kind="expense",
        subject_id="e1",
        ready=True,
        description="Travel — Train to the site (Ann Lee)",
        unit_price=Decimal("84.50"),
        amount=Money(84_50, "EUR"),
        service_from=date(2025, 3, 10),
        service_to=date(2025, 3, 10),
        contract_version_id="v1",
        message_id="msg-expense",
    )


@pytest.mark.parametrize(
    ("expense", "contract", "reasons"),
    [
        ({"status": "submitted"}, {}, ("expense_not_approved",)),
        ({"status": "rejected"}, {}, ("expense_rejected",)),
        ({"currency": "DAI"}, {}, ("unknown_currency",)),
        ({"amount": Decimal("1.005")}, {}, ("amount_too_precise",)),
        ({"amount": Decimal("1e-50")}, {}, ("amount_too_precise",)),
        ({"amount": Decimal(0)}, {}, ("zero_amount",)),
        ({}, {"known": False}, ("contract_unknown",)),
        ({}, {"customer_known": False}, ("customer_unknown",)),
        ({"status": "submitted", "currency": "DAI"}, {}, ("expense_not_approved", "unknown_currency")),
    ],
)
def test_an_expense_waits_with_its_reasons(
    expense: dict[str, Any], contract: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    (proposal,) = expenses.propose_items(a_contract(expenses=(an_expense(**expense),), **contract))

    assert (proposal.ready, proposal.reasons) == (False, reasons)


def test_an_expense_in_a_settled_unit_is_converted() -> None:
    contract = a_contract(
        expenses=(an_expense(amount=Decimal("10.005"), currency="DAI", category="", description=""),),
        settlement={"DAI": (Decimal(1), "EUR", "")},
    )
    (proposal,) = expenses.propose_items(contract)

    assert (proposal.amount, proposal.notes) == (Money(10_01, "EUR"), ("converted",))
    assert proposal.description == "Expense (Ann Lee) (10.005 DAI at 1 EUR)"
