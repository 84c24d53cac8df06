"""Which items share an invoice, and when it is made: by the policy of the contract."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from billwright.billing.tables import BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import AUTOMATIC, Firm

STEPS = (ApprovalRule(name="people", steps=("finance",)),)


@pytest.fixture
def drafting(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Drafts stay drafts: somebody would have to approve them."""
    return make_firm(TenantConfiguration(approvals=STEPS, render_documents=False, deliver_by_mail=False))


def done(contract: str, number: str, amount: str, at: str = "2026-02-10T12:00:00Z") -> list[tuple[str, dict[str, Any]]]:
    ref = f"{contract}/{number}"
    return [
        ("milestone", {"ref": ref, "contract": contract, "number": number, "amount": amount, "currency": "EUR"}),
        (
            "acceptance",
            {"ref": f"A{ref}", "contract": contract, "milestones": [ref], "decision": "accepted", "decided_at": at},
        ),
    ]


def tell(firm: Firm, facts: list[tuple[str, dict[str, Any]]]) -> None:
    firm.store([firm.event(kind, data) for kind, data in facts])
    firm.drain()


def bills(firm: Firm) -> list[list[int]]:
    """The net of each line, by invoice; whatever their order."""
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = (
            select(InvoiceLineRow.invoice_id, InvoiceLineRow.net_minor)
            .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
            .where(InvoiceRow.phase != "void")
        )
        by_invoice: dict[Any, list[int]] = {}
        for invoice_id, net in tx.session.execute(query):
            by_invoice.setdefault(invoice_id, []).append(net)
    return sorted(sorted(nets) for nets in by_invoice.values())


def states(firm: Firm) -> set[tuple[str, tuple[str, ...]]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return {(row.state, tuple(row.reasons)) for row in tx.session.scalars(select(BillableItemRow))}


def project(firm: Firm, ref: str, **more: Any) -> None:
    firm.send("project", ref=ref, name=ref, customer="C1", **more)


def test_what_is_after_the_cut_off_day_goes_on_the_next_invoice(firm: Firm) -> None:
    firm.customer()
    firm.contract(billing_policy={"when": "month", "cut_off_day": 25})
    days = (("1", "2026-02-24"), ("2", "2026-02-25"), ("3", "2026-02-26"))
    tell(firm, [fact for number, day in days for fact in done("K1", number, f"{number}00.00", f"{day}T12:00:00Z")])
    assert bills(firm) == [[100_00, 200_00]]
    firm.clock.moment = datetime(2026, 3, 25, 23, 30, tzinfo=UTC)
    firm.drain()
    assert bills(firm) == [[100_00, 200_00], [300_00]]


def test_contracts_and_projects_of_a_customer_share_a_consolidated_invoice(drafting: Firm) -> None:
    drafting.customer()
    project(drafting, "P1")
    project(drafting, "P2")
    drafting.contract("K1", project="P1", billing_policy={"consolidated": True})
    drafting.contract("K2", project="P2", billing_policy={"consolidated": True})
    drafting.contract("K3", project="P2")
    tell(drafting, done("K1", "1", "100.00") + done("K2", "1", "200.00") + done("K3", "1", "400.00"))
    assert bills(drafting) == [[100_00, 200_00], [400_00]]
    tell(drafting, done("K2", "2", "300.00"))  # a later look at one contract moves nothing
    assert bills(drafting) in ([[100_00, 200_00, 300_00], [400_00]], [[100_00, 200_00], [300_00], [400_00]])


def test_cost_centres_and_purchase_orders_are_kept_apart(drafting: Firm) -> None:
    drafting.customer()
    project(drafting, "P1", cost_centre="100")
    project(drafting, "P2", cost_centre="200")
    apart = {"consolidated": True, "apart": ["cost_centre", "purchase_order"], "when": "month"}
    for number, (of, order) in enumerate((("P1", "A"), ("P1", "B"), ("P2", "A"), ("P2", "A")), 1):
        drafting.contract(f"K{number}", project=of, billing_policy=apart, purchase_order={"number": order})
        tell(drafting, done(f"K{number}", "1", f"{number}00.00"))
    drafting.clock.moment = datetime(2026, 3, 3, tzinfo=UTC)
    drafting.drain()
    assert sorted(sum(nets) for nets in bills(drafting)) == [100_00, 200_00, 700_00]


def test_less_than_the_minimum_waits_until_it_is_reached(firm: Firm) -> None:
    firm.customer()
    firm.contract(billing_policy={"minimum_amount": "500.00"})
    tell(firm, done("K1", "1", "200.00") + done("K1", "2", "200.00"))
    assert bills(firm) == []
    assert states(firm) == {("waiting", ("below_minimum",))}
    tell(firm, done("K1", "3", "100.00"))
    assert bills(firm) == [[100_00, 200_00, 200_00]]
    assert states(firm) == {("billed", ())}


def test_the_minimum_is_reached_by_several_contracts_together(firm: Firm) -> None:
    firm.customer()
    policy = {"minimum_amount": "500.00", "consolidated": True}
    firm.contract("K1", billing_policy=policy)
    firm.contract("K2", billing_policy=policy)
    tell(firm, done("K1", "1", "300.00"))
    assert bills(firm) == []
    tell(firm, done("K2", "1", "300.00"))
    assert bills(firm) == [[300_00, 300_00]]


def test_what_never_reaches_the_minimum_is_billed_on_its_day_or_when_the_contract_ends(firm: Firm) -> None:
    firm.customer()
    firm.contract("K1", billing_policy={"minimum_amount": "500.00", "minimum_wait_days": 30})
    firm.contract("K2", billing_policy={"minimum_amount": "500.00"})
    tell(firm, done("K1", "1", "10.00") + done("K2", "1", "20.00"))
    assert bills(firm) == []
    firm.clock.moment = datetime(2026, 3, 12, 23, 30, tzinfo=UTC)
    firm.drain()
    assert bills(firm) == [[10_00]]
    firm.contract("K2", billing_policy={"minimum_amount": "500.00"}, status="completed")
    assert bills(firm) == [[10_00], [20_00]]


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_arrival_makes_the_same_invoices(
    make_firm: Callable[[TenantConfiguration], Firm], seed: int
) -> None:
    facts = [fact for n in range(1, 7) for fact in done("K1", str(n), f"{n}00.00", f"2026-0{1 + n % 3}-1{n}T12:00:00Z")]
    facts += [fact for n in range(1, 4) for fact in done("K2", str(n), f"{n}0.00", f"2026-0{n}-05T12:00:00Z")]
    random.Random(seed).shuffle(facts)
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    firm.customer()
    policy = {"when": "quarter", "cut_off_day": 14, "consolidated": True}
    firm.contract("K1", billing_policy=policy)
    firm.contract("K2", billing_policy=policy)
    tell(firm, facts)
    assert bills(firm) == []
    firm.clock.moment = datetime(2026, 7, 1, tzinfo=UTC)
    firm.drain()
    assert bills(firm) == [[10_00, 20_00, 30_00, 100_00, 200_00, 300_00, 400_00, 600_00], [500_00]]
