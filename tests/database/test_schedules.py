"""Subscriptions, retainers, usage and progress through the real jobs: from a message to issued invoices, period by period."""

from datetime import UTC, datetime

from sqlalchemy import select

from billwright.billing.tables import ContributorRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.transaction import transaction
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


def test_an_advance_is_drawn_on_the_invoice_of_each_milestone(firm: Firm) -> None:
    prepared(firm)
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
