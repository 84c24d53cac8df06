"""Money is matched only where it is certain what it is for, never more than is open, and no cent is made or lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from billwright.billing.tables import InvoiceEventRow
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables.apply_payment import apply_payment
from billwright.receivables.errors import AmountNotOpenError, CurrencyDiffersError, PaymentKnownError
from billwright.receivables.queries import (
    get_receivable,
    list_payments,
    list_receivables,
    payments_of,
    read_ageing,
    receivable_of,
)
from billwright.receivables.receive_payments import Incoming, Recorded, record_payment
from billwright.receivables.tables import JournalEntryRow, PaymentApplicationRow, PaymentRow
from billwright.tenancy.configuration import Settlement, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.intake import counted_statements
from support.issued import audited, desk, rows
from support.open_items import CLERK, STRANGER, Books, open_books


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    return open_books(database, tenant, tmp_path)


def receivable_id(books: Books, invoice: Any) -> UUID:
    with books.tx(read_only=True) as tx:
        row = receivable_of(tx, invoice.id)
        assert row is not None
        return row.id


def record(books: Books, amount: str, *, ref: str = "", currency: str = "EUR", **said: Any) -> Recorded:
    minor = int(amount.replace(".", ""))
    paid_on = books.database.clock.now().date()
    incoming = Incoming(
        ref=ref or f"r-{new_id()}", amount=Money(minor, currency), paid_on=paid_on, **({"customer_id": None} | said)
    )
    return record_payment(books.database, books.tenant, CLERK, incoming)


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


def test_two_payments_racing_for_one_receivable_never_apply_more_than_is_open(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: record(books, "30.00", invoice_number=invoice.number), range(6)))

    assert sorted(each.applied_minor for each in done) == [0, 0, 10_00, 30_00, 30_00, 30_00]
    assert books.open_of(invoice) == 0
    assert audited(books.database, books.tenant).count("invoice.settled") == 1
    books.check()


def test_two_people_racing_for_one_payment_apply_it_once(books: Books) -> None:
    customer = books.customer()
    ids = [receivable_id(books, books.issue(customer, 100_00)) for _ in range(4)]
    books.work()
    payment = record(books, "150.00").payment_id

    def attempt(identifier: UUID) -> int:
        try:
            apply_payment(
                books.database, books.tenant, CLERK, payment, receivable_id=identifier, amount=Money(100_00, "EUR")
            )
        except AmountNotOpenError:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, ids)) == 1
    assert books.unapplied(payment) == 50_00
    books.check()


def test_a_person_applies_what_waits_within_what_is_open_and_left(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()
    owed = receivable_id(books, invoice)
    payment = record(books, "130.00").payment_id
    dollars = record(books, "5.00", currency="USD").payment_id

    def attempt(identifier: UUID, minor: int | None, currency: str = "EUR", to: UUID = owed) -> Money:
        amount = Money(minor, currency) if minor is not None else None
        return apply_payment(books.database, books.tenant, CLERK, identifier, receivable_id=to, amount=amount)

    with pytest.raises(AmountNotOpenError, match=r"130.00 EUR is left of the payment and 100.00 EUR is open"):
        attempt(payment, 100_01)
    with pytest.raises(AmountNotOpenError):
        attempt(payment, 0)
    with pytest.raises(CurrencyDiffersError):
        attempt(dollars, None)
    with pytest.raises(NotFoundError):
        attempt(payment, None, to=new_id())
    assert attempt(payment, 60_00) == Money(70_00, "EUR")
    assert attempt(payment, None) == Money(30_00, "EUR")
    assert books.phase_of(invoice) == ("settled", "paid")
    assert {row.matched_by for row in rows(books.database, books.tenant, PaymentApplicationRow)} == {"person"}
    books.check()


def test_recording_twice_is_one_payment_and_another_content_is_refused(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()

    first = record(books, "40.00", ref="A", invoice_number=invoice.number)
    second = record(books, "40.00", ref="A", invoice_number=invoice.number)

    assert first.created
    assert (second.created, second.payment_id, second.applied_minor) == (False, first.payment_id, 40_00)
    with pytest.raises(PaymentKnownError, match="known with another amount"):
        record(books, "41.00", ref="A")
    assert books.open_of(invoice) == 60_00
    books.check()


def test_recording_refuses_what_cannot_be(books: Books, clock: SetClock) -> None:
    with pytest.raises(InputInvalidError, match="above zero"):
        record(books, "-1.00")
    with pytest.raises(NotFoundError):
        record(books, "1.00", customer_id=new_id())
    paid_on = clock.now().date() + timedelta(days=2)
    ahead = Incoming(ref="A", customer_id=None, amount=Money(1, "EUR"), paid_on=paid_on)
    with pytest.raises(InputInvalidError, match="lies ahead"):
        record_payment(books.database, books.tenant, CLERK, ahead)


def test_without_permission_nothing_happens(books: Books) -> None:
    incoming = Incoming(ref="A", customer_id=None, amount=Money(1, "EUR"), paid_on=books.database.clock.now().date())
    with pytest.raises(PermissionDeniedError):
        record_payment(books.database, books.tenant, STRANGER, incoming)
    with pytest.raises(PermissionDeniedError):
        apply_payment(books.database, books.tenant, STRANGER, new_id(), receivable_id=new_id())
    assert rows(books.database, books.tenant, PaymentRow) == []


def test_another_tenant_sees_and_reaches_nothing(books: Books, make_tenant: Any, tmp_path: Path) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()
    payment = record(books, "100.00").payment_id
    other = open_books(books.database, make_tenant("Other"), tmp_path)

    with pytest.raises(NotFoundError):
        apply_payment(other.database, other.tenant, CLERK, payment, receivable_id=receivable_id(books, invoice))
    with other.tx(read_only=True) as tx:
        assert list_receivables(tx).rows == []
        assert list_payments(tx).rows == []
        with pytest.raises(NotFoundError):
            get_receivable(tx, receivable_id(books, invoice))


def test_lists_filter_and_keep_their_place(books: Books, clock: SetClock) -> None:
    one, two = books.customer(), books.customer("Other")
    late = books.issue(one, 10_00, due_in=-5)
    soon = books.issue(one, 20_00, due_in=10)
    books.issue(two, 30_00, due_in=20)
    books.work()
    with books.tx(read_only=True) as tx:
        numbers, cursor = [], None
        for _ in range(3):
            page = list_receivables(tx, limit=1, cursor=cursor)
            numbers += [item.number for item in page.rows]
            cursor = page.next_cursor
        assert (numbers, cursor) == (["NW-2026-0001", "NW-2026-0002", "NW-2026-0003"], None)
        (overdue,) = list_receivables(tx, overdue=True).rows
        assert (overdue.number, overdue.days_overdue, overdue.customer) == (late.number, 5, "Müller & Söhne")
        assert [item.number for item in list_receivables(tx, customer_id=one, overdue=False).rows] == [soon.number]
        (aged,) = read_ageing(tx)
        assert aged.by_bucket == {"not_due": 50_00, "1_30": 10_00, "31_60": 0, "61_90": 0, "over_90": 0}
        (aged,) = read_ageing(tx, customer_id=one)
        assert (aged.total_minor, aged.overdue_minor) == (30_00, 10_00)


def test_overdue_counts_in_the_legal_entitys_time_zone(
    database: Database, tenant: Tenant, tmp_path: Path, clock: SetClock
) -> None:
    books = open_books(database, tenant, tmp_path, time_zone="Pacific/Auckland")
    books.issue(books.customer(), 10_00, due_in=0)  # 2026-03-02 12:00 UTC is 2026-03-03 01:00 there
    with books.tx(read_only=True) as tx:
        assert [item.days_overdue for item in list_receivables(tx, overdue=True).rows] == [1]


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
