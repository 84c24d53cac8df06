"""Rules and triggers that raise, hang or give nonsense: they hold what they were asked about, and nothing else."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from billwright.approvals.errors import StepNotOpenError
from billwright.approvals.tables import ApprovalStepRow
from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceRow
from billwright.checks.check_drafts import check_drafts
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import (
    ApprovalRule,
    PluginLimit,
    RuleSetting,
    TenantConfiguration,
    read_configuration,
    store_configuration,
)
from billwright.tenancy.transaction import transaction
from support.bad_plugins import installed_plugins
from support.intake import counted_statements
from support.pipeline import Firm, person
from support.races import failed_jobs, offenders

MANAGER = "invoice:approve_manager"
# Short only for what is to run over it; whatever behaves has the install's limit.
SHORT = tuple(
    PluginLimit(name=f"{kind}_{deed}", limit_ms=100) for kind in ("rule", "trigger") for deed in ("loops", "sleeps")
)


@pytest.fixture(autouse=True)
def misbehaving(tmp_path: Path) -> Iterator[None]:
    with installed_plugins(tmp_path):
        yield


def configured(*rules: str, triggers: tuple[str, ...] = ()) -> TenantConfiguration:
    return TenantConfiguration(
        approvals=(ApprovalRule(name="all", steps=("manager",)),),
        render_documents=False,
        deliver_by_mail=False,
        rules=tuple(RuleSetting(name=name) for name in rules),
        triggers=("milestones", *triggers),
        plugin_limits=SHORT,
    )


def fill(firm: Firm, **terms: Any) -> None:
    """Three drafts of three contracts; the middle one's milestone is named BOOM."""
    firm.customer()
    for number, name in ((1, "Design"), (2, "BOOM"), (3, "Build")):
        firm.contract(f"K{number}", **terms)
        firm.milestone(f"M{number}", contract=f"K{number}", name=name)
    event = [
        firm.event("acceptance", {"ref": f"A{number}", "contract": f"K{number}", "milestones": [f"M{number}"],
                                  "decision": "accepted", "decided_at": firm.clock.now().isoformat()})
        for number in (1, 2, 3)
    ]  # fmt: skip
    firm.store(event)
    firm.drain()


def rows(firm: Firm, table: type[Any]) -> list[Any]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(table).order_by(table.id)))


def details(firm: Firm) -> list[str]:
    return [row.detail for row in firm.invoices()]


WORDS = {
    "raises": "RuntimeError",
    "exits": "SystemExit",
    "loops": "It did not answer within 0.1 s",
    "sleeps": "It did not answer within 0.1 s",
    "nonsense": "TypeError",
    "lazy": "ZeroDivisionError",
    "fatal": "ValueError",
}


@pytest.mark.parametrize("deed", WORDS)
def test_a_rule_that_cannot_run_holds_the_draft_it_was_asked_about_and_no_other(
    make_firm: Callable[[TenantConfiguration], Firm], deed: str
) -> None:
    firm = make_firm(configured(f"rule_{deed}", "contract_value"))
    fill(firm)
    assert details(firm) == ["awaiting_manager", "blocked", "awaiting_manager"]
    (finding,) = rows(firm, FindingRow)
    assert (finding.rule, finding.code, finding.severity, finding.technical) == (
        f"rule_{deed}", "rule_failed", "blocking", True,
    )  # fmt: skip
    assert finding.message == f"The check rule_{deed} could not run: {WORDS[deed]}."
    (exception,) = rows(firm, ExceptionRow)
    assert (exception.technical, exception.owner_role) == (True, "integration_administrator")
    assert failed_jobs(firm) == []


