"""People record and apply payments within what is open and left; races, refusals, lists."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

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
    read_ageing,
    receivable_of,
)
from billwright.receivables.receive_payments import Incoming, Recorded, record_payment
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.issued import audited, rows
from support.open_items import CLERK, STRANGER, Books, open_books


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    return open_books(database, tenant, tmp_path)


def receivable_id(books: Books, invoice: Any) -> UUID:
    with books.tx(read_only=True) as tx:
        row = receivable_of(tx, invoice.id)
        assert row is not None
        return row.id


def record(
    books: Books,
    amount: str,
    *,
    ref: str = "",
    currency: str = "EUR",
    customer_id: UUID | None = None,
    invoice_number: str = "",
) -> Recorded:
    incoming = Incoming(
        ref=ref or f"r-{new_id()}",
        customer_id=customer_id,
        amount=Money(int(amount.replace(".", "")), currency),
        paid_on=books.database.clock.now().date(),
        invoice_number=invoice_number,
    )
    return record_payment(books.database, books.tenant, CLERK, incoming)


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
