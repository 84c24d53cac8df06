"""Where money could be billed twice, lost or billed wrongly with nobody racing: moved facts, unknown parties, currencies."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import InvoiceLineRow
from billwright.canon.tables import LegalEntityRow
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import AUTOMATIC, Firm, person
from support.races import failed_jobs, offenders

MANAGER = "invoice:approve_manager"
ASKED = (ApprovalRule(name="all", steps=("manager",)),)


def configured(**changes: Any) -> TenantConfiguration:
    defaults: dict[str, Any] = {
        "approvals": AUTOMATIC,
        "render_documents": False,
        "deliver_by_mail": False,
        "rules": (),
    }
    return TenantConfiguration(**{**defaults, **changes})


@pytest.fixture
def asking(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A firm in which a manager approves everything."""
    firm = make_firm(configured(approvals=ASKED))
    firm.customer()
    firm.contract()
    return firm


def later(firm: Firm, hours: int = 1) -> None:
    firm.clock.moment += timedelta(hours=hours)


def approve_all(firm: Firm) -> None:
    for row in firm.invoices():
        if row.detail == "awaiting_manager":
            firm.decide(person("Max Manager", MANAGER), invoice=row)


def add_entity(firm: Firm, code: str, *, pattern: str, zone: str = "Europe/Berlin", year: int = 2026) -> None:
    identifier = new_id()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        profile = {"legal_name": code, "standard_tax_rate": "20"}
        entity = {"id": identifier, "code": code, "name": code, "country": "FR", "currency": "EUR"}
        tx.session.execute(insert(LegalEntityRow), [entity | {"time_zone": zone, "profile": profile}])
        series = {"legal_entity_id": identifier, "document_type": "invoice", "year": year, "pattern": pattern}
        tx.session.execute(insert(NumberSeriesRow), [series | {"next_number": 1}])


def proper(firm: Firm) -> None:
    """Nothing failed and no invariant is broken."""
    assert failed_jobs(firm) == []
    assert offenders(firm) == []


def test_an_unknown_legal_entity_holds_the_item_in_words_until_it_is_corrected(firm: Firm) -> None:
    firm.customer()
    firm.contract(legal_entity="FR77")
    firm.milestone()
    firm.accept()
    assert (firm.item().state, firm.item().reasons) == ("waiting", ["legal_entity_unknown"])
    later(firm)
    firm.contract(legal_entity="DE01")
    assert firm.item().state == "billed"
    proper(firm)


def test_a_contract_that_goes_to_another_legal_entity_takes_its_draft_along(asking: Firm) -> None:
    asking.milestone()
    asking.accept()
    add_entity(asking, "FR02", pattern="FR-{number}", year=0)
    later(asking)
    asking.contract(legal_entity="FR02")
    first, second = asking.invoices()
    assert (first.phase, second.phase) == ("void", "validation_pending")
    approve_all(asking)
    assert asking.invoices()[1].number == "FR-1"
    proper(asking)


def test_a_billed_milestone_that_moves_to_another_contract_is_not_billed_again(firm: Firm) -> None:
    firm.customer()
    firm.contract("K1")
    firm.contract("K2")
    firm.milestone("M1", "K1")
    firm.accept("M1", "K1")
    later(firm)
    firm.milestone("M1", "K2")
    firm.accept("M1", "K2")
    assert len(firm.invoices()) == 1
    by_state = {item.state: item for item in firm.items().values()}
    assert by_state["waiting"].reasons[-1] == "billed_on_another_contract"
    assert by_state["billed"].notes == ["changed_after_billing"]
    proper(firm)


def test_time_that_moves_before_it_is_billed_is_billed_on_its_new_contract_alone(asking: Firm) -> None:
    asking.contract("K1", billing="mixed")
    asking.contract("K2", billing="mixed")
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    for ref in ("K1", "K2"):
        asking.send("rate_card", ref=f"R-{ref}", contract=ref, currency="EUR", rates=rates)
    entry: dict[str, Any] = {
        "ref": "T1",
        "person_name": "Jo",
        "worked_on": "2026-02-02",
        "hours": "8",
        "status": "approved",
    }
    asking.send("time_entry", **entry, contract="K1", approved_by="Lead")
    later(asking)
    asking.send("time_entry", **entry, contract="K2", approved_by="Lead")
    assert [row.phase for row in asking.invoices()] == ["void", "validation_pending"]
    later(asking)
    asking.contract("K1", billing="mixed", title="Looked at once more")
    approve_all(asking)
    assert asking.item().state == "billed"
    proper(asking)


def test_what_changes_after_billing_stays_billed_and_is_noted(firm: Firm) -> None:
    firm.customer()
    firm.contract(billing="time_and_materials")
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    entry: dict[str, Any] = {
        "ref": "T1",
        "contract": "K1",
        "person_name": "Jo",
        "worked_on": "2026-02-02",
        "status": "approved",
    }
    firm.send("time_entry", **entry, hours="8", approved_by="Lead")
    later(firm)
    firm.send("time_entry", **entry, hours="10", approved_by="Lead")
    item = firm.item()
    assert (item.state, item.amount_minor, item.notes) == ("billed", 800_00, ["changed_after_billing"])
    later(firm)
    firm.send("time_entry", **entry, hours="8", approved_by="Lead")
    assert firm.item().notes == []
    assert len(firm.invoices()) == 1
    proper(firm)


