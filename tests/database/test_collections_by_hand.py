"""What people do in collections: send a reminder now, work down the list; and what batches cost."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from billwright.collections.errors import NothingToRemindError, ReminderSentError
from billwright.collections.open_dispute import open_dispute
from billwright.collections.queries import list_reminders, worklist
from billwright.collections.remind import Debtor, remind
from billwright.collections.send_reminder_now import send_reminder_now
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables.queries import receivable_of
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.intake import counted_statements
from support.open_items import CLERK, STRANGER, Books, at, due, mails, open_books

EUR = "EUR"


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    """Steps at 3, 14 and 30 days after the due date; the legal entity is in Berlin."""
    return open_books(database, tenant, tmp_path)


def test_a_person_sends_one_now_but_not_the_same_twice_a_day(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 60_00)
    books.work()
    who: dict[str, Any] = {"legal_entity_id": books.entity_id, "customer_id": customer, "currency": EUR}

    with pytest.raises(PermissionDeniedError):
        send_reminder_now(books.database, books.tenant, STRANGER, **who)
    with pytest.raises(NothingToRemindError):
        send_reminder_now(books.database, books.tenant, CLERK, **who)
    clock.moment = datetime(2026, 4, 2, 12, tzinfo=UTC)
    decided = send_reminder_now(books.database, books.tenant, CLERK, **who)
    assert (decided.step, decided.total_minor) == (1, 60_00)
    with pytest.raises(ReminderSentError):
        send_reminder_now(books.database, books.tenant, CLERK, **who)
    books.work()
    assert len(mails(books)) == 1
    assert at(books, due(books, 3)) == []  # this step was sent by hand
    assert len(at(books, due(books, 14))) == 1
    with books.tx(read_only=True) as tx:
        first = list_reminders(tx, customer_id=customer, limit=1)
        second = list_reminders(tx, customer_id=customer, limit=1, cursor=first.next_cursor)
        assert [each.reminder.step for each in (*first.rows, *second.rows)] == [2, 1]
        receivable = receivable_of(tx, invoice.id)
        assert receivable is not None
        assert len(list_reminders(tx, receivable_id=receivable.id).rows) == 2
        assert list_reminders(tx, receivable_id=new_id()).rows == []


def test_another_tenants_customer_cannot_be_reminded(books: Books, make_tenant: Any, tmp_path: Path) -> None:
    customer = books.customer()
    books.issue(customer, 60_00, due_in=-20)
    other = open_books(books.database, make_tenant("Other"), tmp_path)
    with pytest.raises(NothingToRemindError):
        send_reminder_now(
            other.database, other.tenant, CLERK, legal_entity_id=books.entity_id, customer_id=customer, currency=EUR
        )


def test_any_number_of_customers_takes_the_same_statements(books: Books, clock: SetClock) -> None:
    def batch(count: int) -> int:
        debtors = []
        for _ in range(count):
            customer = books.customer()
            books.issue(customer, 60_00, due_on=date(2026, 2, 1))
            books.issue(customer, 10_00, due_on=date(2026, 2, 2))
            debtors.append(Debtor(books.entity_id, customer, EUR))
        with books.tx() as tx, counted_statements(books.database) as statements:
            assert len(remind(tx, debtors)) == count
        return len(statements)

    assert batch(2) == batch(7)


def test_the_worklist_ranks_by_amount_times_days(books: Books) -> None:
    small_old, large_new, disputed, paid = (books.customer(name) for name in ("Old", "Large", "Disputed", "Paid"))
    books.issue(small_old, 10_00, due_in=-50)
    books.issue(large_new, 100_00, due_in=-10)
    books.issue(large_new, 900_00, due_in=10)
    contested = books.issue(disputed, 500_00, due_in=-50)
    settled = books.issue(paid, 700_00, due_in=-50)
    books.work()
    open_dispute(
        books.database, books.tenant, CLERK, contested.id, line=1, amount=Money(499_00, EUR), reason="Not ordered"
    )
    books.pay("700.00", invoice_number=settled.number)
    books.work()

    with books.tx(read_only=True) as tx:
        found = [
            (each.customer, each.open_minor, each.overdue_minor, each.disputed_minor, each.days_overdue)
            for each in worklist(tx)
        ]
    assert found == [
        ("Large", 1000_00, 100_00, 0, 10),
        ("Old", 10_00, 10_00, 0, 50),
        ("Disputed", 500_00, 1_00, 499_00, 50),
    ]
