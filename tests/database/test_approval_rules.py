"""Approvals against every way around them: one's own facts in any disguise, steps in disorder, a matrix that changes."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import select

from billwright.approvals.tables import ApprovalStepRow
from billwright.audit.tables import AuditEntryRow
from billwright.checks.submit_draft import submit_draft
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import InputInvalidError, SelfApprovalError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import (
    ApprovalRule,
    TenantConfiguration,
    convert_configuration,
    store_configuration,
)
from billwright.tenancy.transaction import transaction
from support.pipeline import AUTOMATIC, Firm, person
from support.races import failed_jobs, offenders

MANAGER, FINANCE = "invoice:approve_manager", "invoice:approve_finance"
BOTH = ApprovalRule(name="both", steps=("manager", "finance"))


def configured(*rules: ApprovalRule) -> TenantConfiguration:
    return TenantConfiguration(approvals=rules, render_documents=False, deliver_by_mail=False, rules=())


@pytest.fixture
def asking(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A firm in which a manager and finance approve everything."""
    firm = make_firm(configured(BOTH))
    firm.customer()
    firm.contract()
    return firm


def steps(firm: Firm) -> list[tuple[str, str]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = select(ApprovalStepRow.role, ApprovalStepRow.state).order_by(ApprovalStepRow.id)
        return [(row.role, row.state) for row in tx.session.execute(query)]


def proper(firm: Firm) -> None:
    assert failed_jobs(firm) == []
    assert offenders(firm) == []


@pytest.mark.parametrize("kind", ["acceptance", "change_order", "evidence", "rate_card"])
def test_whoever_sent_any_fact_behind_a_line_does_not_approve_it(asking: Firm, kind: str) -> None:
    maker = person("Mia Maker", "message:write", MANAGER)
    asking.contract(billing="mixed")
    asking.milestone()
    asking.send("evidence", maker if kind == "evidence" else SYSTEM, ref="E1", contract="K1", milestones=["M1"],
                title="Report")  # fmt: skip
    change = {"milestone": "M1", "field": "milestone.amount", "after": "12000.00"}
    asking.send("change_order", maker if kind == "change_order" else SYSTEM, ref="O1", contract="K1", number="1",
                signed_at="2026-02-01T00:00:00Z", changes=[change])  # fmt: skip
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    asking.send("rate_card", maker if kind == "rate_card" else SYSTEM, ref="R1", contract="K1", currency="EUR",
                rates=rates)  # fmt: skip
    asking.send("time_entry", ref="T1", contract="K1", person_name="Jo", worked_on="2026-03-02", hours="8",
                status="approved", approved_by="Lead")  # fmt: skip
    asking.send("acceptance", maker if kind == "acceptance" else SYSTEM, ref="A1", contract="K1", milestones=["M1"],
                decision="accepted", decided_at=asking.clock.now().isoformat(), decided_by="Client")  # fmt: skip
    assert asking.invoice().net_minor == 12_800_00
    with pytest.raises(SelfApprovalError):
        asking.decide(maker)


@pytest.mark.parametrize("kind", ["person", "token", "partner_staff"])
def test_whoever_worked_on_it_is_known_by_e_mail_however_they_come(asking: Firm, kind: str) -> None:
    asking.contract(billing="mixed")
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    asking.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    asking.send("time_entry", ref="T1", contract="K1", person_name="Jo", person_email="Jo.Lead@Acme.example",
                worked_on="2026-02-02", hours="8", status="approved", approved_by="Lead")  # fmt: skip
    comes = Actor(
        kind=kind,  # type: ignore[arg-type] # one of the actor kinds above
        name="Jo Lead", id=new_id(), person_id=new_id(), email="jo.lead@ACME.example", permissions=frozenset({MANAGER}),
        grant_id=new_id() if kind == "partner_staff" else None,
    )  # fmt: skip
    with pytest.raises(SelfApprovalError, match="did the work"):
        asking.decide(comes)
    with pytest.raises(SelfApprovalError, match="Only a person"):
        asking.decide(Actor(kind="token", name="robot", id=new_id(), permissions=frozenset({MANAGER})))


def test_a_returned_draft_submitted_unchanged_asks_everybody_again(asking: Firm) -> None:
    asking.milestone()
    asking.accept()
    asking.decide(person("Max Manager", MANAGER))
    finance = person("Fin Ance", FINANCE)
    asking.decide(finance, "return", "Not yet.")
    submit_draft(asking.database, asking.tenant, person("Bill Clerk", "invoice:submit"), asking.invoice().id)
    asking.drain()
    assert asking.invoice().detail == "awaiting_manager"
    assert [state for _, state in steps(asking)] == ["dropped", "returned", "waiting", "waiting"]
    asking.decide(person("Max Manager", MANAGER))
    asking.decide(finance)
    assert asking.invoice().phase == "issued"
    proper(asking)


def test_every_step_and_exception_that_closes_leaves_its_entry(asking: Firm) -> None:
    asking.milestone()
    asking.accept()
    asking.decide(person("Max Manager", MANAGER))
    asking.decide(person("Fin Ance", FINANCE), "return", "Not yet.")
    submit_draft(asking.database, asking.tenant, person("Bill Clerk", "invoice:submit"), asking.invoice().id)
    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        query = select(AuditEntryRow.action, AuditEntryRow.before).where(
            AuditEntryRow.subject_id == asking.invoice().id
        )
        entries = [(row.action, row.before) for row in tx.session.execute(query.order_by(AuditEntryRow.id))]
    actions = [action for action, _ in entries]
    assert {"exception.opened", "exception.closed", "invoice.returned"} <= set(actions)
    (dropped,) = [before for action, before in entries if action == "approval.dropped"]
    assert (dropped["role"], dropped["state"], dropped["by"]) == ("manager", "approved", "Max Manager")


@pytest.mark.parametrize("steps", [["finance", "manager"], ["manager", "manager"], ["finance", "finance"]])
def test_a_matrix_row_names_each_step_once_and_in_order(steps: list[str]) -> None:
    with pytest.raises(InputInvalidError, match="steps"):
        convert_configuration({"approvals": [{"name": "row", "steps": steps}]})


@pytest.mark.parametrize("amount", ["NaN", "-1", "Infinity"])
def test_a_limit_of_the_matrix_is_an_amount(amount: str) -> None:
    with pytest.raises(InputInvalidError, match="at_least"):
        convert_configuration({"approvals": [{"name": "row", "at_least": amount}]})


@pytest.mark.parametrize(("amount", "asked"), [("4999.99", False), ("5000.00", True), ("5000.01", True)])
def test_the_limit_itself_is_over_the_limit(
    make_firm: Callable[[TenantConfiguration], Firm],
    amount: str,
    asked: bool,  # a case of the table
) -> None:
    large = ApprovalRule(name="large", at_least=Decimal(5000), steps=("finance",))
    firm = make_firm(configured(large, *AUTOMATIC))
    firm.customer()
    firm.contract()
    firm.milestone(amount=amount)
    firm.accept()
    assert firm.invoice().detail == ("awaiting_finance" if asked else "issued")


@pytest.mark.parametrize("condition", [
    {"customer": "Client SA"}, {"customer": "C1"}, {"legal_entity": "DE01"}, {"currency": "EUR"},
])  # fmt: skip
def test_a_row_with_a_condition_holds_for_what_it_names_and_nothing_else(
    make_firm: Callable[[TenantConfiguration], Firm], condition: dict[str, str]
) -> None:
    row = msgspec.convert({"name": "row", "steps": ["manager"], **condition}, ApprovalRule)
    other = msgspec.convert({"name": "other", "steps": ["finance"], **dict.fromkeys(condition, "XXX")}, ApprovalRule)
    firm = make_firm(configured(other, row, *AUTOMATIC))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    assert firm.invoice().detail == "awaiting_manager"
    proper(firm)


def test_a_draft_keeps_the_steps_of_the_matrix_that_it_was_routed_by_until_it_changes(asking: Firm) -> None:
    """Documented in docs/approvals.md: who was asked stays asked; a new content is routed by the matrix in force then."""
    asking.milestone()
    asking.accept()
    asking.clock.moment += timedelta(hours=1)
    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        store_configuration(tx, configured(*AUTOMATIC))
    asking.drain()
    asking.decide(person("Max Manager", MANAGER))
    assert asking.invoice().detail == "awaiting_finance"
    asking.clock.moment += timedelta(hours=1)
    asking.milestone(amount="9000.00")
    assert asking.invoice().phase == "issued"
    proper(asking)