def test_an_emptied_draft_leaves_nothing_on_the_desks_and_its_items_come_again(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(configured(approvals=ASKED, rules=(RuleSetting(name="purchase_order"),)))
    firm.customer(po_required=True)
    firm.contract()
    firm.milestone()
    firm.accept()
    assert firm.invoice().detail == "blocked"
    later(firm)
    firm.accept(decision="reopened")
    later(firm)
    firm.milestone(amount=None, amount_raw="on request")
    assert firm.invoice().phase == "void"
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        held = list(tx.session.scalars(select(ExceptionRow).where(ExceptionRow.closed_at.is_(None))))
        said = list(tx.session.scalars(select(FindingRow).where(FindingRow.resolved_at.is_(None))))
    assert (held, said) == ([], [])
    later(firm)
    firm.milestone()
    firm.accept()
    assert [row.detail for row in firm.invoices()] == ["emptied", "blocked"]
    proper(firm)


def test_an_emptied_draft_asks_nobody_for_approval(asking: Firm) -> None:
    asking.milestone()
    asking.accept()
    assert asking.invoice().detail == "awaiting_manager"
    later(asking)
    asking.milestone(amount=None, amount_raw="on request")
    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        actions = list(tx.session.scalars(select(AuditEntryRow.action).order_by(AuditEntryRow.id)))
    assert asking.invoice().phase == "void"
    assert "approval.dropped" in actions
    proper(asking)


def test_an_expense_in_another_currency_is_its_own_invoice(firm: Firm) -> None:
    firm.customer()
    firm.contract(billing="mixed", value="10500.00")
    firm.milestone()
    firm.accept()
    firm.send("expense", ref="E1", contract="K1", person_name="Jo", spent_on="2026-02-20", amount="90000",
              currency="JPY", status="approved", approved_by="Lead")  # fmt: skip
    firm.milestone("M2", amount="500.00")
    firm.accept("M2")
    assert sorted((row.currency, row.net_minor, row.phase) for row in firm.invoices()) == [
        ("EUR", 500_00, "issued"), ("EUR", 10_000_00, "issued"), ("JPY", 90_000, "issued"),
    ]  # fmt: skip
    proper(firm)


def test_yen_do_not_use_up_a_value_in_euros(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    firm = make_firm(configured(rules=(RuleSetting(name="contract_value"),)))
    firm.customer()
    firm.contract(billing="mixed", value="800.00")
    firm.send("expense", ref="E1", contract="K1", person_name="Jo", spent_on="2026-02-20", amount="90000",
              currency="JPY", status="approved", approved_by="Lead")  # fmt: skip
    firm.milestone(amount="800.00")
    firm.accept()
    assert {row.currency: row.phase for row in firm.invoices()} == {"JPY": "issued", "EUR": "issued"}
    proper(firm)


def test_a_customer_without_a_country_holds_its_draft_until_the_country_comes(asking: Firm) -> None:
    asking.customer("C9", address={"city": "Nowhere"})
    asking.contract("K9", customer="C9")
    asking.milestone("M9", "K9")
    asking.accept("M9", "K9")
    assert asking.invoice().tax_minor == 1_900_00
    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        (said,) = tx.session.scalars(select(FindingRow).where(FindingRow.resolved_at.is_(None)))
    assert (said.code, said.severity) == ("customer_country_missing", "blocking")
    assert asking.invoice().detail == "blocked"
    later(asking)
    asking.customer("C9")
    assert asking.invoice().tax_minor == 0
    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        assert list(tx.session.scalars(select(FindingRow).where(FindingRow.resolved_at.is_(None)))) == []


def test_a_month_ends_in_the_time_zone_of_the_legal_entity(firm: Firm) -> None:
    add_entity(firm, "NZ01", pattern="NZ-{number}", zone="Pacific/Auckland", year=0)
    firm.customer()
    firm.contract(billing="time_and_materials", grouping="monthly", value=None, legal_entity="NZ01")
    rates = [{"role": "", "hourly": "100", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    firm.send("time_entry", ref="T1", contract="K1", person_name="Jo", worked_on="2026-03-31", hours="8",
              status="approved", approved_by="Lead")  # fmt: skip
    firm.clock.moment = datetime(2026, 3, 31, 10, 59, tzinfo=UTC)
    firm.drain()
    assert firm.invoices() == []
    firm.clock.moment = datetime(2026, 3, 31, 11, 0, tzinfo=UTC)
    firm.drain()
    assert firm.invoice().issued_on == datetime(2026, 4, 1).date()  # noqa: DTZ001 # a date


def test_the_year_changes_at_midnight_of_the_legal_entity(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.clock.moment = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    firm.milestone("M1")
    firm.accept("M1")
    firm.clock.moment = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    firm.milestone("M2")
    firm.accept("M2")
    assert [row.number for row in firm.invoices()] == ["ACME-2026-00001", "ACME-2027-00001"]
    proper(firm)


def test_a_seller_without_tax_issues_without_tax(firm: Firm) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        profile = tx.session.scalars(select(LegalEntityRow.profile)).one() | {"standard_tax_rate": "0"}
        tx.session.execute(update(LegalEntityRow).values(profile=profile))
    firm.customer(address={"country": "DE"})
    firm.contract()
    firm.milestone()
    firm.accept()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        line = tx.session.scalars(select(InvoiceLineRow)).one()
    assert (firm.invoice().tax_minor, line.tax_category, line.tax_rate_basis_points) == (0, "O", 0)
    proper(firm)
