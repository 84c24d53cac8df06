"""No draft is approved before its e-invoice passed the rules; what the rules find blocks, and goes when it is mended."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.einvoice.check_drafts import AGAIN_AFTER, check_draft_einvoices
from billwright.einvoice.checker import Checker, Limits
from billwright.einvoice.examiner import examine_einvoices
from billwright.einvoice.jobs import handlers
from billwright.einvoice.tables import EinvoiceCheckRow
from billwright.issuing.content import InvoiceContent
from billwright.issuing.tables import SnapshotRow
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.transaction import control_transaction, transaction
from billwright.web.composition import spine_handlers
from support.pipeline import AUTOMATIC, Firm
from support.visitors import counted_statements

RULES = (RuleSetting(name="duplicate_billing"),)
ADDRESS = {"street": "Hafenstr. 9", "postal_code": "20457", "city": "Hamburg", "country": "DE"}
GERMAN: dict[str, Any] = {"address": ADDRESS, "tax_id": "DE987654321", "billing_email": "ap@client.example"}
BELGIAN: dict[str, Any] = {
    "address": {"street": "Rue de la Loi 1", "postal_code": "1000", "city": "Bruxelles", "country": "BE"},
    "tax_id": "BE0123456749",
}


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm], checker: Checker) -> Firm:
    return firm_with(make_firm, checker)


def firm_with(
    make_firm: Callable[[TenantConfiguration], Firm], checker: Checker, approvals: tuple[ApprovalRule, ...] = AUTOMATIC
) -> Firm:
    """The spine, with the job that checks e-invoices."""
    made = make_firm(
        TenantConfiguration(rules=RULES, approvals=approvals, render_documents=False, deliver_by_mail=False)
    )
    made.handlers = Handlers.of(*spine_handlers().by_kind.values(), *handlers(made.database, checker))
    return made


def bill(firm: Firm, **customer: Any) -> None:
    firm.customer(**customer)
    firm.contract()
    firm.milestone()
    firm.accept()


def open_findings(firm: Firm) -> list[FindingRow]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = select(FindingRow).where(FindingRow.resolved_at.is_(None), FindingRow.rule == "einvoice")
        return list(tx.session.scalars(query.order_by(FindingRow.message)))


def checks(firm: Firm) -> list[EinvoiceCheckRow]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(EinvoiceCheckRow)))


def content_of(firm: Firm) -> InvoiceContent:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        stored = tx.session.scalars(select(SnapshotRow.content)).one()
    return msgspec.convert(stored, InvoiceContent, strict=False)


def state(row: InvoiceRow) -> str:
    return f"{row.phase}.{row.detail}"


@pytest.mark.parametrize("written", ["ubl", "cii", "facturx"])
def test_a_draft_whose_einvoice_passes_goes_on_by_itself(firm: Firm, written: str) -> None:
    bill(firm, einvoice={"format": written}, **GERMAN)

    assert firm.invoice().phase == "issued"
    (check,) = checks(firm)
    assert (check.format, check.failed, check.findings) == (written, False, [])
    assert len(check.rule_sets) == (2 if written == "facturx" else 1)
    said = content_of(firm).einvoice
    assert said is not None
    assert said.buyer is not None
    assert said.buyer.format == written


def test_who_wants_no_einvoice_is_neither_delayed_nor_checked(firm: Firm) -> None:
    bill(firm)

    assert firm.invoice().phase == "issued"
    assert checks(firm) == []
    with control_transaction(firm.database, SYSTEM) as tx:
        kinds = set(tx.session.scalars(select(JobRow.kind).where(JobRow.tenant_id == firm.tenant.id)))
    assert "documents.check_einvoice" not in kinds


def test_until_it_is_checked_a_draft_waits_and_nobody_may_approve_it(
    make_firm: Callable[[TenantConfiguration], Firm], checker: Checker
) -> None:
    firm = firm_with(make_firm, checker)
    everything, firm.handlers = firm.handlers, spine_handlers()
    bill(firm, einvoice={"format": "ubl"}, **GERMAN)

    assert state(firm.invoice()) == "validation_pending.submitted"
    assert open_findings(firm) == []

    firm.handlers = everything
    firm.drain()
    assert firm.invoice().phase == "issued"


def test_a_fatal_finding_blocks_with_rule_field_and_remedy_and_goes_when_it_is_mended(firm: Firm) -> None:
    bill(firm, einvoice={"format": "xrechnung_ubl", "buyer_reference": "04011000-1-2"}, **GERMAN)

    assert state(firm.invoice()) == "validation_pending.blocked"
    rules = {each.evidence["rule"] for each in open_findings(firm)}
    assert {"BR-DE-1", "BR-DE-2", "PEPPOL-EN16931-R020"} <= rules
    for each in open_findings(firm):
        assert (each.code, each.severity, each.technical) == ("einvoice_invalid", "blocking", False)
        assert "(B" in each.message
        assert each.remedy

    firm.customer(einvoice={"format": "ubl"}, **GERMAN)

    assert firm.invoice().phase == "issued"
    assert open_findings(firm) == []
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        open_exceptions = select(ExceptionRow).where(ExceptionRow.closed_at.is_(None))
        assert tx.session.scalars(open_exceptions).all() == []


def test_what_a_customer_asks_for_after_the_approval_is_checked_before_the_issue(
    make_firm: Callable[[TenantConfiguration], Firm], checker: Checker
) -> None:
    """The wish is part of what approvals are bound to: another format drops them."""
    approvals = (ApprovalRule(name="all", steps=("manager",)),)
    firm = firm_with(make_firm, checker, approvals)
    bill(firm, **GERMAN)
    before = firm.invoice()

    firm.customer(einvoice={"format": "peppol"}, **GERMAN)

    after = firm.invoice()
    assert after.content_sha256 != before.content_sha256
    assert state(after) == "validation_pending.blocked"
    assert "PEPPOL-EN16931-CL008" in {each.evidence["rule"] for each in open_findings(firm)}


def test_the_law_asks_where_nobody_else_does(firm: Firm) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        entity = tx.session.scalars(select(LegalEntityRow)).one()
        entity.country = "BE"
        entity.profile = {**entity.profile, "tax_id": "BE0403019261", "address": BELGIAN["address"]}
    bill(firm, **BELGIAN)

    assert state(firm.invoice()) == "validation_pending.blocked"
    (check,) = checks(firm)
    assert check.format == "peppol"

    firm.customer(einvoice={"format": "none"}, **BELGIAN)

    (finding,) = open_findings(firm)
    assert (finding.code, finding.severity) == ("einvoice_mandate", "blocking")
    assert finding.evidence["source"].startswith("https://")


def test_a_validator_that_fails_blocks_as_a_technical_failure_and_is_asked_again(
    make_firm: Callable[[TenantConfiguration], Firm], checker: Checker
) -> None:
    starved = Checker(Limits(memory_bytes=48 * 1024**2))
    try:
        firm = firm_with(make_firm, starved)
        bill(firm, einvoice={"format": "ubl"}, **GERMAN)
    finally:
        starved.stop()

    assert state(firm.invoice()) == "validation_pending.blocked"
    (finding,) = open_findings(firm)
    assert (finding.code, finding.technical) == ("einvoice_unchecked", True)
    (check,) = checks(firm)
    assert check.failed

    firm.handlers = Handlers.of(*spine_handlers().by_kind.values(), *handlers(firm.database, checker))
    firm.drain()
    assert state(firm.invoice()) == "validation_pending.blocked"
    firm.clock.moment += AGAIN_AFTER
    firm.drain()
    assert firm.invoice().phase == "issued"


def test_amounts_that_the_format_cannot_carry_block(firm: Firm) -> None:
    firm.customer(einvoice={"format": "ubl"}, **GERMAN)
    firm.contract(currency="KWD")
    firm.milestone(currency="KWD", amount="1000.125")
    firm.accept()

    (finding,) = open_findings(firm)
    assert (finding.code, finding.severity) == ("einvoice_currency", "blocking")
    assert checks(firm) == []


def test_a_check_says_in_the_audit_trail_what_it_found(firm: Firm) -> None:
    bill(firm, einvoice={"format": "xrechnung_cii"}, **GERMAN)

    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = select(AuditEntryRow.after).where(AuditEntryRow.action == "invoice.einvoice_checked")
        (after,) = tx.session.scalars(query).all()
    assert after is not None
    assert after["format"] == "xrechnung_cii"
    assert "BR-DE-15" in after["fatal"]


def test_drafts_are_looked_at_together(make_firm: Callable[[TenantConfiguration], Firm], checker: Checker) -> None:
    """As many statements for four drafts as for one, in the checks and in the job."""
    firm = firm_with(make_firm, checker)
    firm.handlers = spine_handlers()
    for number in range(5):
        firm.customer(f"C{number}", einvoice={"format": "ubl"}, **GERMAN)
        firm.contract(f"K{number}", customer=f"C{number}")
        firm.milestone(f"M{number}", f"K{number}")
        firm.accept(f"M{number}", f"K{number}")
    first, *others = [row.id for row in firm.invoices()]
    assert len(others) == 4

    counts: list[tuple[int, int]] = []
    for ids in ([first], others):
        with counted_statements(firm.database) as asking, transaction(firm.database, firm.tenant, SYSTEM) as tx:
            rows = tx.session.execute(select(InvoiceRow.id).where(InvoiceRow.id.in_(ids))).all()
            assert examine_einvoices(tx, rows).waiting == set(ids)
        with counted_statements(firm.database) as checking:
            check_draft_einvoices(firm.database, checker, firm.tenant, ids)
        counts.append((len(asking), len(checking)))

    assert counts[0] == counts[1]
    assert len(checks(firm)) == 5
    firm.drain()
    assert {row.phase for row in firm.invoices()} == {"issued"}


def test_a_check_runs_twice_without_harm(make_firm: Callable[[TenantConfiguration], Firm], checker: Checker) -> None:
    firm = firm_with(make_firm, checker)
    firm.handlers = spine_handlers()
    bill(firm, einvoice={"format": "cii"}, **GERMAN)
    ids = [firm.invoice().id]

    check_draft_einvoices(firm.database, checker, firm.tenant, ids)
    (before,) = checks(firm)
    check_draft_einvoices(firm.database, checker, firm.tenant, ids)

    (after,) = checks(firm)
    assert (after.basis_sha256, after.checked_at) == (before.basis_sha256, before.checked_at)
    firm.drain()
    check_draft_einvoices(firm.database, checker, firm.tenant, ids)
    assert firm.invoice().phase == "issued"
