"""Write-offs by one or two people, and the trial balance: zero in sum, per currency and in the base currency."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from billwright.canon.load_rates import load_rates
from billwright.insight.invariants import check_invariants
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables.errors import (
    AmountNotOpenError,
    CurrencyDiffersError,
    OwnWriteOffError,
    WriteOffDecidedError,
)
from billwright.receivables.ledger import TrialBalance, list_entries, read_trial_balance
from billwright.receivables.tables import ReceivableRow, WriteOffRow
from billwright.receivables.write_off import ask_write_off, decide_write_off
from billwright.tenancy.configuration import LedgerSettings, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.issued import audited, rows
from support.open_items import CLERK, Billed, Books, open_books

RATES = b"Date,USD,JPY,\n2026-03-02,1.2000,160.00,\n2026-03-03,1.2500,150.00,\n2026-03-05,1.1000,165.00,\n"
KEPT = TenantConfiguration(ledger=LedgerSettings(rates="ECB", write_off_alone=Decimal(50)))
OWNER = Actor(
    kind="person", name="Olga", id=new_id(), person_id=new_id(), permissions=frozenset({"receivable:write_off"})
)
OTHER = replace(OWNER, name="Omar", id=new_id(), person_id=new_id())


@pytest.fixture
def books(database: Database, clock: SetClock, make_tenant: Callable[..., Tenant], tmp_path: Path) -> Books:
    return kept_books(database, clock, make_tenant, tmp_path)


def kept_books(database: Database, clock: SetClock, make_tenant: Callable[..., Tenant], folder: Path) -> Books:
    tenant = make_tenant(configuration=KEPT)
    clock.moment += timedelta(days=5)
    load_rates(database, tenant, SYSTEM, RATES)
    clock.moment -= timedelta(days=5)
    return open_books(database, tenant, folder)


def owed(books: Books) -> ReceivableRow:
    row = rows(books.database, books.tenant, ReceivableRow)[-1]
    assert isinstance(row, ReceivableRow)
    return row


def balance(books: Books, first: date | None = None) -> TrialBalance:
    with books.tx(read_only=True) as tx:
        return read_trial_balance(tx, last=date(2027, 1, 1), first=first)


def test_a_small_balance_is_written_off_by_one_person(books: Books) -> None:
    invoice = books.issue(books.customer(), 50_00)

    done = ask_write_off(books.database, books.tenant, OWNER, owed(books).id, reason="small_balance", note="Bank fees")

    assert (done.state, done.amount) == ("booked", Money(50_00, "EUR"))
    assert (books.open_of(invoice), books.phase_of(invoice)) == (0, ("written_off", "written_off"))
    assert books.accounts() == {"4000": -50_00, "6900": 50_00}
    assert audited(books.database, books.tenant)[-2:] == ["write_off.booked", "invoice.written_off"]
    assert owed(books).settled_at is not None


def test_above_the_limit_another_person_decides(books: Books) -> None:
    invoice = books.issue(books.customer(), 50_01)
    asked = ask_write_off(books.database, books.tenant, OWNER, owed(books).id, reason="insolvent", note="Court order")
    assert (asked.state, books.open_of(invoice)) == ("asked", 50_01)
    with pytest.raises(AmountNotOpenError, match=r"0\.00 EUR can be written off"):
        ask_write_off(books.database, books.tenant, OWNER, owed(books).id, reason="other", note="Again")
    nobody = replace(OWNER, kind="operator", person_id=None)
    for who in (OWNER, nobody, SYSTEM):
        with pytest.raises(OwnWriteOffError):
            decide_write_off(books.database, books.tenant, who, asked.id, decision="book")
    with pytest.raises(PermissionDeniedError):
        decide_write_off(books.database, books.tenant, CLERK, asked.id, decision="book")

    decide_write_off(books.database, books.tenant, OTHER, asked.id, decision="book")

    assert (books.open_of(invoice), books.phase_of(invoice)[0]) == (0, "written_off")
    (row,) = rows(books.database, books.tenant, WriteOffRow)
    assert (row.state, row.asked_by, row.decided_by) == ("booked", OWNER.person_id, OTHER.person_id)
    with pytest.raises(WriteOffDecidedError, match="booked already"):
        decide_write_off(books.database, books.tenant, OTHER, asked.id, decision="refuse")


def test_a_refused_write_off_leaves_everything_open(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    asked = ask_write_off(books.database, books.tenant, OWNER, owed(books).id, reason="goodwill", note="Late")

    decide_write_off(books.database, books.tenant, OTHER, asked.id, decision="refuse")

    assert (books.open_of(invoice), books.phase_of(invoice)[0]) == (100_00, "issued")
    assert ask_write_off(
        books.database, books.tenant, OWNER, owed(books).id, reason="goodwill", note="Part", amount=Money(50_00, "EUR")
    ).state == "booked"  # fmt: skip
    assert (books.open_of(invoice), books.phase_of(invoice)[0]) == (50_00, "issued")


def test_money_that_came_meanwhile_is_not_written_off(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    asked = ask_write_off(books.database, books.tenant, OWNER, owed(books).id, reason="insolvent", note="Gone")
    books.pay("30.00", invoice_number=invoice.number)
    books.work()

    with pytest.raises(AmountNotOpenError, match=r"Only 70\.00 EUR is open"):
        decide_write_off(books.database, books.tenant, OTHER, asked.id, decision="book")

    assert books.open_of(invoice) == 70_00
    decide_write_off(books.database, books.tenant, OTHER, asked.id, decision="refuse")


def test_what_cannot_be_written_off_is_refused(books: Books) -> None:
    books.issue(books.customer(), 10_00)

    def ask(who: Actor = OWNER, **changes: object) -> None:
        wanted = {"receivable_id": owed(books).id, "reason": "other", "note": "Because", "amount": None} | changes
        ask_write_off(books.database, books.tenant, who, **wanted)  # type: ignore[arg-type]  # one case changes one of them

    with pytest.raises(PermissionDeniedError):
        ask(CLERK)
    with pytest.raises(NotFoundError):
        ask(receivable_id=new_id())
    with pytest.raises(InputInvalidError, match="in a sentence"):
        ask(note="  ")
    with pytest.raises(CurrencyDiffersError):
        ask(amount=Money(1, "USD"))
    for minor in (0, -1, 10_01):
        with pytest.raises(AmountNotOpenError):
            ask(amount=Money(minor, "EUR"))
    assert rows(books.database, books.tenant, WriteOffRow) == []


def test_the_trial_balance_of_a_period_has_what_stood_before_it(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 1000_00, currency="USD", rate=2000)
    clock.moment += timedelta(days=1)
    books.pay("400.00", currency="USD", invoice_number=invoice.number)
    books.work()
    asked: list[str] = []
    listen = (books.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    event.listen(*listen)

    found = balance(books, first=date(2026, 3, 3))

    event.remove(*listen)
    assert len([each for each in asked if "FROM" in each and "set_config" not in each]) == 2
    sums = {
        row.account: (row.sums.opening_minor, row.sums.debit_minor, row.sums.credit_minor, row.sums.closing_minor)
        for row in found.balances
    }
    assert sums == {
        "1000": (0, 400_00, 0, 400_00),
        "1200": (1200_00, 0, 400_00, 800_00),
        "2200": (-200_00, 0, 0, -200_00),
        "4000": (-1000_00, 0, 0, -1000_00),
        "6950": (0, 0, 0, 0),
    }
    base = {row.account: (row.base.opening_minor, row.base.closing_minor) for row in found.balances}
    assert base == {
        "1000": (0, 320_00), "1200": (1000_00, 666_67), "2200": (-166_67, -166_67), "4000": (-833_33, -833_33),
        "6950": (0, 13_33),
    }  # fmt: skip
    assert {row.unvalued for row in found.balances} == {0}
    with books.tx(read_only=True) as tx, pytest.raises(NotFoundError):
        read_trial_balance(tx, last=date(2027, 1, 1), entity="XX")


def test_the_entries_behind_a_balance_page_by_page(books: Books) -> None:
    customer = books.customer()
    invoices = [books.issue(customer, 10_00), books.issue(customer, 20_00), books.issue(customer, 30_00)]
    with books.tx(read_only=True) as tx:
        first = list_entries(tx, entity="NW", account="1200", limit=2)
        rest = list_entries(tx, entity="NW", account="1200", limit=2, cursor=first.next_cursor)
        none = list_entries(tx, account="6900")

    assert [each.entry.subject_id for each in (*first.rows, *rest.rows)] == [each.id for each in reversed(invoices)]
    assert [line.amount_minor for line in first.rows[0].lines] == [30_00, -30_00]
    assert (rest.next_cursor, list(none.rows)) == (None, [])


steps = st.lists(
    st.tuples(
        st.sampled_from(["issue", "pay", "wait", "write off", "day", "work"]),
        st.integers(1, 300_00),
        st.integers(0, 100),
        st.sampled_from(["EUR", "USD", "JPY"]),
    ),
    min_size=3,
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_happens_the_books_add_up(
    database: Database, make_tenant: Callable[..., Tenant], tmp_path: Path, plan: list[tuple[str, int, int, str]]
) -> None:
    clock = SetClock(database.clock.now())
    books = kept_books(replace(database, clock=clock), clock, make_tenant, tmp_path)
    customer, issued = books.customer(), list[tuple[Billed, str]]()
    for verb, number, other, currency in plan:
        invoice, known = issued[other % len(issued)] if issued else (None, currency)
        if verb == "issue":
            issued.append((books.issue(customer, number, number // 3 + 1, currency=currency, rate=1900), currency))
        elif verb == "pay" and invoice is not None:
            books.pay(str(Money(number, known).decimal), currency=known, invoice_number=invoice.number)
        elif verb == "wait":
            books.pay(str(Money(number, currency).decimal), currency=currency, customer_id=customer)
        elif verb == "write off" and invoice is not None and books.open_of(invoice):
            part = Money(min(number, books.open_of(invoice)), known)
            target = next(row for row in rows(database, books.tenant, ReceivableRow) if row.invoice_id == invoice.id)
            asked = ask_write_off(books.database, books.tenant, OWNER, target.id, reason="other", note="x", amount=part)
            if asked.state == "asked":
                decide_write_off(books.database, books.tenant, OTHER, asked.id, decision="book")
        elif verb == "day":
            clock.moment += timedelta(days=1)
        else:
            books.work()
    books.work()

    found = balance(books)
    for currency in ("EUR", "USD", "JPY"):
        assert sum(row.sums.closing_minor for row in found.balances if row.currency == currency) == 0
        owes = sum(row.open_minor for row in rows(database, books.tenant, ReceivableRow) if row.currency == currency)
        ledger = [
            row.sums.closing_minor for row in found.balances if (row.role, row.currency) == ("receivable", currency)
        ]
        assert sum(ledger) == owes
    assert sum(row.base.closing_minor for row in found.balances) == 0
    assert {row.unvalued for row in found.balances} <= {0}
    journal = check_invariants(books.database, books.tenant)[4]
    assert (journal.invariant.name, journal.offenders) == ("journal_balances", ())
