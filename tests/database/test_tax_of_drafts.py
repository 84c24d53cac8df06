"""Tax of drafts from the records of both parties: evidence on the line, findings that hold, rates of the day, frozen reasons."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from billwright.billing.drafts import rebuild_drafts
from billwright.billing.tables import BillableItemRow, InvoiceLineRow
from billwright.canon.tables import LegalEntityRow
from billwright.checks.tables import FindingRow
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person
from support.races import failed_jobs, offenders

MANAGER = "invoice:approve_manager"


def seller(firm: Firm, *, country: str = "DE", **profile: Any) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        entity = tx.session.scalars(select(LegalEntityRow)).one()
        tx.session.execute(update(LegalEntityRow).values(country=country, profile={**entity.profile, **profile}))


def bill(firm: Firm, *, customer: dict[str, Any], **milestone: Any) -> None:
    firm.customer(**customer)
    firm.contract()
    firm.milestone(**milestone)
    firm.accept()


def line(firm: Firm) -> InvoiceLineRow:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.scalars(select(InvoiceLineRow)).one()


def frozen(firm: Firm) -> dict[str, Any]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        content: dict[str, Any] = tx.session.scalars(select(SnapshotRow.content)).one()
    return content


def said(firm: Firm) -> list[tuple[str, str]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        rows = tx.session.scalars(select(FindingRow).where(FindingRow.resolved_at.is_(None), FindingRow.rule == "tax"))
        return [(row.code, row.severity) for row in rows]


def test_reverse_charge_is_frozen_with_code_reason_and_evidence(firm: Firm) -> None:
    bill(firm, customer={"language": "fr"})

    content = frozen(firm)
    (tax,), (billed,) = content["taxes"], content["lines"]
    assert (tax["category"], tax["exemption_code"], tax["tax_minor"]) == ("AE", "VATEX-EU-AE", 0)
    assert tax["reason"].startswith("Autoliquidation")
    assert (billed["tax_rule"], billed["tax_evidence"]["vat_id"]) == ("eu-reverse-charge", "right")
    assert billed["tax_evidence"]["source"]["url"].startswith("https://eur-lex.europa.eu/")
    assert (said(firm), offenders(firm)) == ([], [])


@pytest.mark.parametrize(
    ("customer", "code"),
    [
        ({"tax_id": "FR99303265045"}, "vat_id_wrong"),
        ({"address": {"city": "Nowhere"}}, "customer_country_missing"),
        ({"tax_category": "E"}, "exemption_reason_missing"),
        ({"tax_id": "", "tax": {"status": "business"}}, "vat_id_missing"),
    ],
)
def test_an_uncertain_tax_holds_the_draft_until_the_record_is_mended(
    firm: Firm, customer: dict[str, Any], code: str
) -> None:
    bill(firm, customer=customer)
    assert (said(firm), firm.invoice().detail) == ([(code, "blocking")], "blocked")

    firm.clock.moment = datetime(2026, 3, 3, 12, tzinfo=UTC)
    firm.customer()

    assert (said(firm), firm.invoice().phase, failed_jobs(firm)) == ([], "issued", [])


def test_quebec_bills_both_taxes_and_the_books_agree(firm: Firm) -> None:
    seller(firm, country="CA", standard_tax_rate=None, tax={"region": "QC"})
    bill(firm, customer={"address": {"country": "CA"}, "tax_id": "", "tax": {"region": "QC"}}, amount="10000.01")

    assert firm.invoice().tax_minor == 500_00 + 997_50
    (tax,) = frozen(firm)["taxes"]
    assert [(each["name"], each["tax_minor"]) for each in tax["components"]] == [("GST", 500_00), ("QST", 997_50)]
    assert (failed_jobs(firm), offenders(firm)) == ([], [])


def test_what_the_customer_withholds_is_frozen_and_changes_no_total(firm: Firm) -> None:
    bill(firm, customer={"tax": {"withholding": {"percent": "10", "reason": "Withholding tax"}}})

    content = frozen(firm)
    assert content["withholding"]["amount_minor"] == 1_000_00
    assert content["gross_minor"] == 10_000_00


def test_a_rate_that_ended_before_the_invoice_is_issued_is_asked_about_again(make_firm: Any) -> None:
    rows = (ApprovalRule(name="all", steps=("manager",)),)
    firm: Firm = make_firm(TenantConfiguration(approvals=rows, render_documents=False, deliver_by_mail=False, rules=()))
    firm.clock.moment = datetime(2025, 6, 30, 12, tzinfo=UTC)
    seller(firm, country="EE", standard_tax_rate=None)
    firm.customer(address={"country": "EE"}, tax_id="")
    firm.contract(signed_on="2025-01-10", acceptance_required=False)
    firm.milestone(acceptance_required=False, basis="mobilisation")
    with transaction(
        firm.database, firm.tenant, SYSTEM
    ) as tx:  # an item without a day: it is supplied when it is billed
        tx.session.execute(update(BillableItemRow).values(service_to=None))
        rebuild_drafts(tx, [firm.invoice().id])
    firm.drain()
    assert (firm.invoice().tax_minor, line(firm).service_to) == (2_200_00, None)

    firm.clock.moment = datetime(2025, 7, 1, 12, tzinfo=UTC)
    firm.decide(person("Max Manager", MANAGER))

    assert (firm.invoice().detail, firm.invoice().tax_minor) == ("awaiting_manager", 2_400_00)
    firm.decide(person("Max Manager", MANAGER))
    assert firm.invoice().phase == "issued"


def test_a_seller_that_is_not_registered_needs_no_country_of_its_customer(firm: Firm) -> None:
    seller(firm, standard_tax_rate=None, tax={"scheme": "not_registered", "scheme_reason": "As the record has them."})
    bill(firm, customer={"address": {}, "tax_id": ""})

    (tax,) = frozen(firm)["taxes"]
    assert (tax["category"], tax["tax_minor"], tax["reason"]) == ("O", 0, "As the record has them.")
    assert (said(firm), failed_jobs(firm)) == ([], [])
