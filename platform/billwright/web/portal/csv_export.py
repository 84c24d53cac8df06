"""CSV files for people and their spreadsheets: nothing in them runs, numbers stay numbers, every program reads the letters.

RFC 4180 with a byte order mark, because spreadsheets take UTF-8 for something else without one.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Final, TypeAlias
from urllib.parse import quote

from litestar import Response
from litestar.response import Stream

from billwright.kernel.money import Money

Cell: TypeAlias = str | int | Decimal | date | datetime | None
"""Text is made safe; a number is written as it is, so that a sheet can add it up; dates and moments are ISO 8601."""

BOM: Final = b"\xef\xbb\xbf"
MEDIA_TYPE: Final = "text/csv"
"""The framework adds the character set, as to every text."""
CHUNK_BYTES: Final = 64 * 1024
STARTERS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""What makes a sheet take text for a formula, which could then fetch an address or start a program with what other
cells say. Source: OWASP, "CSV Injection" (equals, plus, minus, at, tab, carriage return, line feed, full-width forms)."""


def safe_text(text: str) -> str:
    """``text`` as a cell that no spreadsheet runs: an apostrophe in front of whatever could start a formula."""
    return f"'{text}" if text[:1] in STARTERS and text else text


def cell_text(cell: Cell) -> str:
    """One cell. A moment is written in UTC, an amount without thousands separators and never as ``1E+3``."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe_text(cell)
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(cell, date):
        return cell.isoformat()
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def money_cells(minor: int | None, currency: str | None) -> tuple[Decimal | None, str | None]:
    """An amount as two cells: the plain decimal, and its currency in a column of its own."""
    if minor is None or currency is None:
        return None, None
    return Money(minor, currency).decimal, currency


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The file in pieces of about 64 KiB: mark, header, one line per row."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([safe_text(each) for each in header])
    yield BOM
    for row in rows:
        writer.writerow([cell_text(each) for each in row])
        if buffer.tell() >= CHUNK_BYTES:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response[bytes]:
    """A small file, made at once: the tables behind charts. ``name`` is the file's, with its ending."""
    return Response(b"".join(csv_lines(header, rows)), media_type=MEDIA_TYPE, headers=download_headers(name))


def csv_stream(name: str, chunks: Iterator[bytes]) -> Stream:
    """A file of any size, in pieces."""
    return Stream(chunks, media_type=MEDIA_TYPE, headers=download_headers(name))


def download_headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", "Cache-Control": "no-store"}
