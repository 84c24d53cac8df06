"""What an approval is bound to: a change of anything that is printed drops it; hashes of an earlier recipe stay honoured."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from billwright.approvals.decide_step import decide_step
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.content import BANK_FIELDS, VERSION, content_hash, parties_content, stored_line_content
from billwright.billing.tables import AllocationRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.issuing.content import BankAccount
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import Tx, transaction
from support.pipeline import Firm, person
from support.races import failed_jobs, offenders, work_off

MANAGER, FINANCE = "invoice:approve_manager", "invoice:approve_finance"
BANK = {"holder": "Acme Consulting GmbH", "iban": "DE02120300000000202051", "currency": "EUR"}
Change = Callable[[Firm], None]


@pytest.fixture
def asking(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One draft that the manager approved; finance comes next."""
    rows = (ApprovalRule(name="both", steps=("manager", "finance")),)
    firm = make_firm(TenantConfiguration(approvals=rows, render_documents=False, deliver_by_mail=False, rules=()))
    seller(bank=[BANK])(firm)
    firm.customer()
    firm.contract(purchase_order={"number": "PO-1"}, payment_terms_days=14)
    firm.milestone()
    firm.accept()
    firm.decide(person("Max Manager", MANAGER))
    assert firm.invoice().detail == "awaiting_finance"
    firm.clock.moment += timedelta(hours=1)
    return firm


def seller(**more: Any) -> Change:
    def change(firm: Firm) -> None:
        with transaction(firm.database, firm.tenant, SYSTEM) as tx:
            entity = tx.session.scalars(select(LegalEntityRow)).one()
            entity.profile = {**entity.profile, **more}

    return change


def contract(**more: Any) -> Change:
    given: dict[str, Any] = {"purchase_order": {"number": "PO-1"}, "payment_terms_days": 14} | more
    return lambda firm: firm.contract(**given)


def steps(firm: Firm) -> list[str]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(ApprovalStepRow.state).order_by(ApprovalStepRow.id)))


def frozen(firm: Firm) -> dict[str, Any]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        content: dict[str, Any] = tx.session.scalars(select(SnapshotRow.content)).one()
    return content


@pytest.mark.parametrize(
    "change", [contract(payment_terms_days=60), contract(purchase_order={"number": "PO-2"})], ids=["terms", "order"]
)
def test_what_the_contract_changes_drops_the_approval_at_once(asking: Firm, change: Change) -> None:
    change(asking)
    assert asking.invoice().detail == "awaiting_manager"
    assert steps(asking)[:2] == ["dropped", "dropped"]
    asking.decide(person("Max Manager", MANAGER))
    asking.decide(person("Fin Ance", FINANCE))
    content = frozen(asking)
    printed = (content["payment_terms_days"], content["purchase_order"])
    assert printed in [(60, "PO-1"), (14, "PO-2")]
    assert asking.invoice().payment_terms_days == content["payment_terms_days"]
    assert failed_jobs(asking) == []
    assert offenders(asking) == []


@pytest.mark.parametrize(
    "change",
    [
        seller(bank=[{**BANK, "iban": "DE75512108001245126199"}]),
        seller(bank=[]),
        seller(tax_id="DE999999999"),
        seller(registration="HRB 1"),
        seller(address={"street": "Neue Str. 2", "city": "Berlin", "country": "DE"}),
    ],
    ids=["account", "no account", "tax number", "registration", "address"],
)
def test_what_the_seller_changes_is_noticed_when_the_invoice_is_issued(asking: Firm, change: Change) -> None:
    change(asking)
    asking.decide(person("Fin Ance", FINANCE))
    assert (asking.invoice().detail, asking.invoice().number) == ("awaiting_manager", None)
    assert steps(asking)[:2] == ["dropped", "dropped"]
    asking.decide(person("Max Manager", MANAGER))
    asking.decide(person("Fin Ance", FINANCE))
    assert asking.invoice().phase == "issued"
    assert failed_jobs(asking) == []
    assert offenders(asking) == []


def test_an_account_of_another_currency_is_not_what_they_saw(asking: Firm) -> None:
    seller(bank=[BANK, {"holder": "Acme", "iban": "GB29NWBK60161331926819", "currency": "GBP"}])(asking)
    asking.decide(person("Fin Ance", FINANCE))
    assert asking.invoice().phase == "issued"
    assert frozen(asking)["bank"]["iban"] == BANK["iban"]


