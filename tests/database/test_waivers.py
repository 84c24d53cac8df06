"""Letting a blocking finding pass: two people, one finding, exactly one content; every way around is closed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.approvals.ask_waiver import ask_waiver
from billwright.approvals.decide_waiver import decide_waiver
from billwright.approvals.errors import (
    ContentChangedError,
    ReasonMissingError,
    WaiverNotOpenError,
    WaiverNotPossibleError,
)
from billwright.approvals.waivers import waiting_waivers
from billwright.audit.tables import AuditEntryRow
from billwright.billing.evaluate import evaluate_contracts
from billwright.billing.tables import InvoiceEventRow, InvoiceLineRow
from billwright.canon.tables import ContractRow
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import ExceptionRow, FindingRow, WaiverRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError, SelfApprovalError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration, store_configuration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person
from support.races import failed_jobs, offenders, work_off

MANAGER = "invoice:approve_manager"
CLERK = person("Bill Clerk", "waiver:request", "invoice:submit")
LEAD = person("Max Manager", "waiver:decide", MANAGER)
REASON = "The customer wrote that it pays without an order."


def configured(*rules: RuleSetting) -> TenantConfiguration:
    return TenantConfiguration(
        approvals=(ApprovalRule(name="all", steps=("manager",)),),
        render_documents=False,
        deliver_by_mail=False,
        rules=rules or (RuleSetting(name="purchase_order"), RuleSetting(name="contract_value")),
    )


@pytest.fixture
def held(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A draft of 10,000 that lacks its purchase order."""
    firm = make_firm(configured())
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.accept()
    assert firm.invoice().detail == "blocked"
    return firm


def rows(firm: Firm, table: type[Any]) -> list[Any]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(table).order_by(table.id)))


def open_findings(firm: Firm) -> list[FindingRow]:
    return [row for row in rows(firm, FindingRow) if row.resolved_at is None]


def ask(firm: Firm, actor: Actor = CLERK, finding: UUID | None = None, **more: Any) -> UUID:
    invoice = firm.invoice()
    given = {"reason": REASON, "content_sha256": invoice.content_sha256} | more
    return ask_waiver(
        firm.database, firm.tenant, actor, invoice.id, finding_id=finding or open_findings(firm)[0].id, **given
    )


def decide(
    firm: Firm, waiver: UUID, actor: Actor = LEAD, decision: str = "grant", reason: str = "I saw the letter."
) -> None:
    decide_waiver(
        firm.database, firm.tenant, actor, waiver, decision="grant" if decision == "grant" else "refuse", reason=reason
    )
    firm.drain()


def states(firm: Firm) -> list[str]:
    return [row.state for row in rows(firm, WaiverRow)]


def test_two_people_let_a_finding_pass_and_everybody_can_see_it(held: Firm) -> None:
    waiver = ask(held, evidence="Letter of 1 March")
    assert held.invoice().detail == "blocked"
    decide(held, waiver)
    assert held.invoice().detail == "awaiting_manager"
    (finding,) = open_findings(held)
    (row,) = rows(held, WaiverRow)
    assert (row.finding_id, row.state, row.reason, row.evidence) == (finding.id, "granted", REASON, "Letter of 1 March")
    assert (row.asked_by_name, row.decided_by_name) == ("Bill Clerk", "Max Manager")
    assert row.content_sha256 == held.invoice().content_sha256
    (exception,) = rows(held, ExceptionRow)
    assert exception.closed_how == "waived by Max Manager"
    events = [each.event for each in rows(held, InvoiceEventRow)]
    assert events[-4:-1] == ["draft.blocked", "waiver.asked", "waiver.granted"]
    actions = [each.action for each in rows(held, AuditEntryRow)]
    assert {"waiver.asked", "waiver.granted", "exception.closed"} <= set(actions)
    held.decide(person("Mia Manager", MANAGER))
    assert held.invoice().phase == "issued"
    assert failed_jobs(held) == []
    assert offenders(held) == []


