"""Whatever happens to a firm, in whatever order and however often: afterwards every invariant holds and no job failed."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import select

from billwright.approvals.decide_step import decide_step
from billwright.billing.tables import InvoiceRow
from billwright.checks.submit_draft import submit_draft
from billwright.insight.invariants import check_invariants
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import DomainError
from billwright.kernel.money import Money
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import control_transaction
from support.app import NOON
from support.histories import PEOPLE, Decided, Fact, Paid, Passed, Sent, Step, histories
from support.pipeline import AUTOMATIC, Firm, person

HISTORIES = 12
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
MATRIX = (
    ApprovalRule(name="large", at_least=2000, steps=("manager", "finance")),  # type: ignore[arg-type] # an int does for a Decimal
    *AUTOMATIC,
)


class World:
    """A firm, its people, and the doing of steps."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        rights = ("invoice:approve_manager", "invoice:approve_finance", "invoice:submit", "message:write")
        self.people = [person(name, *rights) for name in PEOPLE]
        self.sent: list[dict[str, object]] = []
        self.seen: Counter[str] = Counter()

    def do(self, step: Step) -> None:
        match step:
            case Sent():
                self._send(step)
            case Decided():
                self._decide(step)
            case Passed(hours):
                self.firm.clock.moment += timedelta(hours=hours)
                self.firm.drain()
            case Paid():
                self._pay(step)

    def _send(self, step: Sent) -> None:
        again = [self.sent[number % len(self.sent)] for number in step.again if self.sent]
        new = [self.firm.event(each.kind, each.data) for each in step.facts]
        self.sent.extend(new)
        actor = SYSTEM if step.by is None else self.people[step.by]
        for result in self.firm.store([*again, *new], actor):
            self.seen[result.status] += 1
        if step.worked_off:
            self.firm.drain()

    def _decide(self, step: Decided) -> None:
        invoice = self._invoice(step.invoice)
        if invoice is None:
            return
        actor: Actor = self.people[step.by]
        try:
            if step.what == "submit":
                submit_draft(self.firm.database, self.firm.tenant, actor, invoice.id)
            else:
                decide_step(
                    self.firm.database, self.firm.tenant, actor, invoice.id,
                    decision=step.what, content_sha256=invoice.content_sha256, reason="Look again.",
                )  # fmt: skip
            self.seen[step.what] += 1
        except DomainError as refusal:
            self.seen[refusal.code] += 1
        self.firm.drain()

    def _pay(self, step: Paid) -> None:
        invoice = self._invoice(step.invoice)
        if invoice is None or invoice.number is None:
            return
        minor = max(1, invoice.gross_minor * step.percent // 100)
        money = Money(minor, invoice.currency)
        data = {
            "ref": f"P{len(self.sent)}",
            "customer": None,
            "invoice_number": invoice.number if step.named else "",
            "amount": str(money.decimal),
            "currency": invoice.currency,
            "paid_on": self.firm.clock.now().date().isoformat(),
        }
        self._send(Sent((Fact("payment", data),), (), None, worked_off=True))
        self.seen["paid"] += 1

    def _invoice(self, place: int) -> InvoiceRow | None:
        """One that waits for somebody, if any does, else any."""
        invoices = self.firm.invoices()
        waiting = [each for each in invoices if each.detail.startswith(("awaiting_m", "awaiting_f", "returned"))]
        choice = waiting or invoices
        return choice[place % len(choice)] if choice else None

    def finish(self) -> None:
        """What waits for people or for time gets it, every second invoice is paid; then everything is looked at."""
        self.firm.drain()
        for _ in range(len(self.firm.invoices())):
            for by in reversed(range(len(PEOPLE))):
                self.do(Decided("approve", by, 0))
        for place in range(0, len(self.firm.invoices()), 2):
            self.do(Paid(place, 100, named=True))
        self.firm.clock.moment += timedelta(days=60)
        self.firm.drain()
        prove(self.firm)
        self.seen.update(invoice.phase for invoice in self.firm.invoices())


def prove(firm: Firm) -> None:
    """No invariant is broken and no job ever failed."""
    offenders = [
        (verdict.invariant.name, each.subject, each.sentence)
        for verdict in check_invariants(firm.database, firm.tenant)
        for each in verdict.offenders
    ]
    assert offenders == []
    query = select(JobRow.kind, JobRow.state, JobRow.error).where(
        JobRow.tenant_id == firm.tenant.id, JobRow.error.is_not(None)
    )
    with control_transaction(firm.database, SYSTEM) as tx:
        failed = [tuple(row) for row in tx.session.execute(query)]
    assert failed == []


@pytest.mark.slow
def test_after_any_history_every_invariant_holds(
    make_firm: Callable[[TenantConfiguration], Firm], clock: SetClock
) -> None:
    """A failure prints the history and the line that repeats it; add ``Phase.shrink`` to have it made shorter (minutes)."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        print_blob=True,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def live(history: list[Step]) -> None:
        clock.moment = NOON
        world = World(make_firm(TenantConfiguration(approvals=MATRIX, render_documents=False, deliver_by_mail=False)))
        for step in history:
            world.do(step)
        world.finish()
        seen.update(world.seen)

    live()
    # Histories in which nothing happens prove nothing.
    assert seen["issued"] + seen["settled"] > HISTORIES
    assert min(seen["accepted"], seen["validation_pending"]) > 0, seen


@pytest.fixture
def waiting(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A firm with one draft of two milestones that waits for its manager."""
    firm = make_firm(TenantConfiguration(approvals=MATRIX, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.customer("C2")
    firm.contract()
    for ref in ("M1", "M2"):
        firm.store([firm.event("milestone", milestone(ref)), firm.event("acceptance", accepted(ref))])
    firm.drain()
    assert firm.invoice().detail == "awaiting_manager"
    return firm


def milestone(ref: str, currency: str = "EUR") -> dict[str, str]:
    return {"ref": ref, "contract": "K1", "number": ref, "name": ref, "amount": "4000.00", "currency": currency}


def accepted(ref: str) -> dict[str, object]:
    decided = {"decision": "accepted", "decided_at": "2026-02-20T10:00:00Z"}
    return {"ref": f"A-{ref}", "contract": "K1", "milestones": [ref], **decided}


def test_a_milestone_that_changes_its_currency_leaves_its_draft(waiting: Firm) -> None:
    waiting.clock.moment += timedelta(hours=1)
    waiting.store([waiting.event("milestone", milestone("M1", "USD"))])
    waiting.drain()
    prove(waiting)


def test_a_contract_that_goes_to_another_customer_leaves_the_drafts_of_the_first(waiting: Firm) -> None:
    waiting.clock.moment += timedelta(hours=1)
    waiting.contract(customer="C2")
    prove(waiting)


def test_who_approved_and_then_sent_the_facts_has_not_approved(waiting: Firm) -> None:
    manager = person("Max Manager", "invoice:approve_manager", "message:write")
    waiting.decide(manager)
    waiting.clock.moment += timedelta(hours=1)
    terms = {"ref": "K1", "number": "K1", "customer": "C1", "signed_on": "2026-01-10", "currency": "EUR"}
    waiting.store([waiting.event("contract", {**terms, "value": "30000.00", "legal_entity": "DE01"})], manager)
    waiting.drain()
    waiting.customer(billing_email="new@client.example")
    prove(waiting)


def test_a_billed_expense_that_moves_to_another_contract_harms_neither(waiting: Firm) -> None:
    waiting.contract("K2", customer="C2", billing="mixed")
    expense = {"ref": "E1", "person_name": "Jo", "spent_on": "2026-01-20", "amount": "80.50", "currency": "EUR"}
    approved = {"status": "approved", "approved_by": "Lead"}
    waiting.store([waiting.event("expense", {**expense, **approved, "contract": "K1"})])
    waiting.drain()
    waiting.clock.moment += timedelta(hours=1)
    waiting.store([waiting.event("expense", {**expense, **approved, "contract": "K2"})])
    waiting.drain()
    prove(waiting)
