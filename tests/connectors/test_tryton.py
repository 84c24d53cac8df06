"""The Tryton connector against a real Tryton server: what is posted is what the customer holds."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billwright.extension.connectors import Context, Erp, RejectedError
from billwright_connectors import tryton
from billwright_connectors.tryton.client import Session
from billwright_connectors.tryton.manifest import Secrets, Settings
from support.posting_invoices import posting_line
from support.tryton_checks import an_invoice, assert_posted_once, invoices_under, states_under, with_settings


@pytest.fixture
def context(tryton_context: Context) -> Context:
    return tryton_context


def test_an_entry_point_finds_an_erp() -> None:
    assert isinstance(tryton, Erp)
    assert tryton.manifest.hosts_setting in Settings.__struct_fields__


def test_an_invoice_is_posted_and_reads_back_equal(context: Context, accountant: Session) -> None:
    invoice = an_invoice(
        posting_line("Concept", 10_000_00),
        posting_line("Review, 7.25 h", 1_087_50, quantity=Decimal("7.25"), unit_price=Decimal(150)),
        posting_line("Licence", 99_90, rate=2000),
        posting_line("Travel abroad", 333_33, rate=0),
        posting_line("Passed on", 12_34, rate=0, tax_category="O"),
    )
    assert tryton.find(context, invoice.key) is None

    external_id = tryton.post(context, invoice)

    assert assert_posted_once(context, accountant, invoice).external_id == external_id


def test_posting_again_does_nothing(context: Context, accountant: Session) -> None:
    invoice = an_invoice()

    assert tryton.post(context, invoice) == tryton.post(context, invoice)

    assert_posted_once(context, accountant, invoice)


def test_the_ledger_balances_on_the_right_accounts_and_days(context: Context, accountant: Session) -> None:
    invoice = an_invoice(posting_line("Concept", 1_000_00), posting_line("Goods", 50_00, revenue_account="8400"))

    tryton.post(with_settings(context, accounts={"8400": "4.1.1"}), invoice)

    (document,) = invoices_under(accountant, invoice.key, "move")
    lines = accountant.search(
        "account.move.line",
        [["move", "=", document["move"]]],
        ["account.code", "debit", "credit", "maturity_date", "date"],
    )
    assert sorted((line["account."]["code"], line["debit"], line["credit"]) for line in lines) == [
        ("1.2.1", Decimal("1249.50"), Decimal(0)),
        ("4.1.1", Decimal(0), Decimal(50)),
        ("4.1.2", Decimal(0), Decimal(1000)),
        ("6.3.6", Decimal(0), Decimal("199.50")),
    ]
    assert [line["maturity_date"] for line in lines if line["debit"]] == [invoice.due_on]
    assert {line["date"] for line in lines} == {invoice.issued_on}


@pytest.mark.parametrize("net_minor", [1_50, 2_50])
def test_a_tax_on_half_a_cent_is_the_one_on_the_invoice(context: Context, accountant: Session, net_minor: int) -> None:
    """19 % of 1.50 is 0.285: Tryton rounds to 0.28, EN 16931 to 0.29."""
    invoice = an_invoice(posting_line("Small", net_minor))

    tryton.post(context, invoice)

    assert_posted_once(context, accountant, invoice)


def test_a_net_that_is_no_exact_product_is_posted_to_the_cent(context: Context, accountant: Session) -> None:
    lines = [
        posting_line(f"Part {n}", 33_33, quantity=Decimal("0.33333"), unit_price=Decimal("99.99")) for n in range(3)
    ]
    invoice = an_invoice(*lines)

    tryton.post(context, invoice)

    assert_posted_once(context, accountant, invoice)


def test_a_credit_note_and_a_foreign_currency_are_posted(context: Context, accountant: Session) -> None:
    credit = an_invoice(posting_line("Correction", -500_00))
    dollars = an_invoice(posting_line("Advice", 777_77), currency="USD")

    tryton.post(context, credit)
    tryton.post(context, dollars)

    assert_posted_once(context, accountant, credit)
    assert_posted_once(context, accountant, dollars)


@pytest.mark.parametrize("name", ['O\'Brien & "Łódź" Çelik <b>GmbH</b>', "株式会社サンプル 100 % _ \\ ; -- 🙂"])
def test_names_and_texts_arrive_as_they_are(context: Context, accountant: Session, name: str) -> None:
    invoice = an_invoice(posting_line(f"For {name}\nsecond line", 100_00), customer_name=name, number=f"RE/{name}")

    tryton.post(context, invoice)

    assert_posted_once(context, accountant, invoice)


def test_a_customer_is_made_once_and_found_again(context: Context, accountant: Session) -> None:
    first = an_invoice()
    second = an_invoice(customer_key=first.customer_key, customer_name="Renamed since")

    tryton.post(context, first)
    tryton.post(context, second)

    parties = accountant.search("party.party", [["code", "=", f"BW-{first.customer_key}"]], ["name"])
    assert [party["name"] for party in parties] == [first.customer_name]
    found = tryton.find(context, second.key)
    assert found is not None
    assert (found.party, found.party_key) == (first.customer_name, first.customer_key)


def test_a_customer_that_tryton_knew_before_is_found_by_identifier(context: Context, accountant: Session) -> None:
    invoice = an_invoice()
    code = [["create", [{"code": f"BW-{invoice.customer_key}"}]]]
    accountant.create("party.party", {"name": "Known before", "code": invoice.key, "identifiers": code})

    tryton.post(context, invoice)

    found = tryton.find(context, invoice.key)
    assert found is not None
    assert (found.party, found.party_key) == ("Known before", invoice.customer_key)


def test_an_invoice_older_than_the_last_one_keeps_its_date_in_the_ledger(context: Context, accountant: Session) -> None:
    today = an_invoice()
    yesterday = an_invoice(issued_on=today.issued_on - timedelta(days=1))
    tryton.post(context, today)

    tryton.post(context, yesterday)

    assert_posted_once(context, accountant, yesterday)


def test_an_invoice_that_is_overdue_already_is_posted(context: Context, accountant: Session) -> None:
    day = date.today() - timedelta(days=60)  # noqa: DTZ011 - Tryton's server takes the date of this machine
    invoice = an_invoice(issued_on=day, due_on=day + timedelta(days=14))

    tryton.post(context, invoice)

    assert_posted_once(context, accountant, invoice)


def test_another_tax_rate_in_tryton_is_refused_and_leaves_nothing(context: Context, accountant: Session) -> None:
    invoice = an_invoice()
    wrong = with_settings(context, taxes={"S:1900": "VAT 20 %"})

    with pytest.raises(RejectedError, match=r"tax 2000\.00 instead of 1900\.00") as caught:
        tryton.post(wrong, invoice)

    assert "'taxes'" in caught.value.remedy
    assert states_under(accountant, invoice.key) == []
    tryton.post(context, invoice)
    assert_posted_once(context, accountant, invoice)


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"taxes": {"Z:0": "VAT 0 %"}}, "our tax S:1900", "Add 'S:1900' to 'taxes'"),
        ({"taxes": {"S:1900": "VAT 18 %"}}, "no tax 'VAT 18 %'", "Correct 'taxes'"),
        ({"revenue_account": "9999"}, "no open account '9999'", "'revenue_account'"),
        ({"receivable_account": "9999"}, "no open account '9999'", "'receivable_account'"),
        ({"journal": "NONE"}, "no revenue journal 'NONE'", "'journal'"),
        ({"payment_term": "1 year"}, "no payment term '1 year'", "'payment_term'"),
        ({"country": "XX"}, "no country XX", "trytond_import_countries"),
        ({"company": "Somebody else"}, "no company 'Somebody else'", "'company'"),
        ({"database": "missing"}, "404", "base_url and database"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_remedy(
    context: Context, accountant: Session, changes: dict[str, Any], message: str, remedy: str
) -> None:
    invoice = an_invoice()

    with pytest.raises(RejectedError, match=message) as caught:
        tryton.post(with_settings(context, **changes), invoice)

    assert remedy in caught.value.remedy
    assert states_under(accountant, invoice.key) == []


def test_what_tryton_refuses_is_said_in_its_own_words(context: Context) -> None:
    invoice = an_invoice(issued_on=date(1999, 1, 1), due_on=date(1999, 2, 1))

    with pytest.raises(RejectedError, match=r"period|fiscal year"):
        tryton.post(context, invoice)

    assert tryton.find(context, invoice.key) is None


def test_a_wrong_password_is_refused_without_showing_it(context: Context) -> None:
    wrong = replace(context, secrets=Secrets(user="somebody", password="wrong-secret"))

    with pytest.raises(RejectedError) as caught:
        tryton.find(wrong, "0197a1b0")

    assert "user and password" in caught.value.remedy
    shown = f"{caught.value} {caught.value.request} {caught.value.response} {caught.value.remedy}"
    assert "wrong-secret" not in shown