def test_a_refused_waiver_holds_on_and_may_be_asked_again(held: Firm) -> None:
    decide(held, ask(held), decision="refuse", reason="No letter is enclosed.")
    assert (held.invoice().detail, states(held)) == ("blocked", ["refused"])
    decide(held, ask(held, reason="Now it is."))
    assert (held.invoice().detail, states(held)) == ("awaiting_manager", ["refused", "granted"])


def test_checking_again_keeps_a_waiver_for_as_long_as_the_content_stands(held: Firm) -> None:
    waiting = ask(held)
    held.clock.moment += timedelta(hours=1)
    submit_draft(held.database, held.tenant, CLERK, held.invoice().id)
    held.drain()
    assert states(held) == ["waiting"]
    decide(held, waiting)
    lines = [row.id for row in rows(held, InvoiceLineRow)]
    for _ in range(2):  # a fact that changes nothing of the content, and an evaluation for nothing
        held.clock.moment += timedelta(hours=1)
        held.contract(title="Another title")
        with transaction(held.database, held.tenant, SYSTEM) as tx:
            evaluate_contracts(tx, list(tx.session.scalars(select(ContractRow.id))))
        held.drain()
    assert [row.id for row in rows(held, InvoiceLineRow)] == lines
    held.decide(person("Mia Manager", MANAGER), "return", "Look again.")
    submit_draft(held.database, held.tenant, CLERK, held.invoice().id)
    held.drain()
    assert (held.invoice().detail, states(held)) == ("awaiting_manager", ["granted"])


@pytest.mark.parametrize("granted", [True, False])
def test_a_change_of_content_drops_the_waiver_and_says_so(held: Firm, granted: bool) -> None:
    waiver = ask(held)
    if granted:
        decide(held, waiver)
    held.clock.moment += timedelta(hours=1)
    held.milestone(amount="9000.00")
    assert (held.invoice().detail, states(held)) == ("blocked", ["dropped"])
    (event,) = [row for row in rows(held, InvoiceEventRow) if row.event == "waiver.dropped"]
    assert "the content changed" in event.text
    assert "waiver.dropped" in [row.action for row in rows(held, AuditEntryRow)]
    with pytest.raises(WaiverNotOpenError, match="dropped"):
        decide(held, waiver)
    assert offenders(held) == []


def test_a_change_between_the_wish_and_the_decision_is_told_before_the_checks_ran(held: Firm) -> None:
    waiver = ask(held)
    held.clock.moment += timedelta(hours=1)
    event = held.event("milestone", {"ref": "M1", "contract": "K1", "number": "M1", "name": "Design",
                                     "amount": "9000.00", "currency": "EUR"})  # fmt: skip
    held.store([event])
    work_off(held, "intake", "billing.evaluate")
    with pytest.raises(ContentChangedError):
        decide_waiver(held.database, held.tenant, LEAD, waiver, decision="grant", reason="Fine.")
    with pytest.raises(WaiverNotPossibleError, match="not held"):
        ask(held)
    with pytest.raises(ContentChangedError):
        ask(held, content_sha256="0" * 64)


def test_a_mended_cause_takes_the_waiver_with_it(held: Firm) -> None:
    waiver = ask(held)
    held.clock.moment += timedelta(hours=1)
    held.contract(purchase_order={"number": "PO-77", "value": "50000.00"})
    assert (held.invoice().detail, states(held)) == ("awaiting_manager", ["dropped"])
    with pytest.raises(WaiverNotOpenError):
        decide(held, waiver)


