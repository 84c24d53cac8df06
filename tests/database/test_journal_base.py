"""Invoices and money in a currency that is not the entity's own: valued by the firm's rates, in a known number of statements."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event, select

from billwright.canon.load_rates import load_rates
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.receivables.apply_payment import apply_payment
from billwright.receivables.tables import JournalEntryRow, JournalLineRow, ReceivableRow
from billwright.tenancy.configuration import LedgerSettings, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.issued import rows
from support.open_items import CLERK, Books, open_books

RATES = b"""Date,USD,GBP,JPY,
2026-03-02,1.2000,0.8000,160.00,
2026-03-03,1.2500,0.8000,150.00,
2026-03-05,1.1000,0.8000,165.00,
"""
KEPT = TenantConfiguration(ledger=LedgerSettings(rates="ECB"))


@pytest.fixture
def books(database: Database, clock: SetClock, make_tenant: Callable[..., Tenant], tmp_path: Path) -> Books:
    """Books in euros whose firm keeps the ECB's rates; it is noon on 2 March."""
    tenant = make_tenant(configuration=KEPT)
    clock.moment += timedelta(days=5)
    load_rates(database, tenant, SYSTEM, RATES)
    clock.moment -= timedelta(days=5)
    return open_books(database, tenant, tmp_path)


def booked(books: Books) -> list[tuple[str, dict[str, tuple[int, int | None]]]]:
    """Entries in order: kind, and by account the amount and what it is worth in euros."""
    with books.tx(read_only=True) as tx:
        found: dict[object, tuple[str, dict[str, tuple[int, int | None]]]] = {}
        query = select(JournalEntryRow.id, JournalEntryRow.kind, JournalLineRow).join(
            JournalLineRow, JournalLineRow.entry_id == JournalEntryRow.id
        )
        for row in tx.session.execute(query.order_by(JournalEntryRow.id, JournalLineRow.id)):
            line = row.JournalLineRow
            found.setdefault(row.id, (row.kind, {}))[1][line.role] = (line.amount_minor, line.base_minor)
        return list(found.values())


def test_a_payment_in_parts_at_other_rates_realises_gains_and_losses(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 1000_00, currency="USD", rate=2000)
    clock.moment += timedelta(days=1)
    books.pay("400.00", currency="USD", invoice_number=invoice.number)
    books.work()
    clock.moment += timedelta(days=3)  # the 6th: the last rate is of the 5th
    books.pay("800.00", currency="USD", invoice_number=invoice.number)
    books.work()

    assert booked(books) == [
        ("invoice", {"receivable": (1200_00, 1000_00), "revenue": (-1000_00, -833_33), "tax": (-200_00, -166_67)}),
        ("payment", {"bank": (400_00, 320_00), "receivable": (-400_00, -333_33), "exchange_loss": (0, 13_33)}),
        ("payment", {"bank": (800_00, 727_27), "receivable": (-800_00, -666_67), "exchange_gain": (0, -60_60)}),
    ]
    entries = rows(books.database, books.tenant, JournalEntryRow)
    assert [(each.base_currency, each.rates[0]["rate"], each.rates[0]["on"]) for each in entries] == [
        ("EUR", "0.833333333333", "2026-03-02"),
        ("EUR", "0.8", "2026-03-03"),
        ("EUR", "0.909090909091", "2026-03-05"),
    ]
    assert entries[0].rates[0]["exact"] == "5/6"
    assert books.open_of(invoice) == 0


def test_money_that_came_first_keeps_the_value_of_its_day(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    payment = books.pay("900.00", currency="USD", customer_id=customer)
    books.work()
    clock.moment += timedelta(days=1)
    books.issue(customer, 500_00, currency="USD")
    (receivable,) = rows(books.database, books.tenant, ReceivableRow)
    clock.moment += timedelta(days=2)
    assert payment is not None
    apply_payment(books.database, books.tenant, CLERK, payment, receivable_id=receivable.id)

    assert booked(books) == [
        ("payment", {"bank": (900_00, 750_00), "deposits": (-900_00, -750_00)}),
        ("invoice", {"receivable": (500_00, 400_00), "revenue": (-500_00, -400_00)}),
        ("application", {"deposits": (500_00, 416_67), "receivable": (-500_00, -400_00), "exchange_gain": (0, -16_67)}),
    ]


def test_the_own_currency_is_worth_itself_and_asks_for_no_rate(books: Books) -> None:
    customer = books.customer()
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(books.database.engine, "before_cursor_execute", note)
    try:
        books.issue(customer, 100_00)
    finally:
        event.remove(books.database.engine, "before_cursor_execute", note)

    assert not [each for each in asked if "rate_day" in each]
    assert len([each for each in asked if "FROM legal_entity" in each]) == 1
    assert booked(books) == [("invoice", {"receivable": (100_00, 100_00), "revenue": (-100_00, -100_00)})]
    (entry,) = rows(books.database, books.tenant, JournalEntryRow)
    assert (entry.base_currency, entry.rates) == ("EUR", None)


def test_currencies_with_other_digits_are_worth_what_they_are(books: Books) -> None:
    books.issue(books.customer(), 1_000, currency="JPY")

    (entry,) = booked(books)
    assert entry == ("invoice", {"receivable": (1_000, 6_25), "revenue": (-1_000, -6_25)})


def test_without_kept_rates_or_a_rate_nothing_is_valued(
    books: Books, database: Database, make_tenant: Callable[..., Tenant], tmp_path: Path
) -> None:
    books.issue(books.customer(), 10_00, currency="CHF")
    assert booked(books) == [("invoice", {"receivable": (10_00, None), "revenue": (-10_00, None)})]

    plain = open_books(database, make_tenant(), tmp_path)
    load_rates(
        database,
        plain.tenant,
        SYSTEM,
        RATES.replace(b"2026-03-03,1.2500,0.8000,150.00,\n2026-03-05,1.1000,0.8000,165.00,\n", b""),
    )
    plain.issue(plain.customer(), 10_00, currency="USD")
    assert booked(plain) == [("invoice", {"receivable": (10_00, None), "revenue": (-10_00, None)})]
    assert [entry.base_currency for entry in rows(database, plain.tenant, JournalEntryRow)] == [None]


def test_another_entitys_money_is_handed_over_at_its_value(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    payment = books.pay("100.00", currency="USD", customer_id=customer)
    books.work()
    other = books.entity(
        code="UK", time_zone="Europe/London", accounts={"bank_by": [{"currency": "USD", "account": "1810"}]}
    )
    clock.moment += timedelta(days=3)
    books.issue(customer, 60_00, currency="USD", entity_id=other)
    (receivable,) = rows(books.database, books.tenant, ReceivableRow)
    assert payment is not None
    apply_payment(books.database, books.tenant, CLERK, payment, receivable_id=receivable.id)

    assert [kind for kind, _ in booked(books)] == ["payment", "invoice", "transfer", "transfer", "application"]
    given, taken = [lines for kind, lines in booked(books) if kind == "transfer"]
    assert given == {"bank": (-60_00, -54_55), "deposits": (60_00, 50_00), "exchange_loss": (0, 4_55)}
    assert taken == {"bank": (60_00, 54_55), "deposits": (-60_00, -54_55)}
    assert books.accounts(other) == {"1810": 60_00, "4000": -60_00}
    assert sum((Decimal(value or 0) for _, lines in booked(books) for _, value in lines.values()), Decimal(0)) == 0
