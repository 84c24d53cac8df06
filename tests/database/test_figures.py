"""Figures of a tenant: one definition each, in days of the legal entity, no currencies mixed, one statement for all."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert

from billwright.billing.tables import InvoiceEventRow
from billwright.checks.tables import ExceptionRow
from billwright.collections.open_dispute import open_dispute
from billwright.insight.changes import Changes, Part, read_standing
from billwright.insight.figures import Figures, dso_days, percent
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.receivables.queries import read_ageing
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.open_items import Books, open_books

STANDING_STATEMENTS = 2
"""Role and schema; everything else."""


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    return open_books(database, tenant, tmp_path)


def standing(books: Books) -> tuple[Figures, Changes]:
    with books.tx(read_only=True) as tx:
        return read_standing(tx)


def happened(books: Books, invoice_id: UUID, *events: str) -> None:
    with books.tx() as tx:
        rows = [
            {
                "id": new_id(),
                "invoice_id": invoice_id,
                "at": tx.now,
                "event": each,
                "text": "",
                "actor_name": "",
                "facts": {},
            }
            for each in events
        ]
        tx.session.execute(insert(InvoiceEventRow), rows)


def test_a_new_tenant_has_no_figures_and_no_division_by_nothing(books: Books) -> None:
    figures, changes = standing(books)
    assert (figures.accuracy, figures.dso, figures.open, figures.unbilled) == (None, {}, {}, {})
    assert (sum(figures.issued_per_day), len(figures.issued_per_day), figures.trouble) == (0, 30, [])
    assert not changes.any


def test_currencies_are_never_mixed(books: Books) -> None:
    customer = books.customer()
    books.issue(customer, 100_00)
    books.issue(customer, 300_00, currency="USD")
    books.work()
    books.pay("40.00", customer_id=customer, invoice_number="NW-2026-0001")
    books.work()
    figures, changes = standing(books)
    assert figures.issued_month == {"EUR": 100_00, "USD": 300_00}
    assert figures.open == {"EUR": 60_00, "USD": 300_00}
    assert changes.issued == {"EUR": Part(documents=1, minor=100_00), "USD": Part(documents=1, minor=300_00)}
    assert changes.paid == {"EUR": Part(documents=1, minor=40_00)}


def test_right_at_first_is_what_no_check_and_no_approver_stopped(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    happened(books, books.issue(customer, 10_00).id, "draft.blocked")
    clock.moment += timedelta(days=90)  # that one is too old now
    clean, held, back = (books.issue(customer, 10_00) for _ in range(3))
    happened(books, clean.id, "draft.made", "draft.clean", "invoice.issued", "posting.failed")
    happened(books, held.id, "draft.blocked", "draft.clean")
    happened(books, back.id, "approval.returned")
    figures, changes = standing(books)
    assert (figures.issued, figures.first_pass, figures.accuracy) == (3, 1, 33)
    assert changes.failed == 1


def test_days_outstanding_are_what_is_open_by_what_was_billed(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    books.issue(customer, 100_00)
    books.work()
    clock.moment += timedelta(days=58)
    assert standing(books)[0].dso == {"EUR": 59}  # all that was billed is open, since 59 days
    clock.moment += timedelta(days=60)
    books.issue(customer, 200_00)
    books.work()
    assert standing(books)[0].dso == {"EUR": 135}  # 300.00 open / 200.00 billed x 90 days


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(1, 90))
def test_days_outstanding_of_all_that_was_billed_are_all_days(open_minor: int, billed_minor: int, days: int) -> None:
    assert dso_days(billed_minor, billed_minor, days) == days
    found = dso_days(open_minor, billed_minor, days)
    assert found is not None
    assert abs(found * billed_minor - open_minor * days) * 2 <= billed_minor


def test_a_hundred_percent_is_all_of_them() -> None:
    assert [percent(199, 200), percent(200, 200), percent(0, 0)] == [99, 100, None]


@pytest.mark.parametrize(
    ("zone", "moment", "late"),
    [
        ("Pacific/Auckland", datetime(2026, 4, 1, 10, 59, tzinfo=UTC), False),  # 23:59 of 1 April there
        ("Pacific/Auckland", datetime(2026, 4, 1, 11, 0, tzinfo=UTC), True),  # midnight: 2 April
        ("America/Los_Angeles", datetime(2026, 4, 2, 6, 59, tzinfo=UTC), False),  # 23:59 of 1 April there
        ("America/Los_Angeles", datetime(2026, 4, 2, 7, 0, tzinfo=UTC), True),
    ],
)
def test_a_due_day_ends_at_the_legal_entitys_midnight(
    database: Database, tenant: Tenant, tmp_path: Path, clock: SetClock, zone: str, moment: datetime, *, late: bool
) -> None:
    books = open_books(database, tenant, tmp_path, time_zone=zone)
    books.issue(books.customer(), 10_00, due_on=date(2026, 4, 1))
    books.work()
    clock.moment = moment
    figures, _ = standing(books)
    with books.tx(read_only=True) as tx:
        (aged,) = read_ageing(tx)
    assert figures.overdue == ({"EUR": 10_00} if late else {})
    assert aged.overdue_minor == (10_00 if late else 0)


def test_each_legal_entity_has_its_own_today(books: Books, clock: SetClock) -> None:
    """At 12:00 UTC of 2 March it is 3 March in Auckland: what was issued on 2 March was issued yesterday there."""
    auckland = books.entity(time_zone="Pacific/Auckland", code="NZ", default=True)
    customer = books.customer()
    books.issue(customer, 10_00)
    books.issue(customer, 10_00, entity_id=auckland)
    figures, _ = standing(books)
    assert list(figures.issued_per_day[-2:]) == [1, 1]
    assert figures.today == date(2026, 3, 3)
    clock.moment += timedelta(days=29)
    assert list(standing(books)[0].issued_per_day[:1]) == [1]


def test_what_changed_is_of_the_last_day(books: Books, clock: SetClock) -> None:
    invoice = books.issue(books.customer(), 10_00)
    books.work()
    open_dispute(books.database, books.tenant, SYSTEM, invoice.id, line=1, amount=None, reason="Not agreed")
    exception = {
        "id": new_id(), "subject_kind": "invoice", "subject_id": invoice.id, "code": "x", "title": "", "reason": "", "remedy": "",
        "owner_role": "billing_clerk", "technical": False, "opened_at": clock.now(), "due_at": clock.now(),
    }  # fmt: skip
    with books.tx() as tx:
        tx.session.execute(insert(ExceptionRow), [exception])
    figures, changes = standing(books)
    assert (figures.exceptions, figures.oldest_exception, changes.exceptions) == (1, clock.now(), 1)
    assert changes.disputed == {"EUR": Part(documents=1, minor=10_00)}
    clock.moment += timedelta(hours=25)
    figures, changes = standing(books)
    assert (figures.exceptions, changes.any) == (1, False)


def test_a_tenant_takes_two_statements_however_much_it_has(books: Books) -> None:
    customer = books.customer()
    statements: list[str] = []
    taken = []
    for more in (0, 5):
        for _ in range(more):
            books.issue(customer, 10_00)
        statements.clear()
        event.listen(books.database.engine, "before_cursor_execute", listener := _into(statements))
        try:
            standing(books)
        finally:
            event.remove(books.database.engine, "before_cursor_execute", listener)
        taken.append(len(statements))
    assert taken == [STANDING_STATEMENTS, STANDING_STATEMENTS]


def _into(statements: list[str]):  # type: ignore[no-untyped-def] # SQLAlchemy calls it with what it has
    def heard(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    return heard