def test_terms_of_the_customer_hold_where_the_contract_has_none(asking: Firm) -> None:
    asking.contract(purchase_order={"number": "PO-1"})
    assert asking.invoice().payment_terms_days == 30
    asking.clock.moment += timedelta(hours=1)
    asking.customer(payment_terms_days=7)
    assert (asking.invoice().payment_terms_days, asking.invoice().detail) == (7, "awaiting_manager")


def test_what_is_printed_of_an_account_is_what_is_hashed() -> None:
    assert BankAccount.__struct_fields__ == BANK_FIELDS


def first_recipe(tx: Tx, invoice: InvoiceRow) -> str:
    """The hash that the earlier release stored."""
    customer = tx.session.get_one(CustomerRow, invoice.customer_id)
    entity = tx.session.get_one(LegalEntityRow, invoice.legal_entity_id)
    lines = tx.session.scalars(select(InvoiceLineRow).where(InvoiceLineRow.invoice_id == invoice.id)).all()
    items = {
        line.id: list(tx.session.scalars(select(AllocationRow.item_id).where(AllocationRow.line_id == line.id)))
        for line in lines
    }
    parties = parties_content(
        name=customer.name,
        legal_name=customer.legal_name,
        tax_id=customer.tax_id,
        tax_category=customer.tax_category,
        address=customer.address,
        seller_country=entity.country,
        seller_profile=entity.profile,
    )
    return content_hash(
        version=1,
        entity=entity.id,
        customer=customer.id,
        parties=parties,
        terms=invoice.payment_terms_days,
        lines=[stored_line_content(line, items[line.id], invoice.currency, version=1) for line in lines],
    )


@pytest.fixture
def upgraded(asking: Firm) -> Firm:
    """The same draft, approved by both, as the earlier release left it behind: its issuing is the next job."""
    row = asking.invoice()
    decide_step(
        asking.database, asking.tenant, person("Fin Ance", FINANCE), row.id,
        decision="approve", content_sha256=row.content_sha256,
    )  # fmt: skip
    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        invoice = tx.session.get_one(InvoiceRow, row.id)
        digest = first_recipe(tx, invoice)
        assert digest != invoice.content_sha256
        tx.session.execute(update(ApprovalStepRow).values(content_sha256=digest))
        tx.session.execute(update(InvoiceRow).values(content_sha256=digest, content_version=1))
    return asking


def test_what_was_approved_before_the_upgrade_is_issued_as_it_was_approved(upgraded: Firm) -> None:
    upgraded.drain()
    assert (upgraded.invoice().phase, upgraded.invoice().content_version) == ("issued", 1)
    assert offenders(upgraded) == []


def test_what_the_first_recipe_sees_still_drops_what_was_approved_under_it(upgraded: Firm) -> None:
    with transaction(upgraded.database, upgraded.tenant, SYSTEM) as tx:
        tx.session.execute(update(CustomerRow).values(legal_name="Client Holding SA"))
    upgraded.drain()
    assert (upgraded.invoice().detail, upgraded.invoice().content_version) == ("awaiting_manager", VERSION)


def test_the_first_evaluation_after_the_upgrade_hashes_anew_and_asks_again(upgraded: Firm) -> None:
    event = upgraded.event("contract", {
        "ref": "K1", "number": "K1", "customer": "C1", "signed_on": "2026-01-10", "currency": "EUR", "value": "30000.00",
        "legal_entity": "DE01", "purchase_order": {"number": "PO-1"}, "payment_terms_days": 14, "title": "Renamed",
    })  # fmt: skip
    upgraded.store([event])
    work_off(upgraded, "intake", "billing.evaluate")
    assert upgraded.invoice().content_version == VERSION
    upgraded.drain()
    assert upgraded.invoice().detail == "awaiting_manager"
    assert offenders(upgraded) == []
    assert failed_jobs(upgraded) == []


def test_a_hash_of_the_first_recipe_in_a_row_of_the_second_issues_nothing(upgraded: Firm) -> None:
    """What a worker of the earlier release leaves behind while both run."""
    with transaction(upgraded.database, upgraded.tenant, SYSTEM) as tx:
        tx.session.execute(update(InvoiceRow).values(content_version=VERSION))
    upgraded.drain()
    assert (upgraded.invoice().detail, upgraded.invoice().number) == ("awaiting_manager", None)
