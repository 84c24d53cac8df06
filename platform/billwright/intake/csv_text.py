"""CSV as people's programs write it: bytes to rows of text, whatever the encoding, delimiter and line ends. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

DELIMITERS: Final = (";", ",", "\t")
DECIMAL_COMMA: Final = ";"
"""Where the semicolon separates cells, the comma separates decimals."""
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")


class FileRefusedError(Exception):
    """Nothing of this file can be taken; the text names the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """``rows`` are (line number in the file, cells)."""

    delimiter: str
    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def decode(raw: bytes) -> str:
    """The text in ``raw``: a byte order mark decides, else UTF-8, else Windows-1252, which covers Latin-1's letters."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def open_sheet(raw: bytes) -> Sheet:
    """Header and rows; empty lines are left out.

    Raises:
        FileRefusedError: no header, or quotes that never close (then also while the rows are read).
    """
    text = decode(raw)
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=lambda each: _outside_quotes(first, each))
    lines = _lines(text, delimiter)
    _, header = next(lines, (0, []))
    if not any(cell.strip() for cell in header):
        raise FileRefusedError("The file is empty; its first line must name the columns.")
    return Sheet(delimiter=delimiter, header=tuple(_name(cell) for cell in header), rows=lines)


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise FileRefusedError(
            f"Line {reader.line_num} is no CSV: {error}. Check its quotation marks and export the file again."
        ) from None


def _outside_quotes(line: str, character: str) -> int:
    return sum(part.count(character) for part in line.split('"')[::2])


def _name(cell: str) -> str:
    return "_".join(cell.strip().lower().replace("-", " ").split())


def write_sheet(delimiter: str, rows: Iterable[tuple[str, ...]]) -> bytes:
    """CSV that spreadsheet programs show as text: a cell that would be a formula gets an apostrophe in front."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([f"'{cell}" if cell.startswith(_RISKY) else cell for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")
