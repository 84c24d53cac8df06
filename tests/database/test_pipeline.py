"""From a milestone in a source system to an issued invoice, through the real jobs."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from billwright.approvals.errors import ContentChangedError, ReasonMissingError, StepNotOpenError
from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import AllocationRow, InvoiceLineRow
from billwright.checks.tables import ExceptionRow
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import PermissionDeniedError, SelfApprovalError
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import AUTOMATIC, Firm, person

MANAGER = "invoice:approve_manager"
FINANCE = "invoice:approve_finance"


def test_an_accepted_milestone_becomes_an_issued_invoice(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.milestone()
    assert (firm.item().state, firm.item().reasons) == ("waiting", ["no_acceptance"])

    firm.accept()

    invoice = firm.invoice()
    assert (invoice.phase, invoice.number) == ("issued", "ACME-2026-00001")
    assert (invoice.net_minor, invoice.tax_minor, invoice.gross_minor) == (10_000_00, 0, 10_000_00)
    assert firm.item().state == "billed"
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        line = tx.session.scalars(select(InvoiceLineRow)).one()
        allocation = tx.session.scalars(select(AllocationRow)).one()
        snapshot = tx.session.scalars(select(SnapshotRow)).one()
        actions = set(tx.session.scalars(select(AuditEntryRow.action)))
    assert (line.tax_category, line.net_minor, allocation.amount_minor) == ("AE", 10_000_00, 10_000_00)
    assert allocation.contract_version_id is not None
    assert snapshot.content["lines"][0]["accepted_by"] == "Client PM"
    assert {"item.drafted", "invoice.submitted", "invoice.clean", "invoice.routed", "invoice.issued"} <= actions


def test_the_same_fact_sent_again_is_billed_once(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.accept()
    firm.milestone()
    assert len(firm.invoices()) == 1


def test_facts_may_come_in_any_order(firm: Firm) -> None:
    firm.accept()
    firm.milestone()
    assert "contract_unknown" in firm.item().reasons
    firm.contract()
    firm.customer()
    assert firm.invoice().phase == "issued"


def test_numbers_are_contiguous_over_many_invoices(firm: Firm) -> None:
    firm.customer()
    for n in range(12):
        firm.contract(f"K{n}")
    events = [
        firm.event(
            "milestone", {"ref": f"M{n}", "contract": f"K{n}", "number": "1", "amount": "1.00", "currency": "EUR"}
        )
        for n in range(12)
    ]
    decided = firm.clock.now().isoformat()
    events += [
        firm.event(
            "acceptance",
            {
                "ref": f"A{n}",
                "contract": f"K{n}",
                "milestones": [f"M{n}"],
                "decision": "accepted",
                "decided_at": decided,
            },
        )
        for n in range(12)
    ]
    firm.store(events)
    firm.drain()
    assert sorted(i.sequence_number or 0 for i in firm.invoices()) == list(range(1, 13))


def test_an_issued_invoice_cannot_be_changed_by_anyone(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    with (
        pytest.raises(DBAPIError, match="is issued and cannot be changed"),
        transaction(firm.database, firm.tenant, SYSTEM) as tx,
    ):
        tx.session.scalars(select(InvoiceLineRow)).one().net_minor = 1
    with pytest.raises(DBAPIError, match="permission denied"), transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.scalars(select(SnapshotRow)).one().sha256 = "0" * 64


def test_a_missing_purchase_order_holds_the_draft_until_it_comes(firm: Firm) -> None:
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.accept()
    assert (firm.invoice().phase, firm.invoice().detail) == ("validation_pending", "blocked")
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        held = tx.session.scalars(select(ExceptionRow)).one()
    assert held.closed_at is None
    assert held.due_at == datetime(
        2026, 3, 4, 12, tzinfo=UTC
    )  # two working days of eight hours, from Monday 13:00 in Berlin

    firm.contract(purchase_order={"number": "PO-77", "value": "50000.00"})

    assert firm.invoice().phase == "issued"
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        mended = tx.session.scalars(select(ExceptionRow)).one()
    assert mended.closed_how == "the cause was mended"


def test_time_is_billed_monthly_per_person_to_the_cent(firm: Firm) -> None:
    firm.customer()
    firm.contract(billing="time_and_materials", grouping="monthly", value=None)
    rates = [{"role": "Senior", "hourly": "133.33", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    entry = {"contract": "K1", "person_name": "Jo", "role": "Senior", "status": "approved", "approved_by": "Lead"}
    firm.store(
        [
            firm.event("time_entry", {**entry, "ref": f"T{day}", "worked_on": f"2026-02-{day:02d}", "hours": hours})
            for day, hours in ((2, "0.1"), (3, "7.3"), (4, "0.25"))
        ]
    )
    firm.drain()
    invoice = firm.invoice()
    assert invoice.net_minor == 1019_97  # 7.65 h x 133.33, rounded once
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        parts = list(tx.session.scalars(select(AllocationRow.amount_minor)))
    assert (len(parts), sum(parts)) == (3, 1019_97)


def test_a_month_that_is_not_over_waits_for_its_end(firm: Firm) -> None:
    firm.customer()
    firm.contract(billing="time_and_materials", grouping="monthly", value=None)
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    data = {
        "ref": "T1",
        "contract": "K1",
        "person_name": "Jo",
        "worked_on": "2026-03-02",
        "hours": "8",
        "status": "approved",
    }
    firm.send("time_entry", **data, approved_by="Lead")
    assert firm.invoices() == []
    firm.clock.moment += timedelta(days=31)
    firm.drain()
    assert firm.invoice().net_minor == 800_00


@pytest.fixture
def governed(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Two steps from 5,000 on; below, nobody is asked."""
    rows = (ApprovalRule(name="large", at_least=5000, steps=("manager", "finance")), *AUTOMATIC)  # type: ignore[arg-type]
    firm = make_firm(
        TenantConfiguration(approvals=rows, render_documents=False, rules=(RuleSetting(name="purchase_order"),))
    )
    firm.customer()
    firm.contract()
    return firm


