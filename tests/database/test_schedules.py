"""Subscriptions, retainers, usage and progress through the real jobs: from a message to issued invoices, period by period."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from billwright.billing.tables import ContributorRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.transaction import transaction
from support.crediting import an_invoice, credit, with_series
from support.pipeline import Firm, person

SEATS = {"model": "subscription", "starts_on": "2026-02-15", "price": "20.00", "quantity": "28"}


def prepared(firm: Firm) -> Firm:
    firm.customer()
    firm.contract(value=None)
    return firm


def amounts(firm: Firm) -> dict[str, int | None]:
    """By the last part of the transaction key."""
    return {key.rpartition(":")[2]: item.amount_minor for key, item in firm.items().items()}


def test_a_subscription_bills_each_period_when_it_begins(firm: Firm) -> None:
    prepared(firm).send("billing_schedule", ref="S1", contract="K1", number="1", name="Seats", terms=SEATS)

    assert amounts(firm) == {"2026-02": 280_00, "2026-03": 560_00, "2026-04": 560_00}
    assert {key.rpartition(":")[2]: item.state for key, item in firm.items().items()} == {
        "2026-02": "billed", "2026-03": "billed", "2026-04": "waiting",
    }  # fmt: skip
    assert [invoice.phase for invoice in firm.invoices()] == ["issued", "issued"]

    firm.clock.moment = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # April has begun in Berlin
    firm.drain()

    assert sum(invoice.net_minor for invoice in firm.invoices()) == 1_400_00
    assert firm.drain() == 0
    assert amounts(firm)["2026-05"] == 560_00


def test_nothing_is_billed_twice_however_often_the_schedule_comes(firm: Firm) -> None:
    prepared(firm)
    for price in ("20.00", "20.00", "25.00"):
        terms = SEATS | {"price": price}
        firm.send("billing_schedule", ref="S1", contract="K1", number="1", terms=terms)

    assert sum(invoice.net_minor for invoice in firm.invoices()) == 840_00
    (march,) = [item for key, item in firm.items().items() if key.endswith("2026-03")]
    assert (march.state, march.notes) == ("billed", ["changed_after_billing"])


def test_a_schedule_may_come_before_its_contract(firm: Firm) -> None:
    firm.send("billing_schedule", ref="S1", contract="K1", number="1", terms=SEATS)
    assert {code for item in firm.items().values() for code in item.reasons} >= {"contract_unknown"}
    prepared(firm)
    assert sum(invoice.net_minor for invoice in firm.invoices()) == 840_00


def test_whoever_sent_the_schedule_has_a_hand_in_its_invoices(firm: Firm) -> None:
    prepared(firm)
    sender = person("Sam Sender", "message:write")
    firm.send("billing_schedule", sender, ref="S1", contract="K1", number="1", terms=SEATS)

    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        hands = set(tx.session.scalars(select(ContributorRow.why).where(ContributorRow.identity == str(sender.id))))
    assert hands == {"entered the billing schedule"}


@pytest.mark.parametrize("grouping", ["immediate", "each"])
def test_an_advance_is_drawn_on_the_invoice_of_each_milestone(firm: Firm, grouping: str) -> None:
    firm.customer()
    firm.contract(value=None, grouping=grouping)
    firm.milestone("A", name="Mobilisation", basis="mobilisation", amount="2000.00", draw_down_percent="20")
    firm.milestone("M1", amount="4000.00")
    firm.accept("M1")
    firm.milestone("M2", amount="6000.00", depends_on=["M1"])
    firm.accept("M2")

    nets = [invoice.net_minor for invoice in firm.invoices()]
    assert nets == [2_000_00, 3_200_00, 4_800_00]
    items = firm.items()
    assert sorted(item.amount_minor or 0 for item in items.values() if item.kind == "drawdown") == [-1_200_00, -800_00]
    assert {item.state for item in items.values()} == {"billed"}
    for item in items.values():
        if item.follows is not None:
            assert items[item.follows].invoice_id == item.invoice_id
    firm.accept("M2")
    assert all("withdrawn_after_billing" not in item.notes for item in firm.items().values())


def test_prepaid_hours_are_charged_and_drawn_on_one_invoice_to_the_cent(firm: Firm) -> None:
    firm.customer()
    firm.contract(value=None, billing="time_and_materials")
    rates = [{"role": "engineer", "hourly": "133.33", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    terms = {"model": "retainer", "style": "drawdown", "starts_on": "2026-03-01", "amount": "2600.00", "hours": "20"}
    firm.send("billing_schedule", ref="S1", contract="K1", number="1", terms=terms)
    for day in range(1, 4):
        firm.store([firm.event("time_entry", {
            "ref": f"T{day}", "contract": "K1", "person_name": "Ann", "role": "engineer", "worked_on": f"2026-03-0{day}",
            "hours": "7.25", "status": "approved",
        })])  # fmt: skip
    firm.drain()

    retainer, work = firm.invoices()
    assert retainer.net_minor == 2_600_00
    assert work.net_minor == 233_33, "21.75 hours less 20 of them; the hours that are covered cost nothing"
    assert {item.state for item in firm.items().values()} == {"billed", "waiting"}


def test_a_claim_that_goes_back_waits_until_more_is_on_the_draft(firm: Firm) -> None:
    prepared(firm)
    terms = {"model": "progress", "items": [{"number": "1", "name": "Earthworks", "value": "90000.00"}]}
    firm.send("billing_schedule", ref="S1", contract="K1", number="1", terms=terms)

    def report(number: int, percent: str) -> None:
        items = [{"number": "1", "percent": percent}]
        firm.send("progress_report", ref=f"R{number}", contract="K1", schedule="S1", as_of="2026-02-20",
                  number=str(number), items=items, status="approved")  # fmt: skip

    report(1, "40")
    report(2, "30")
    assert [(each.net_minor, each.detail) for each in firm.invoices()][1] == (-9_000_00, "blocked")

    report(3, "70")
    assert sorted((each.net_minor, each.phase) for each in firm.invoices()) == [
        (27_000_00, "issued"), (36_000_00, "issued"),
    ]  # fmt: skip


def test_usage_is_billed_after_its_period_and_late_records_by_their_difference(firm: Firm) -> None:
    prepared(firm)
    terms = {"model": "usage", "starts_on": "2026-02-01", "tiers": [{"price": "0.10"}]}
    used = {"contract": "K1", "schedule": "S1"}
    firm.send("usage_record", ref="U1", used_on="2026-02-10", quantity="1000", **used)
    assert "schedule_unknown" in firm.item().reasons
    firm.send("billing_schedule", ref="S1", contract="K1", number="1", terms=terms)
    firm.send("usage_record", ref="U2", used_on="2026-02-11", quantity="500", **used)

    assert [invoice.net_minor for invoice in firm.invoices()] == [100_00, 50_00]
    (unknown,) = [item for key, item in firm.items().items() if key.endswith(":unknown")]
    assert unknown.state == "cancelled"


def test_a_credited_milestone_that_is_accepted_again_is_billed_as_its_second_occurrence(firm: Firm) -> None:
    invoice = an_invoice(with_series(firm))
    credit(firm, invoice)
    firm.clock.moment += timedelta(hours=1)
    firm.accept(decision="reopened")
    first = firm.item()
    assert (first.state, set(first.reasons)) == ("waiting", {"reopened", "released_by_credit"})

    firm.clock.moment += timedelta(hours=1)
    firm.accept()

    states = {key.rpartition(":")[2]: (item.state, item.reasons) for key, item in firm.items().items()}
    assert states == {"1": ("waiting", ["accepted_anew"]), "2": ("billed", [])}
    assert firm.invoices()[-1].net_minor == 10_000_00
    firm.milestone(name="Design and review")
    assert len(firm.items()) == 2
