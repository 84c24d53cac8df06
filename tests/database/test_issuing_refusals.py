"""Issuing what may not be issued: a series that is missing, a number that is taken, a customer who changed meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from billwright.approvals.decide_step import decide_step
from billwright.audit.tables import AuditEntryRow
from billwright.canon.tables import LegalEntityRow
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import ExceptionRow
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person
from support.races import failed_jobs, offenders, work_off

MANAGER = "invoice:approve_manager"
CLERK = person("Bill Clerk", "invoice:submit")


def add_entity(firm: Firm, code: str, *, pattern: str | None, start: int = 1) -> None:
    identifier = new_id()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        entity: dict[str, Any] = {"id": identifier, "code": code, "name": code, "country": "DE", "currency": "EUR"}
        profile = {"legal_name": code, "standard_tax_rate": "19"}
        tx.session.execute(insert(LegalEntityRow), [entity | {"time_zone": "Europe/Berlin", "profile": profile}])
        if pattern is not None:
            add_series(firm, identifier, pattern, start)


def add_series(firm: Firm, entity_id: Any, pattern: str, start: int = 1) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        series = {"legal_entity_id": entity_id, "document_type": "invoice", "year": 0, "pattern": pattern}
        tx.session.execute(insert(NumberSeriesRow), [series | {"next_number": start}])


def exceptions(firm: Firm) -> list[tuple[str, bool]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return [(row.code, row.closed_at is None) for row in tx.session.scalars(select(ExceptionRow))]


def test_a_missing_series_holds_the_invoice_on_the_desk_and_no_other(firm: Firm) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(LegalEntityRow).values(code="OLD"))
    add_entity(firm, "NEW", pattern="N-{number}")
    firm.customer()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        bare = new_id()
        entity = {"id": bare, "code": "BARE", "name": "Bare", "country": "DE", "currency": "EUR"}
        entity |= {"time_zone": "Europe/Berlin", "profile": {"standard_tax_rate": "19"}}
        tx.session.execute(insert(LegalEntityRow), [entity])
    for ref, code in (("K1", "BARE"), ("K2", "NEW")):
        firm.contract(ref, legal_entity=code)
    firm.store([firm.event("milestone", {"ref": f"M{n}", "contract": f"K{n}", "number": "1", "amount": "1.00",
                                         "currency": "EUR"}) for n in (1, 2)])  # fmt: skip
    firm.store([firm.event("acceptance", {"ref": f"A{n}", "contract": f"K{n}", "milestones": [f"M{n}"],
                                          "decision": "accepted", "decided_at": firm.clock.now().isoformat()})
                for n in (1, 2)])  # fmt: skip
    firm.drain()
    assert sorted((row.phase, row.detail) for row in firm.invoices()) == [
        ("finance_approved", "issue_failed"), ("issued", "issued"),
    ]  # fmt: skip
    assert (exceptions(firm), failed_jobs(firm)) == ([("series_missing", True)], [])
    add_series(firm, bare, "B-{number:03d}", 7)
    (held,) = (row for row in firm.invoices() if row.detail == "issue_failed")
    submit_draft(firm.database, firm.tenant, CLERK, held.id)
    firm.drain()
    assert {row.number for row in firm.invoices()} == {"N-1", "B-007"}
    assert exceptions(firm) == [("series_missing", False)]
    assert offenders(firm) == []


def test_two_series_that_make_one_number_are_told_apart_by_a_person(firm: Firm) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(NumberSeriesRow).values(pattern="R-{number:05d}", year=0))
    add_entity(firm, "TWIN", pattern="R-{number:05d}")
    firm.customer()
    for ref, code in (("K1", "DE01"), ("K2", "TWIN")):
        firm.contract(ref, legal_entity=code)
        firm.milestone(f"M{ref}", ref)
        firm.accept(f"M{ref}", ref)
    assert [(row.number, row.detail) for row in firm.invoices()] == [("R-00001", "issued"), (None, "issue_failed")]
    assert (exceptions(firm), failed_jobs(firm)) == ([("number_taken", True)], [])
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        actions = set(tx.session.scalars(select(AuditEntryRow.action)))
        following = list(tx.session.scalars(select(NumberSeriesRow.next_number).order_by(NumberSeriesRow.next_number)))
    assert {"invoice.issue_failed", "exception.opened"} <= actions
    assert following == [1, 2]
    assert offenders(firm) == []


@pytest.mark.parametrize(("pattern", "start", "number"), [
    ("A-{year}-{number:05d}", 1, "A-2026-00001"), ("{number}", 41, "41"), ("X{number:03d}/Y", 12345, "X12345/Y"),
    ("{year}{number:02d}", 9, "202609"),
])  # fmt: skip
def test_numbers_read_as_their_pattern_says(firm: Firm, pattern: str, start: int, number: str) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(NumberSeriesRow).values(pattern=pattern, next_number=start))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    assert (firm.invoice().number, firm.invoice().sequence_number) == (number, start)
    assert offenders(firm) == []


@pytest.mark.parametrize("change", [
    {"name": "Client Holding SA"}, {"address": {"country": "DE"}}, {"tax_id": ""},
    {"tax_category": "E", "tax": {"exemption_reason": "Charity."}},
])  # fmt: skip
def test_a_customer_who_changes_between_approval_and_issuing_is_approved_anew(
    make_firm: Callable[[TenantConfiguration], Firm], change: dict[str, Any]
) -> None:
    rows = (ApprovalRule(name="all", steps=("manager",)),)
    firm = make_firm(TenantConfiguration(approvals=rows, render_documents=False, deliver_by_mail=False, rules=()))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    row = firm.invoice()
    manager = person("Max Manager", MANAGER)
    decide_step(firm.database, firm.tenant, manager, row.id, decision="approve", content_sha256=row.content_sha256)
    firm.clock.moment += timedelta(hours=1)
    customer = {"ref": "C1", "name": "Client SA", "tax_id": "FR40303265045", "address": {"country": "FR"}}
    firm.store([firm.event("customer", customer | change)])
    work_off(firm, "intake")
    work_off(firm, "billing.issue")
    assert firm.invoice().issued_at is None
    firm.drain()
    assert (firm.invoice().detail, firm.invoice().issued_at) == ("awaiting_manager", None)
    firm.decide(manager)
    assert firm.invoice().phase == "issued"
    assert (failed_jobs(firm), offenders(firm)) == ([], [])