def test_two_people_approve_and_a_small_amount_passes(governed: Firm) -> None:
    governed.milestone("M0", amount="10.00")
    governed.accept("M0")
    assert governed.invoice().phase == "issued"

    governed.milestone("M1")
    governed.accept("M1")
    large = governed.invoices()[-1]
    assert (large.phase, large.detail) == ("validation_pending", "awaiting_manager")
    both = person("Kim Both", MANAGER, FINANCE)
    governed.decide(both, invoice=large)
    large = governed.invoices()[-1]
    assert (large.phase, large.detail) == ("manager_approved", "awaiting_finance")
    with pytest.raises(SelfApprovalError, match="another step"):
        governed.decide(both, invoice=large)
    governed.decide(person("Fin Ance", FINANCE), invoice=large)
    assert governed.invoices()[-1].phase == "issued"


def test_nobody_approves_what_they_made_or_without_the_right(governed: Firm) -> None:
    maker = person("Mia Maker", "message:write", MANAGER)
    governed.send("milestone", maker, ref="M1", contract="K1", number="1", amount="9000.00", currency="EUR")
    governed.accept("M1")
    with pytest.raises(SelfApprovalError):
        governed.decide(maker)
    with pytest.raises(SelfApprovalError):
        governed.decide(SYSTEM)
    with pytest.raises(PermissionDeniedError):
        governed.decide(person("Fin Ance", FINANCE))
    assert governed.invoice().detail == "awaiting_manager"


def test_a_change_after_approval_drops_the_approval_that_saw_it(governed: Firm) -> None:
    governed.milestone("M1")
    governed.accept("M1")
    manager = person("Max Manager", MANAGER)
    seen = governed.invoice()
    governed.decide(manager)
    assert governed.invoice().phase == "manager_approved"

    governed.clock.moment += timedelta(hours=1)
    governed.milestone("M1", amount="9500.00")

    changed = governed.invoice()
    assert (changed.net_minor, changed.phase, changed.detail) == (9_500_00, "validation_pending", "awaiting_manager")
    with pytest.raises(ContentChangedError):
        governed.decide(manager, invoice=seen)


def test_a_return_needs_a_reason_and_goes_to_the_desk(governed: Firm) -> None:
    governed.milestone("M1")
    governed.accept("M1")
    manager = person("Max Manager", MANAGER)
    with pytest.raises(ReasonMissingError):
        governed.decide(manager, "return")
    governed.decide(manager, "return", "The amount was agreed otherwise.")
    assert governed.invoice().detail == "returned"
    with pytest.raises(StepNotOpenError):
        governed.decide(manager)


def test_an_acceptance_late_in_the_evening_is_of_the_legal_entitys_day(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept(decided_at="2026-02-28T23:30:00Z")  # half past midnight on 1 March in Berlin
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        line = tx.session.scalars(select(InvoiceLineRow)).one()
        content = tx.session.scalars(select(SnapshotRow.content)).one()
    assert line.service_to == date(2026, 3, 1)
    assert content["lines"][0]["accepted_on"] == "2026-03-01"
