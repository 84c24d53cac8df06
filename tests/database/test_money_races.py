"""Money under concurrency: whoever comes second sees what the first one did, and nothing is billed twice or lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from billwright.approvals.decide_step import decide_step
from billwright.billing.evaluate import evaluate_contracts
from billwright.billing.tables import AllocationRow, BillableItemRow
from billwright.canon.tables import ContractRow
from billwright.issuing.issue_invoices import issue_invoices
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person
from support.races import beside, failed_jobs, offenders, work_off

MANAGER = "invoice:approve_manager"


@pytest.fixture
def one_step(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    rows = (ApprovalRule(name="all", steps=("manager",)),)
    firm = make_firm(TenantConfiguration(approvals=rows, render_documents=False, deliver_by_mail=False, rules=()))
    firm.customer()
    firm.contract()
    return firm


def approved(firm: Firm) -> None:
    """One draft of one accepted milestone, approved, its issuing not yet done."""
    firm.milestone()
    firm.accept()
    row = firm.invoice()
    decide_step(
        firm.database, firm.tenant, person("Max Manager", MANAGER), row.id,
        decision="approve", content_sha256=row.content_sha256,
    )  # fmt: skip


def evaluate(firm: Firm) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        evaluate_contracts(tx, list(tx.session.scalars(select(ContractRow.id))))


@pytest.mark.parametrize("change", [{"amount": "7000.00"}, {"amount": "", "amount_raw": "on request"}])
def test_a_change_that_meets_the_issuing_leaves_the_billed_item_alone(one_step: Firm, change: dict[str, str]) -> None:
    approved(one_step)
    one_step.clock.moment += timedelta(hours=1)
    changed = {"ref": "M1", "contract": "K1", "number": "M1", "name": "Design", "amount": "10000.00", "currency": "EUR"}
    changed |= change
    one_step.store([one_step.event("milestone", {key: value for key, value in changed.items() if value})])
    work_off(one_step, "intake")
    with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
        issue_invoices(tx, [one_step.invoice().id])
        with beside(one_step.database, lambda: evaluate(one_step)) as evaluation:
            tx.session.commit()
            evaluation.result()
    one_step.drain()
    item = one_step.item()
    assert (item.state, item.amount_minor) == ("billed", 10_000_00)
    assert len(one_step.invoices()) == 1
    assert offenders(one_step) == []


def test_issuing_that_meets_a_change_leaves_the_draft_to_the_checks(one_step: Firm) -> None:
    approved(one_step)
    one_step.clock.moment += timedelta(hours=1)
    one_step.store([one_step.event("milestone", {"ref": "M1", "contract": "K1", "number": "M1", "amount": "7000.00",
                                                 "currency": "EUR"})])  # fmt: skip
    work_off(one_step, "intake")
    invoice = one_step.invoice()

    def issue() -> None:
        with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
            assert issue_invoices(tx, [invoice.id]) == {}

    with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
        evaluate_contracts(tx, list(tx.session.scalars(select(ContractRow.id))))
        with beside(one_step.database, issue) as issuing:
            tx.session.commit()
            issuing.result()
    one_step.drain()
    assert (one_step.invoice().net_minor, one_step.invoice().detail) == (7_000_00, "awaiting_manager")
    assert offenders(one_step) == []


def test_two_workers_evaluate_one_contract_and_its_items_are_drafted_once(one_step: Firm) -> None:
    one_step.store([one_step.event("milestone", {"ref": f"M{n}", "contract": "K1", "number": str(n), "amount": "10.00",
                                                 "currency": "EUR"}) for n in range(5)])  # fmt: skip
    one_step.store([one_step.event("acceptance", {"ref": "A", "contract": "K1", "decision": "accepted",
                                                  "decided_at": one_step.clock.now().isoformat(),
                                                  "milestones": [f"M{n}" for n in range(5)]})])  # fmt: skip
    work_off(one_step, "intake")
    with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
        evaluate_contracts(tx, list(tx.session.scalars(select(ContractRow.id))))
        with beside(one_step.database, lambda: evaluate(one_step)) as second:
            tx.session.commit()
            second.result()
    one_step.drain()
    with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
        allocated = list(tx.session.scalars(select(AllocationRow.item_id)))
        items = list(tx.session.scalars(select(BillableItemRow.id)))
    assert sorted(allocated) == sorted(items)
    assert one_step.invoice().net_minor == 50_00
    assert offenders(one_step) == []


def test_two_workers_issue_overlapping_batches_without_gap_or_double(one_step: Firm) -> None:
    for n in range(4):
        one_step.contract(f"K{n}")
        one_step.milestone(f"M{n}", f"K{n}")
        one_step.accept(f"M{n}", f"K{n}")
    for row in one_step.invoices():
        decide_step(
            one_step.database, one_step.tenant, person("Max Manager", MANAGER), row.id,
            decision="approve", content_sha256=row.content_sha256,
        )  # fmt: skip
    ids = [row.id for row in one_step.invoices()]

    def issue_the_rest() -> object:
        with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
            return issue_invoices(tx, ids[1:])

    with transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
        issue_invoices(tx, ids[:3])
        with beside(one_step.database, issue_the_rest) as second:
            tx.session.commit()
            assert len(second.result()) == 1  # type: ignore[arg-type] # numbers by invoice
    assert sorted(row.sequence_number or 0 for row in one_step.invoices()) == [1, 2, 3, 4]
    one_step.drain()
    assert failed_jobs(one_step) == []
    assert offenders(one_step) == []


def test_a_rollback_gives_the_numbers_back(one_step: Firm) -> None:
    approved(one_step)
    with pytest.raises(RuntimeError), transaction(one_step.database, one_step.tenant, SYSTEM) as tx:
        assert list(issue_invoices(tx, [one_step.invoice().id]).values()) == ["ACME-2026-00001"]
        raise RuntimeError("roll back")
    assert one_step.invoice().number is None
    one_step.drain()
    assert one_step.invoice().number == "ACME-2026-00001"
