"""The CSV journal: balanced entries, once per key, whatever dies or runs at the same time."""

import csv
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.connectors import Context, Erp, PostedDocument, PostingInvoice, RejectedError, TransientError
from billwright_connectors import csv_journal
from billwright_connectors.csv_journal import client, mapping
from billwright_connectors.csv_journal.manifest import Secrets, Settings
from support.posting_invoices import posting_invoice, posting_invoices, posting_line, texts


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with httpx.Client(trust_env=False) as http:
        yield journal_context(tmp_path, http)


def journal_context(folder: Path, http: httpx.Client) -> Context:
    return Context(settings=Settings(), secrets=Secrets(), http=http, tenant="demo", folder=str(folder))


def cells(folder: Path) -> list[dict[str, str]]:
    """All rows of all files, read as any importer would."""
    rows: list[dict[str, str]] = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            rows += csv.DictReader(stream)
    return rows


def test_an_entry_point_finds_an_erp() -> None:
    assert isinstance(csv_journal, Erp)
    assert csv_journal.manifest.capabilities == {"erp"}


def test_a_posted_invoice_is_one_balanced_entry_that_find_reads_back(context: Context) -> None:
    invoice = posting_invoice(posting_line("Concept", 10_000_00), posting_line("Travel", 123_45, rate=0))

    external_id = csv_journal.post(context, invoice)

    assert csv_journal.find(context, invoice.key) == PostedDocument(
        external_id=external_id,
        number="RE-2026-0001",
        state="written",
        party="Northwind Engineering GmbH",
        party_key="C-1001",
        issued_on=date(2026, 3, 2),
        currency="EUR",
        net_minor=10_123_45,
        tax_minor=1_900_00,
        gross_minor=12_023_45,
    )
    rows = cells(Path(context.folder))
    assert [(row["kind"], row["account"], row["debit"], row["credit"]) for row in rows] == [
        ("receivable", "1400", "12023.45", ""),
        ("revenue", "4400", "", "10000.00"),
        ("revenue", "4400", "", "123.45"),
        ("tax", "3806", "", "1900.00"),
        ("tax", "3806", "", "0.00"),
    ]


def test_find_knows_nothing_of_a_key_that_only_a_text_mentions(context: Context) -> None:
    csv_journal.post(context, posting_invoice(posting_line("as agreed in 4711", 100)))

    assert csv_journal.find(context, "4711") is None
    assert csv_journal.find(context, "unknown") is None


def test_posting_twice_writes_once(context: Context) -> None:
    invoice = posting_invoice()
    first = csv_journal.post(context, invoice)
    before = {file.name: file.read_bytes() for file in Path(context.folder).glob("*.csv")}

    assert csv_journal.post(context, invoice) == first
    assert {file.name: file.read_bytes() for file in Path(context.folder).glob("*.csv")} == before


def test_each_month_and_legal_entity_has_its_file(context: Context) -> None:
    for month, entity in ((3, "demo-gmbh"), (4, "demo-gmbh"), (3, "demo-ltd")):
        csv_journal.post(
            context, posting_invoice(key=f"{entity}-{month}", legal_entity=entity, issued_on=date(2026, month, 2))
        )

    assert sorted(file.name for file in Path(context.folder).glob("*.csv")) == [
        "journal-demo-gmbh-2026-03.csv",
        "journal-demo-gmbh-2026-04.csv",
        "journal-demo-ltd-2026-03.csv",
    ]


@pytest.mark.parametrize("entity", ["../../etc", "Müller & Söhne", "", "a/b", "x" * 300])
def test_a_legal_entity_never_names_a_path(entity: str) -> None:
    name = client.file_name(entity, date(2026, 3, 2))

    assert Path(name).name == name
    assert len(name) < 100
    assert name != client.file_name(entity + "?", date(2026, 3, 2))


def test_the_file_is_rfc_4180(context: Context) -> None:
    csv_journal.post(context, posting_invoice(posting_line('He said "yes",\r\nthen signed', 100)))

    (file,) = Path(context.folder).glob("*.csv")
    data = file.read_bytes()
    assert data.startswith(b"entry_key,document,date,")
    assert data.endswith(b"\r\n")
    assert b'"He said ""yes"",\r\nthen signed"' in data


def test_an_invoice_that_does_not_add_up_is_refused_and_leaves_no_file(context: Context) -> None:
    wrong = replace(posting_invoice(), gross_minor=1)

    with pytest.raises(RejectedError, match="does not balance") as caught:
        csv_journal.post(context, wrong)

    assert "credit note" in caught.value.remedy
    assert list(Path(context.folder).glob("*.csv")) == []