def test_a_rule_that_cannot_be_loaded_holds_drafts_and_stops_no_job(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(configured("rule_absent"))
    fill(firm)
    assert details(firm) == ["blocked"] * 3
    assert "no_such_module_anywhere" in rows(firm, FindingRow)[0].message
    assert failed_jobs(firm) == []


def test_what_a_rule_said_stands_while_it_cannot_answer_and_a_mended_rule_frees_the_draft(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(configured("purchase_order"))
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone(name="BOOM")
    firm.accept()
    (before,) = rows(firm, FindingRow)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        store_configuration(tx, configured("rule_raises"))
    clerk = person("Bill Clerk", "invoice:submit")
    submit_draft(firm.database, firm.tenant, clerk, firm.invoice().id)
    firm.drain()
    assert {row.code for row in rows(firm, FindingRow) if row.resolved_at is None} == {"rule_failed"}
    assert before.id in {row.id for row in rows(firm, FindingRow) if row.resolved_at is not None}
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        store_configuration(tx, configured("contract_value"))
    submit_draft(firm.database, firm.tenant, clerk, firm.invoice().id)
    firm.drain()
    assert details(firm) == ["awaiting_manager"]
    assert {row.closed_how for row in rows(firm, ExceptionRow)} == {"the cause was mended"}


@pytest.mark.parametrize("deed", ["raises", "loops", "sleeps", "nonsense", "lazy"])
def test_a_trigger_that_cannot_run_holds_its_contract_and_the_others_go_on(
    make_firm: Callable[[TenantConfiguration], Firm], deed: str
) -> None:
    firm = make_firm(configured(triggers=(f"trigger_{deed}",)))
    firm.customer()
    for number, title in ((1, "Quiet"), (2, "BOOM"), (3, "Quiet")):
        firm.milestone(f"M{number}", contract=f"K{number}")
        firm.accept(f"M{number}", contract=f"K{number}")
        firm.contract(f"K{number}", title=title)  # last, so that each is asked about once
    assert details(firm) == ["awaiting_manager"] * 3  # the other triggers of the contract go on, too
    (exception,) = rows(firm, ExceptionRow)
    assert (exception.subject_kind, exception.code, exception.technical) == ("contract", "trigger_failed", True)
    assert f"The trigger trigger_{deed} could not look at contract K2" in exception.reason
    assert exception.customer_id is not None
    assert failed_jobs(firm) == []
    firm.clock.moment += timedelta(hours=1)
    firm.contract("K2", title="Quiet")
    (exception,) = rows(firm, ExceptionRow)
    assert exception.closed_how == "the triggers answered again"
    assert [row.action for row in rows(firm, AuditEntryRow) if row.action.startswith("exception.")] == [
        "exception.opened", "exception.closed",
    ]  # fmt: skip


@pytest.fixture
def doubted(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """An approved draft of the trigger that makes milestones billable, which can be loaded no more; a new fact came."""
    firm = make_firm(configured())
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        both = (ApprovalRule(name="both", steps=("manager", "finance")),)
        store_configuration(
            tx, TenantConfiguration(approvals=both, rules=(), render_documents=False, deliver_by_mail=False)
        )
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.decide(person("Max Manager", MANAGER))
    assert details(firm) == ["awaiting_finance"]
    set_triggers(firm, "no_longer_installed")
    firm.clock.moment += timedelta(hours=1)
    firm.contract(title="Renamed")
    return firm


def set_triggers(firm: Firm, *names: str) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        store_configuration(tx, msgspec.structs.replace(read_configuration(tx), triggers=names))


def test_what_a_trigger_cannot_confirm_is_neither_cancelled_nor_issued(doubted: Firm) -> None:
    assert (doubted.item().state, doubted.item().reasons) == ("drafted", ["trigger_failed"])
    assert details(doubted) == ["blocked"]
    (finding,) = rows(doubted, FindingRow)
    assert (finding.code, finding.technical) == ("trigger_failed", True)
    with pytest.raises(StepNotOpenError):
        doubted.decide(person("Fin Ance", "invoice:approve_finance"))
    assert failed_jobs(doubted) == []


def test_it_goes_on_by_itself_and_approvals_of_the_same_content_stand(doubted: Firm) -> None:
    set_triggers(doubted, "milestones")
    doubted.drain()
    assert details(doubted) == ["blocked"]
    doubted.clock.moment += timedelta(minutes=16)
    doubted.drain()
    assert (doubted.item().state, doubted.item().reasons) == ("drafted", [])
    assert details(doubted) == ["awaiting_finance"]
    assert [row.state for row in rows(doubted, ApprovalStepRow)] == ["approved", "dropped", "waiting"]
    doubted.decide(person("Fin Ance", "invoice:approve_finance"))
    assert doubted.invoice().phase == "issued"
    assert {row.closed_at is not None for row in rows(doubted, ExceptionRow)} == {True}
    assert offenders(doubted) == []


def test_a_ready_item_that_nobody_can_confirm_waits_with_the_reason(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(configured())
    firm.customer()
    firm.contract(grouping="monthly")
    firm.milestone()
    firm.accept()
    assert firm.item().state == "ready"
    set_triggers(firm, "no_longer_installed")
    firm.clock.moment += timedelta(hours=1)
    firm.contract(grouping="monthly", title="Renamed")
    assert (firm.item().state, firm.item().reasons) == ("waiting", ["trigger_failed"])
    set_triggers(firm, "milestones")
    firm.clock.moment += timedelta(minutes=16)
    firm.drain()
    assert (firm.item().state, firm.item().reasons) == ("ready", [])
    assert offenders(firm) == []


def test_a_check_takes_as_many_statements_for_many_drafts_as_for_one(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(configured("contract_value", "rule_raises"))
    fill(firm)
    first, second, third = (row.id for row in rows(firm, InvoiceRow))

    def statements(*ids: UUID) -> int:
        with counted_statements(firm.database) as sent, transaction(firm.database, firm.tenant, SYSTEM) as tx:
            check_drafts(tx, ids)
        return len(sent)

    assert statements(first) == statements(first, third)
    assert statements(first, second) == statements(first, second, third)
