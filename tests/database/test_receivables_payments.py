"""Money is matched only where it is certain what it is for, never more than is open, and no cent is made or lost."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billwright.billing.tables import InvoiceEventRow
from billwright.receivables.queries import (
    payments_of,
)
from billwright.receivables.tables import JournalEntryRow, PaymentRow
from billwright.tenancy.configuration import Settlement, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.intake import counted_statements
from support.issued import desk, rows
from support.open_items import Books, open_books


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    return open_books(database, tenant, tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        {"invoice_number": "NW-2026-0001"},
        {"invoice_number": "nw 2026/0001"},
        {"invoice_number": "NW20260001"},
        {"remittance": "Your invoice NW-2026-0001, thank you"},
        {"remittance": "INV. nw 2026 0001"},
        {"invoice_number": "Rechnung NW2026-0001"},
    ],
)
def test_a_payment_finds_its_invoice_by_number(books: Books, said: dict[str, Any]) -> None:
    invoice = books.issue(books.customer(), 100_00)
    other = books.issue(books.customer(), 100_00, number="NW-2026-00010")
    books.work()

    payment = books.pay("100.00", **said)
    books.work()

    assert (books.open_of(invoice), books.open_of(other), books.unapplied(payment)) == (0, 100_00, 0)
    assert books.phase_of(invoice) == ("settled", "paid")
    assert books.accounts() == {"1000": 100_00, "1200": 100_00, "4000": -200_00}
    books.check()


def test_partial_payments_and_the_rest_of_an_overpayment(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()

    books.pay("40.00", invoice_number=invoice.number)
    books.work()
    assert (books.open_of(invoice), books.phase_of(invoice)) == (60_00, ("issued", "delivered"))

    second = books.pay("75.50", invoice_number=invoice.number)
    books.work()
    assert (books.open_of(invoice), books.unapplied(second)) == (0, 15_50)
    assert books.accounts() == {"1000": 115_50, "2300": -15_50, "4000": -100_00}
    texts = [row.text for row in rows(books.database, books.tenant, InvoiceEventRow)]
    assert texts == [
        "40.00 EUR of payment bank-2 of 2026-03-02 applied. 60.00 EUR still open.",
        "60.00 EUR of payment bank-3 of 2026-03-02 applied. Nothing is open any more.",
    ]
    with books.tx(read_only=True) as tx:
        assert [each.amount_minor for each in payments_of(tx, invoice.id)] == [40_00, 60_00]
    books.check()


def test_a_second_payment_for_a_settled_invoice_is_not_taken_for_another_one(books: Books) -> None:
    customer = books.customer()
    paid, other = books.issue(customer, 100_00), books.issue(customer, 100_00)
    books.work()
    books.pay("100.00", customer_id=customer, invoice_number=paid.number)
    books.work()

    again = books.pay("100.00", customer_id=customer, invoice_number=paid.number)
    books.work()

    assert (books.unapplied(again), books.open_of(other)) == (100_00, 100_00)
    books.check()


def test_the_exact_amount_decides_only_when_it_is_the_only_one_of_a_known_customer(books: Books) -> None:
    customer, stranger = books.customer(), books.customer("Other")
    first = books.issue(customer, 100_00)
    books.issue(stranger, 100_00)
    books.work()

    unknown = books.pay("100.00")
    inexact = books.pay("99.99", customer_id=customer)
    exact = books.pay("100.00", customer_id=customer)
    books.work()
    assert [books.unapplied(each) for each in (unknown, inexact, exact)] == [100_00, 99_99, 0]
    assert books.open_of(first) == 0

    books.issue(customer, 50_00)
    books.issue(customer, 50_00)
    books.work()
    ambiguous = books.pay("50.00", customer_id=customer)
    books.work()
    assert books.unapplied(ambiguous) == 50_00
    books.check()


def test_milestones_name_the_invoice_that_bills_exactly_them(books: Books) -> None:
    customer = books.customer()
    one, two, three = books.milestones(customer, 3)
    both = books.issue(customer, 60_00, 40_00, milestones=(one, two))
    more = books.issue(customer, 60_00, 40_00, milestones=(one, three))
    books.work()

    payment = books.pay("70.00", customer_id=customer, milestones=(two, one))
    books.work()

    assert (books.open_of(both), books.open_of(more), books.unapplied(payment)) == (30_00, 100_00, 0)
    books.check()


def test_milestones_on_several_invoices_take_exactly_what_they_come_to(books: Books) -> None:
    customer = books.customer()
    one, two = books.milestones(customer, 2)
    first, second = books.issue(customer, 60_00, milestones=(one,)), books.issue(customer, 40_00, milestones=(two,))
    books.work()

    inexact = books.pay("99.00", customer_id=customer, milestones=(one, two))
    books.work()
    assert books.unapplied(inexact) == 99_00

    exact = books.pay("100.00", customer_id=customer, milestones=(one, two))
    books.work()
    assert (books.open_of(first), books.open_of(second), books.unapplied(exact)) == (0, 0, 0)
    books.check()


def test_one_of_several_billed_milestones_pays_a_part(books: Books) -> None:
    customer = books.customer()
    one, two = books.milestones(customer, 2)
    invoice = books.issue(customer, 60_00, 40_00, milestones=(one, two))
    books.work()

    books.pay("40.00", customer_id=customer, milestones=(two,))
    books.work()

    assert books.open_of(invoice) == 60_00
    books.check()


def test_currency_and_customer_must_agree_even_with_the_right_number(books: Books) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 100_00)
    books.work()

    dollars = books.pay("100.00", currency="USD", invoice_number=invoice.number)
    others = books.pay("100.00", customer_id=books.customer("Other"), invoice_number=invoice.number)
    books.work()

    assert (books.open_of(invoice), books.unapplied(dollars), books.unapplied(others)) == (100_00, 100_00, 100_00)
    books.check()


def test_money_that_comes_before_its_invoice_is_applied_when_that_is_issued(books: Books) -> None:
    customer = books.customer()
    (milestone,) = books.milestones(customer)
    early = books.pay("100.00", customer_id=customer, milestones=(milestone,))
    numbered = books.pay("30.00", remittance="NW-2026-0900")
    books.work()
    assert books.accounts() == {"1000": 130_00, "2300": -130_00}

    invoice = books.issue(customer, 100_00, milestones=(milestone,))
    other = books.issue(customer, 50_00, number="NW-2026-0900")
    books.work()

    assert (books.open_of(invoice), books.unapplied(early)) == (0, 0)
    assert (books.open_of(other), books.unapplied(numbered)) == (20_00, 0)
    assert books.accounts() == {"1000": 130_00, "1200": 20_00, "4000": -150_00}
    books.check()


def test_the_same_payment_again_changes_nothing_and_a_different_one_goes_to_the_desk(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()
    for _ in range(2):
        books.pay("40.00", ref="bank-A", invoice_number=invoice.number)
        books.work()
    assert books.open_of(invoice) == 60_00
    assert desk(books.database, books.tenant) == []

    books.pay("41.00", ref="bank-A", invoice_number=invoice.number)
    books.work()

    assert books.open_of(invoice) == 60_00
    (exception,) = desk(books.database, books.tenant)
    assert exception.code == "payment_differs"
    assert "40.00 EUR is known already; now it is said to be 41.00 EUR" in exception.reason
    assert len(rows(books.database, books.tenant, PaymentRow)) == 1
    books.check()


def test_what_is_no_money_is_put_on_the_desk_and_harms_nothing(books: Books) -> None:
    assert books.pay("1.00", currency="USDT") is None
    assert books.pay("1.005") is None

    codes = {(each.code, each.reason.split(";")[0]) for each in desk(books.database, books.tenant)}
    assert codes == {
        ("payment_not_bookable", "USDT is no ISO 4217 currency and the firm declared no rate for it."),
        ("payment_not_bookable", "1.005 has more decimals than EUR allows (2)"),
    }


def test_a_unit_with_a_declared_rate_is_converted(database: Database, make_tenant: Any, tmp_path: Path) -> None:
    settlement = Settlement(unit="USDT", currency="USD", rate=Decimal("0.999"), source="treasury")
    tenant = make_tenant(configuration=TenantConfiguration(settlement=(settlement,)))
    books = open_books(database, tenant, tmp_path)

    payment = books.pay("10.05", currency="USDT")

    (row,) = rows(database, tenant, PaymentRow)
    assert (row.id, row.amount_minor, row.currency) == (payment, 10_04, "USD")


def test_money_for_another_legal_entity_is_handed_over_in_balanced_entries(books: Books) -> None:
    other = books.entity(code="ZZ", accounts={"bank": "1010", "receivable": "1210"})
    customer = books.customer()
    payment = books.pay("100.00", customer_id=customer)
    books.work()
    invoice = books.issue(customer, 100_00, entity_id=other)
    books.work()

    assert (books.open_of(invoice), books.unapplied(payment)) == (0, 0)
    assert books.accounts(books.entity_id) == {}
    assert books.accounts(other) == {"1010": 100_00, "4000": -100_00}
    kinds = sorted(row.kind for row in rows(books.database, books.tenant, JournalEntryRow))
    assert kinds == ["application", "invoice", "payment", "transfer", "transfer"]
    books.check()


def test_any_number_of_payments_takes_the_same_statements(books: Books) -> None:
    def batch(count: int) -> int:
        customer = books.customer()
        invoices = [books.issue(customer, 100_00 + n) for n in range(count)]
        books.work()
        for invoice in invoices:
            books.pay("40.00", invoice_number=invoice.number)
        with counted_statements(books.database) as statements:
            books.work()
        return len(statements)

    assert batch(2) == batch(9)


def test_an_invoice_over_nothing_is_settled_at_once(books: Books) -> None:
    invoice = books.issue(books.customer(), 10_00, -10_00)
    books.work()

    assert books.phase_of(invoice) == ("settled", "nothing_due")
    books.check()