def test_a_file_saved_in_another_shape_is_not_appended_to(context: Context) -> None:
    csv_journal.post(context, posting_invoice(key="first"))
    (file,) = Path(context.folder).glob("*.csv")
    changed = file.read_bytes().replace(b",", b";")
    file.write_bytes(changed)

    with pytest.raises(RejectedError) as caught:
        csv_journal.post(context, posting_invoice(key="second"))

    assert "move it out of the folder" in caught.value.remedy
    assert file.read_bytes() == changed


def test_a_file_that_lost_its_last_line_end_is_continued_on_a_new_row(context: Context) -> None:
    csv_journal.post(context, posting_invoice(key="first"))
    (file,) = Path(context.folder).glob("*.csv")
    file.write_bytes(file.read_bytes().removesuffix(b"\r\n"))

    csv_journal.post(context, posting_invoice(key="second"))

    assert [row["entry_key"] for row in cells(Path(context.folder))] == ["first"] * 3 + ["second"] * 3


def test_a_folder_that_cannot_be_written_is_tried_again_later(context: Context) -> None:
    blocked = Path(context.folder) / "file"
    blocked.write_text("not a folder")

    with pytest.raises(TransientError, match="cannot be written"):
        csv_journal.post(replace(context, folder=str(blocked)), posting_invoice())


def test_many_threads_with_few_keys_write_each_key_once(context: Context) -> None:
    invoices = [posting_invoice(key=f"key-{number % 6}") for number in range(36)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda invoice: csv_journal.post(context, invoice), invoices))

    rows = cells(Path(context.folder))
    assert sorted(row["entry_key"] for row in rows if row["kind"] == "receivable") == [f"key-{n}" for n in range(6)]
    assert len(rows) == 6 * 3


def post_for_ever(folder: str, first: int) -> None:
    with httpx.Client(trust_env=False) as http:
        for number in range(first, 10**9, 2):
            csv_journal.post(journal_context(Path(folder), http), posting_invoice(key=f"key-{number}"))


def test_writers_that_are_killed_leave_whole_entries_only(tmp_path: Path, context: Context) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=post_for_ever, args=(str(tmp_path), first)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    while len(cells(tmp_path)) < 90:
        assert all(writer.is_alive() for writer in writers)
    for writer in writers:
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()

    entries: dict[str, list[dict[str, str]]] = {}
    for row in cells(tmp_path):
        entries.setdefault(row["entry_key"], []).append(row)
    assert len(entries) >= 30
    for rows in entries.values():
        assert [row["kind"] for row in rows] == ["receivable", "revenue", "tax"]
    csv_journal.post(context, posting_invoice(key="afterwards"))
    assert csv_journal.find(context, "afterwards") is not None
    assert [file.name for file in tmp_path.glob(".journal-*")] == []


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "'=1", '=HYPERLINK("http://x")', "|calc"]
)
def test_no_cell_begins_a_formula(context: Context, text: str) -> None:
    invoice = posting_invoice(posting_line(text, 100), customer_name=text, number=text, customer_key=text)

    csv_journal.post(context, invoice)

    found = csv_journal.find(context, invoice.key)
    assert found is not None
    assert (found.party, found.number, found.party_key) == (text, text, text)
    written = [cell for row in cells(Path(context.folder)) for cell in row.values()]
    assert not [cell for cell in written if cell.lstrip().startswith(("=", "+", "-", "@", "|", "＝"))]


@given(texts)
def test_guarding_a_text_can_be_undone(text: str) -> None:
    assert mapping.unguard(mapping.guard(text)) == text


@given(st.integers(-(10**15), 10**15), st.integers(0, 4))
def test_amounts_are_written_exactly(minor: int, digits: int) -> None:
    text = mapping.decimal_text(minor, digits)

    assert Decimal(text) == Decimal(minor).scaleb(-digits)
    assert mapping.minor_of(text) == minor


@given(posting_invoices())
def test_what_is_written_reads_back_and_balances(invoice: PostingInvoice) -> None:
    rows = mapping.entry_rows(invoice, Settings())

    read = mapping.from_csv(mapping.to_csv(rows, header=True), file="journal.csv")
    found = mapping.posted_document(read, file="journal.csv")

    assert sum(mapping.minor_of(row["debit"]) for row in read) == sum(mapping.minor_of(row["credit"]) for row in read)
    assert (found.number, found.party, found.party_key) == (
        invoice.number,
        invoice.customer_name,
        invoice.customer_key,
    )
    assert (found.net_minor, found.tax_minor, found.gross_minor, found.currency, found.issued_on) == (
        invoice.net_minor,
        invoice.tax_minor,
        invoice.gross_minor,
        invoice.currency,
        invoice.issued_on,
    )
