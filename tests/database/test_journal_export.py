"""Exports of the journal: every entry once, numbered without a gap, the same bytes whenever they are fetched."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.receivables.errors import ExportChangedError, NothingToExportError
from billwright.receivables.export_journal import Export, export_journal, read_export
from billwright.receivables.tables import JournalExportEntryRow, JournalExportRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.issued import rows
from support.open_items import CLERK, Books, open_books

LAST = date(2026, 3, 31)


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    return open_books(database, tenant, tmp_path)


def export(books: Books, **accounts: str) -> Export:
    return export_journal(books.database, books.tenant, SYSTEM, entity="NW", last=LAST, accounts=accounts)


def table(made: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.content.decode())))


def test_each_entry_goes_out_once_and_the_file_stays_the_same(books: Books) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 100_00, rate=1900)
    first = export(books, **{"4000": "=4400"})
    books.pay("119.00", invoice_number=invoice.number)
    books.work()
    second = export(books)

    assert [(row["account"], row["debit"], row["credit"], row["base_debit"]) for row in table(first)] == [
        ("1200", "119.00", "", "119.00"),
        ("'=4400", "", "100.00", ""),
        ("2200", "", "19.00", ""),
    ]
    assert [(row["kind"], row["role"]) for row in table(second)] == [("payment", "bank"), ("payment", "receivable")]
    assert [(row.number, row.entries) for row in rows(books.database, books.tenant, JournalExportRow)] == [
        (1, 1),
        (2, 1),
    ]
    assert (first.file_name, {row["export"] for row in table(second)}) == ("journal-NW-00001.csv", {"2"})
    for made in (first, second):
        assert read_export(books.database, books.tenant, SYSTEM, made.row.id).content == made.content
    with pytest.raises(NothingToExportError):
        export(books)


def test_two_at_once_make_one_export(books: Books) -> None:
    books.issue(books.customer(), 100_00)

    def make(_: int) -> str:
        try:
            return export(books).file_name
        except NothingToExportError:
            return "nothing"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(make, range(4)))

    assert answers == ["journal-NW-00001.csv", "nothing", "nothing", "nothing"]
    assert len(rows(books.database, books.tenant, JournalExportEntryRow)) == 1


def test_entries_after_the_day_or_of_another_entity_wait(books: Books) -> None:
    books.issue(books.customer(), 100_00)
    books.entity(code="UK")

    for entity, last in (("NW", date(2026, 3, 1)), ("UK", LAST)):
        with pytest.raises(NothingToExportError):
            export_journal(books.database, books.tenant, SYSTEM, entity=entity, last=last, accounts={})
    with pytest.raises(NotFoundError):
        export_journal(books.database, books.tenant, SYSTEM, entity="XX", last=LAST, accounts={})


def test_it_takes_permission(books: Books) -> None:
    books.issue(books.customer(), 100_00)
    made = export(books)

    with pytest.raises(PermissionDeniedError):
        export_journal(books.database, books.tenant, CLERK, entity="NW", last=LAST, accounts={})
    with pytest.raises(PermissionDeniedError):
        read_export(books.database, books.tenant, CLERK, made.row.id)
    reader: Actor = replace(CLERK, permissions=frozenset({"report:read"}))
    with pytest.raises(NotFoundError):
        read_export(books.database, books.tenant, reader, new_id())


def test_a_journal_that_was_changed_around_us_is_told(books: Books) -> None:
    books.issue(books.customer(), 100_00)
    made = export(books)
    with books.database.owner_engine.begin() as connection:
        connection.execute(
            text(f"UPDATE \"{books.tenant.schema}\".journal_line SET account = '9' WHERE account = '4000'")
        )

    with pytest.raises(ExportChangedError):
        read_export(books.database, books.tenant, SYSTEM, made.row.id)