def test_the_same_finding_with_other_facts_is_another_finding(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    """Somebody let 1,000 too much pass; by then 2,000 more are billed elsewhere."""
    firm = make_firm(configured(RuleSetting(name="contract_value")))
    firm.customer()
    firm.contract(value="9000.00", grouping="each")
    firm.milestone()
    firm.accept()
    first = firm.invoice()
    decide(firm, ask(firm))
    assert firm.invoice().detail == "awaiting_manager"
    firm.clock.moment += timedelta(hours=1)
    firm.milestone("M2", amount="2000.00")
    firm.accept("M2")
    submitted = next(row for row in firm.invoices() if row.id == first.id)
    assert submitted.detail == "awaiting_manager"  # nobody looked again yet: it is held by nothing new
    firm.decide(person("Mia Manager", MANAGER), "return", "Look again.", invoice=submitted)
    submit_draft(firm.database, firm.tenant, CLERK, first.id)
    firm.drain()
    again = next(row for row in firm.invoices() if row.id == first.id)
    assert (again.detail, states(firm)) == ("blocked", ["dropped"])


def test_an_emptied_draft_has_nothing_to_let_pass(held: Firm) -> None:
    ask(held)
    held.clock.moment += timedelta(hours=1)
    held.milestone(amount=None, amount_raw="on request")
    assert (held.invoice().phase, states(held)) == ("void", ["dropped"])


def test_what_may_never_pass_is_refused(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    none = RuleSetting(name="purchase_order", waivable=("purchase_order_expired",))
    firm = make_firm(configured(none))
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.accept()
    with pytest.raises(WaiverNotPossibleError, match="never let pass"):
        ask(firm)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        store_configuration(tx, configured(RuleSetting(name="purchase_order")))
    waiver = ask(firm)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        store_configuration(tx, configured(none))
    decide(firm, waiver)
    assert (firm.invoice().detail, states(firm)) == ("blocked", ["dropped"])


def test_a_wish_names_a_finding_that_holds_this_draft_and_a_reason(held: Firm) -> None:
    with pytest.raises(ReasonMissingError):
        ask(held, reason="  ")
    with pytest.raises(NotFoundError):
        ask(held, finding=new_id())
    with pytest.raises(PermissionDeniedError):
        ask(held, actor=LEAD)
    with pytest.raises(PermissionDeniedError, match="Only a person"):
        ask(held, actor=SYSTEM)
    waiver = ask(held)
    with pytest.raises(WaiverNotPossibleError, match="waits for a decision"):
        ask(held)
    with pytest.raises(ReasonMissingError):
        decide(held, waiver, reason=" ")
    with pytest.raises(PermissionDeniedError):
        decide(held, waiver, actor=CLERK)
    with pytest.raises(NotFoundError):
        decide(held, new_id())
    decide(held, waiver)
    with pytest.raises(WaiverNotPossibleError, match="not held"):
        ask(held)


def impostors() -> list[Any]:
    rights = frozenset({"waiver:decide", "waiver:request"})
    identifier = new_id()
    asker = Actor(
        kind="person", name="Bill", id=identifier, person_id=identifier, email="b@acme.example", permissions=rights
    )
    same_mail = Actor(
        kind="token", name="Bill", id=new_id(), person_id=new_id(), email="B@acme.example", permissions=rights
    )
    staff = Actor(
        kind="partner_staff", name="Pat", id=new_id(), person_id=new_id(), grant_id=new_id(), permissions=rights
    )
    robot = Actor(kind="token", name="robot", id=new_id(), permissions=rights)
    operator = Actor(kind="operator", name="op", person_id=new_id(), permissions=rights)
    return [
        pytest.param(asker, asker, id="the one who asked"),
        pytest.param(asker, same_mail, id="the one who asked, by another way"),
        pytest.param(asker, staff, id="partner staff by a grant"),
        pytest.param(asker, robot, id="a token of nobody"),
        pytest.param(asker, operator, id="an operator"),
        pytest.param(asker, SYSTEM, id="the system"),
    ]


@pytest.mark.parametrize(("asker", "decider"), impostors())
def test_nobody_decides_their_own_wish_and_nobody_from_outside_decides(
    held: Firm, asker: Actor, decider: Actor
) -> None:
    waiver = ask(held, actor=asker)
    for decision in ("grant", "refuse"):
        with pytest.raises(SelfApprovalError):
            decide(held, waiver, actor=decider, decision=decision)
    assert states(held) == ["waiting"]


def test_whoever_made_what_is_billed_decides_no_waiver_of_it(held: Firm) -> None:
    maker = person("Mia Maker", "message:write", "waiver:decide", MANAGER)
    held.clock.moment += timedelta(hours=1)
    held.send(
        "milestone", maker, ref="M1", contract="K1", number="M1", name="Design", amount="10000.00", currency="EUR"
    )
    waiver = ask(held)
    with transaction(held.database, held.tenant, maker) as tx:
        (waiting,) = waiting_waivers(tx)
    assert "You entered the milestone" in waiting.hindrance
    with pytest.raises(SelfApprovalError, match="entered the milestone"):
        decide(held, waiver, actor=maker)


def test_who_asked_for_or_granted_a_waiver_does_not_approve_the_draft(held: Firm) -> None:
    both = person("Ada Asker", "waiver:request", MANAGER)
    decide(held, ask(held, actor=both))
    for hand in (LEAD, both):
        with pytest.raises(SelfApprovalError, match="granted a waiver"):
            held.decide(hand)
    held.decide(person("Mia Manager", MANAGER))
    assert held.invoice().phase == "issued"


def test_who_approved_a_step_does_not_let_pass_what_holds_the_draft_later(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    """The customer begins to demand an order after the manager approved; the content is the same."""
    firm = make_firm(configured())
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        two = ApprovalRule(name="all", steps=("manager", "finance"))
        rules = (RuleSetting(name="purchase_order"),)
        store_configuration(
            tx, TenantConfiguration(approvals=(two,), rules=rules, render_documents=False, deliver_by_mail=False)
        )
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.decide(LEAD)
    fin = person("Fin Ance", "invoice:approve_finance", "waiver:decide")
    firm.clock.moment += timedelta(hours=1)
    address = {"street": "Rue 1", "postal_code": "75001", "city": "Paris", "country": "FR"}
    firm.send(
        "customer", person("Cara Clerk", "message:write"), ref="C1", name="Client SA", address=address,
        tax_id="FR40303265045", billing_email="ap@client.example", po_required=True,
    )  # fmt: skip
    assert firm.invoice().detail == "blocked"
    waiver = ask(firm)
    with pytest.raises(SelfApprovalError, match="approved a step"):
        decide(firm, waiver, actor=LEAD)
    decide(firm, waiver, actor=fin)
    assert states(firm) == ["granted"]


def test_of_many_decisions_at_once_one_wins(held: Firm) -> None:
    waiver = ask(held)
    people = [person(f"Lead {number}", "waiver:decide") for number in range(6)]

    def attempt(number: int) -> str:
        decision = "grant" if number % 2 else "refuse"
        try:
            decide_waiver(
                held.database, held.tenant, people[number], waiver,
                decision="grant" if number % 2 else "refuse", reason="Race.",
            )  # fmt: skip
        except WaiverNotOpenError:
            return "late"
        return decision

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(attempt, range(6)))
    won = [each for each in results if each != "late"]
    assert len(won) == 1
    assert states(held) == ["granted" if won == ["grant"] else "refused"]
    decided = [row.action for row in rows(held, AuditEntryRow) if row.action in ("waiver.granted", "waiver.refused")]
    assert len(decided) == 1


def test_of_many_wishes_at_once_one_is_kept(held: Firm) -> None:
    people = [person(f"Clerk {number}", "waiver:request") for number in range(6)]
    finding, digest = open_findings(held)[0].id, held.invoice().content_sha256

    def attempt(actor: Actor) -> bool:
        try:
            ask(held, actor=actor, finding=finding, content_sha256=digest)
        except WaiverNotPossibleError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, people)) == 1
    assert states(held) == ["waiting"]
