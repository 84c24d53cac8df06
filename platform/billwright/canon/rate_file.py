"""Files of exchange rates in the European Central Bank's shape, as CSV or as the ZIP that it publishes. Pure.

First row: ``Date`` and ISO codes; then one row per day with units of each currency for one euro, ``N/A`` where there is none.
Source of the shape: the ECB's euro foreign exchange reference rates, ``eurofxref-hist.zip``.
"""

import csv
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final

from billwright.kernel.errors import InputInvalidError
from billwright.kernel.rates import EURO, RateDay

FILE_BYTES_MAX: Final = 10_000_000
# As zipfile tells of a damaged archive, a compression that it does not know (NotImplementedError), a password, an end too soon,
# what each of its compressions says of damaged data, and what comes of sizes and places that cannot be.
BROKEN_ZIP: Final = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, OSError, lzma.LZMAError, ValueError,
    struct.error,
)  # fmt: skip
TEXT_BYTES_MAX: Final = 50_000_000  # what a file may unpack to; the ECB's since 1999 is 2 MB
DAYS_MAX: Final = 40_000
RATE_MAX: Final = Decimal(10) ** 12
_CODE: Final = re.compile(r"[A-Z]{3}")
_NONE: Final = frozenset({"", "N/A"})


def read_rate_file(data: bytes, *, source: str) -> tuple[RateDay, ...]:
    """The days of the file, oldest first.

    Raises:
        InputInvalidError: it is not such a file; the sentence names line and column.
    """
    rows = csv.reader(io.StringIO(_text(data), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        codes = _codes(header)
        days = sorted(_days(rows, codes, len(header), source), key=lambda day: day.on)
    except csv.Error as error:
        raise InputInvalidError(f"Line {rows.line_num} is no CSV: {error}.", field="file") from None
    if not days:
        raise InputInvalidError("The file has no day; send one row per day below the header.", field="file")
    for one, other in pairwise(days):
        if one.on == other.on:
            raise InputInvalidError(f"{one.on} is in the file twice; keep one row per day.", field="file")
    return tuple(days)


def _text(data: bytes) -> str:
    if len(data) > FILE_BYTES_MAX:
        raise InputInvalidError(f"The file is larger than {FILE_BYTES_MAX} bytes; send fewer days.", field="file")
    if data.startswith(b"PK"):
        data = _unpacked(data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputInvalidError("The file is no UTF-8 text; send the CSV or ZIP as published.", field="file") from None


def _unpacked(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [each.filename for each in archive.infolist() if each.filename.endswith(".csv")]
            if len(names) != 1:
                raise InputInvalidError(f"The ZIP has {len(names)} CSV files; send one with one.", field="file")
            with archive.open(names[0]) as file:
                unpacked = file.read(TEXT_BYTES_MAX + 1)
    except BROKEN_ZIP as error:
        raise InputInvalidError(f"The ZIP cannot be opened: {error}. Download it again.", field="file") from None
    if len(unpacked) > TEXT_BYTES_MAX:
        raise InputInvalidError(f"The ZIP unpacks to more than {TEXT_BYTES_MAX} bytes.", field="file")
    return unpacked


def _codes(header: Sequence[str]) -> Sequence[str]:
    if not header or header[0] != "Date":
        raise InputInvalidError("The first row must begin with Date, followed by currency codes.", field="file")
    codes = header[1:-1] if header[-1] == "" else header[1:]
    for code in codes:
        if not _CODE.fullmatch(code) or code == EURO or codes.count(code) > 1:
            raise InputInvalidError(f"Line 1: {code!r} is no currency code, or is there twice.", field="file")
    return codes


def _days(rows: Iterator[list[str]], codes: Sequence[str], width: int, source: str) -> Iterator[RateDay]:
    for line, row in enumerate(rows, start=2):
        if line > DAYS_MAX:
            raise InputInvalidError(f"The file has more than {DAYS_MAX} days; send fewer.", field="file")
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != width or any(cells[len(codes) + 1 :]):
            raise InputInvalidError(f"Line {line} has {len(cells)} cells for {len(codes)} currencies.", field="file")
        rates = {
            code: _rate(cell, line, code) for code, cell in zip(codes, cells[1:], strict=False) if cell not in _NONE
        }
        yield RateDay(on=_day(cells[0], line), source=source, per_euro=rates)


def _day(cell: str, line: int) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise InputInvalidError(f"Line {line}: {cell!r} is no date such as 2026-03-31.", field="file") from None


def _rate(cell: str, line: int, code: str) -> Decimal:
    try:
        rate = Decimal(cell)
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or not 1 / RATE_MAX < rate < RATE_MAX:
        raise InputInvalidError(f"Line {line}: {cell!r} is no rate of {code}.", field="file")
    return rate
