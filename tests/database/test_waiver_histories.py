"""Waivers in whatever order things happen, and what check-invariants says about a waiver that somebody forged."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from billwright.approvals.ask_waiver import ask_waiver
from billwright.approvals.decide_waiver import decide_waiver
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import ContributorRow, InvoiceRow
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import FindingRow, WaiverRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import DomainError
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person
from support.races import failed_jobs, offenders

ACTS = (
    "ask",
    "ask",
    "grant",
    "grant",
    "refuse",
    "reprice",
    "order",
    "no order",
    "approve",
    "approve",
    "submit",
    "return",
)
RIGHTS = ("waiver:request", "waiver:decide", "invoice:approve_manager", "invoice:submit")
CONFIGURATION = TenantConfiguration(
    approvals=(ApprovalRule(name="all", steps=("manager",)),),
    render_documents=False,
    deliver_by_mail=False,
    rules=(RuleSetting(name="purchase_order"),),
)


class World:
    """One draft that wants a purchase order, and three people who may do anything that the rules do not forbid."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.people = [person(name, *RIGHTS) for name in ("Ada", "Ben", "Cem")]
        self.price = 10_000
        firm.customer(po_required=True)
        firm.contract()
        firm.milestone()
        firm.accept()

    def invoice(self) -> InvoiceRow:
        return self.firm.invoices()[0]

    def do(self, act: str, who: int) -> None:
        firm, actor = self.firm, self.people[who]
        firm.clock.moment += timedelta(minutes=1)
        try:
            match act:
                case "ask":
                    self._ask(who)
                case "grant" | "refuse" as decision:
                    for waiver in self.waivers("waiting"):
                        decide_waiver(
                            firm.database, firm.tenant, actor, waiver.id,
                            decision=decision, reason="Because.",
                        )  # fmt: skip
                case "reprice":
                    self.price += 1
                    firm.milestone(amount=f"{self.price}.00")
                case "order":
                    firm.contract(purchase_order={"number": "PO-1", "value": "90000.00"})
                case "no order":
                    firm.contract()
                case "approve":
                    firm.decide(actor, invoice=self.invoice())
                case "return":
                    firm.decide(actor, "return", "Look again.", invoice=self.invoice())
                case "submit":
                    submit_draft(firm.database, firm.tenant, actor, self.invoice().id)
        except DomainError:
            pass  # refused as it should be; what was done is held against the invariants
        firm.drain()

    def _ask(self, who: int) -> None:
        firm, invoice = self.firm, self.invoice()
        with transaction(firm.database, firm.tenant, SYSTEM) as tx:
            finding = tx.session.scalars(
                select(FindingRow.id).where(FindingRow.invoice_id == invoice.id, FindingRow.resolved_at.is_(None))
            ).first()
        if finding is not None:
            ask_waiver(
                firm.database, firm.tenant, self.people[who], invoice.id,
                finding_id=finding, content_sha256=invoice.content_sha256, reason="Because.",
            )  # fmt: skip

    def waivers(self, *states: str) -> list[WaiverRow]:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM) as tx:
            return list(tx.session.scalars(select(WaiverRow).where(WaiverRow.state.in_(states))))


@given(history=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 2)), min_size=4, max_size=16))
@settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_happens_no_draft_passes_a_finding_that_two_people_did_not_waive(
    make_firm: Callable[[TenantConfiguration], Firm], history: list[tuple[str, int]]
) -> None:
    world = World(make_firm(CONFIGURATION))
    for act, who in history:
        world.do(act, who)
        invoice = world.invoice()
        held = world.waivers("granted", "waiting")
        assert all(each.content_sha256 == invoice.content_sha256 for each in held)
        if invoice.phase == "issued":
            break
    assert offenders(world.firm) == []
    assert failed_jobs(world.firm) == []


@pytest.fixture
def issued(make_firm: Callable[[TenantConfiguration], Firm]) -> World:
    """An invoice that went out past a finding which Ben let pass at Ada's wish."""
    world = World(make_firm(CONFIGURATION))
    for act, who in (("ask", 0), ("grant", 1), ("approve", 2)):
        world.do(act, who)
    assert world.invoice().phase == "issued"
    assert offenders(world.firm) == []
    return world


def test_a_waiver_that_was_taken_back_afterwards_is_reported(issued: World) -> None:
    with transaction(issued.firm.database, issued.firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(WaiverRow).values(state="refused"))
    ((name, _, sentence),) = offenders(issued.firm)
    assert name == "duties_segregated"
    assert "past the finding purchase_order_missing" in sentence


def test_a_waiver_by_the_one_who_approved_is_reported(issued: World) -> None:
    with transaction(issued.firm.database, issued.firm.tenant, SYSTEM) as tx:
        approver = tx.session.scalars(select(ApprovalStepRow.decided_by)).one()
        tx.session.execute(update(WaiverRow).values(decided_by=approver))
    ((name, _, sentence),) = offenders(issued.firm)
    assert name == "duties_segregated"
    assert "had a hand in it and approved" in sentence


def test_a_waiver_by_whoever_made_what_is_billed_is_reported(issued: World) -> None:
    firm = issued.firm
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        (waiver,) = tx.session.scalars(select(WaiverRow))
        waiver.decided_by_email = "jo@acme.example"
    assert offenders(firm) == []
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.add(ContributorRow(invoice_id=issued.invoice().id, identity="jo@acme.example", why="did the work"))
    assert [name for name, _, _ in offenders(firm)] == ["duties_segregated"]
