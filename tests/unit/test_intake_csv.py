"""Tables as people's programs write them."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.canonical import Canonical, Contract, Expense, RateCard, TimeEntry
from billwright.intake.csv_rows import kind_of, rows_of
from billwright.intake.csv_text import FileRefusedError, open_sheet, write_sheet
from billwright.intake.envelope import RefusedError


def objects(raw: bytes, kind: str) -> list[Canonical | RefusedError]:
    return [each for _, each in rows_of(open_sheet(raw), kind)]


def refusal(raw: bytes, kind: str) -> RefusedError:
    (found,) = objects(raw, kind)
    assert isinstance(found, RefusedError)
    return found


EXPENSE = (
    "ref;contract;person_name;spent_on;amount;currency;category\r\nX1;K1;Jörg Müller;02.01.2026;1.234,50;EUR;Café\r\n"
)
WRITTEN = {
    "UTF-8": EXPENSE.encode(),
    "byte order mark": EXPENSE.encode("utf-8-sig"),
    "Latin-1": EXPENSE.encode("latin-1"),
    "Windows-1252": EXPENSE.encode("cp1252"),
    "UTF-16": EXPENSE.encode("utf-16"),
    "LF": EXPENSE.replace("\r\n", "\n").encode(),
    "CR": EXPENSE.replace("\r\n", "\r").encode(),
    "comma": EXPENSE.replace("1.234,50", "1234.50").replace(";", ",").encode(),
    "tab": EXPENSE.replace("1.234,50", "1234.50").replace(";", "\t").encode(),
    "blank lines": ("\r\n" + EXPENSE + "\r\n;;;;;;\r\n").encode(),
    "capitals and spaces": EXPENSE.replace("person_name", "Person Name").replace("ref;", "REF ;").encode(),
    "synonyms": EXPENSE.replace("ref;contract;person_name;spent_on", "id;Contract-ID;employee;date").encode(),
    "quotes": EXPENSE.replace("Jörg Müller", '"Jörg Müller"').encode(),
    "another order": (
        "currency;amount;category;spent_on;person_name;contract;ref\nEUR;1234,50;Café;2026-01-02;Jörg Müller;K1;X1"
    ).encode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_the_same_row_however_it_is_written(how: str) -> None:
    assert objects(WRITTEN[how], "expense") == objects(WRITTEN["UTF-8"], "expense")
    (expense,) = objects(WRITTEN[how], "expense")
    assert isinstance(expense, Expense)
    assert (expense.amount, expense.person_name, expense.category) == (Decimal("1234.50"), "Jörg Müller", "Café")


def test_nested_fields_lists_words_and_rates() -> None:
    (contract,) = objects(
        b"ref,number,customer,po_number,po_value,acceptance_required\nK1,1,C1,4500,99.5,Ja", "contract"
    )
    assert isinstance(contract, Contract)
    assert contract.purchase_order is not None
    assert (contract.purchase_order.value, contract.acceptance_required) == (Decimal("99.5"), True)
    (accepted,) = objects(
        b"ref,contract,milestones,decision,decided_at\nA1,K1,M1|M2,accepted,2026-01-02T10:00:00Z", "acceptance"
    )
    assert getattr(accepted, "milestones", None) == ("M1", "M2")
    (card,) = objects(
        b"ref;contract;currency;role;hourly;effective_from\nR1;K1;EUR;senior;120,50;01.01.2026", "rate_card"
    )
    assert isinstance(card, RateCard)
    assert (card.currency, card.rates[0].hourly) == ("EUR", Decimal("120.50"))
    (card,) = objects(
        b"ref,contract,currency,person_email,daily,effective_from\nR2,K1,EUR,ann@acme.example,960,2026-01-01",
        "rate_card",
    )
    assert isinstance(card, RateCard)
    assert card.rates[0].daily == Decimal(960)


@pytest.mark.parametrize(
    ("cell", "hours"), [("7,5", "7.5"), ("7.5", "7.5"), ("7", "7"), ("0,25", "0.25"), ("12,50", "12.50")]
)
def test_decimal_comma_beside_semicolons(cell: str, hours: str) -> None:
    raw = f"ref;contract;person_name;worked_on;hours\nT1;K1;Ann;2026-01-02;{cell}".encode()
    (entry,) = objects(raw, "time_entry")
    assert isinstance(entry, TimeEntry)
    assert entry.hours == Decimal(hours)


def test_an_ambiguous_number_is_never_guessed() -> None:
    found = refusal(EXPENSE.replace("1.234,50", "1.234").encode(), "expense")
    assert found.field == "amount"
    assert "1234,00" in str(found)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("1.234,50", "1.23.4,5"), "amount"),
        (("1.234,50", "EUR 5"), "amount"),
        (("1.234,50", "-5"), "amount"),
        (("02.01.2026", "01/02/2026"), "spent_on"),
        (("02.01.2026", "31.02.2026"), "spent_on"),
        (("K1;", ";"), "contract"),
        ((";Café", ";Café;more"), None),
        ((";Café\r", "\r"), None),
        (("category", "colour"), "colour"),
    ],
)
def test_a_broken_row_names_its_field(change: tuple[str, str], field: str | None) -> None:
    found = refusal(EXPENSE.replace(*change, 1).encode(), "expense")
    assert found.field == field
    assert str(found).endswith(".")


def test_a_broken_row_harms_no_other() -> None:
    raw = EXPENSE + EXPENSE.partition("\r\n")[2].replace("02.01.2026", "never") + EXPENSE.partition("\r\n")[2]
    assert [isinstance(each, RefusedError) for each in objects(raw.encode(), "expense")] == [False, True, False]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        (b"ref;contract\nX1;K1", "amount, currency, person_name, spent_on"),
        (EXPENSE.replace("category", "currency").encode(), "twice: currency"),
        (EXPENSE.replace("Café", '"Café').encode(), "quotation marks"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(raw: bytes, said: str) -> None:
    with pytest.raises(FileRefusedError, match=said):
        objects(raw, "expense")


def test_names_of_files_say_what_is_inside() -> None:
    names = [
        "time_entries-2026-03.csv",
        "Milestones.csv",
        "change_orders 7.csv",
        "rate_card.v2.csv",
        "evidence-1.jsonl",
    ]
    assert [kind_of(name) for name in names] == ["time_entry", "milestone", "change_order", "rate_card", "evidence"]
    assert kind_of("report.csv") is None


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4))
def test_no_answer_is_a_formula(rows: list[tuple[str, str]]) -> None:
    def cells() -> Iterator[str]:
        import csv
        import io

        text = write_sheet(",", [("head", "er"), *rows]).decode("utf-8-sig")
        for row in csv.reader(io.StringIO(text, newline="")):
            yield from row

    assert not [cell for cell in cells() if cell[:1] in tuple("=+-@\t\r")]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    with suppress(FileRefusedError):
        for each in objects(raw, "customer"):
            assert isinstance(each, Canonical | RefusedError)


@given(st.text(alphabet='ref;,nameC1\n"\t =', max_size=120))
def test_no_text_breaks_the_reader(tail: str) -> None:
    with suppress(FileRefusedError):
        for each in objects(f"ref,name\n{tail}".encode(), "customer"):
            assert isinstance(each, Canonical | RefusedError)
