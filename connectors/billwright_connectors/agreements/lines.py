"""Lines of one file: parsed, checked for what every row needs, or refused with the reason and the remedy. No row is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from billwright.extension.folders import FolderRefusal

Row = dict[str, Any]

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


class RowRefusedError(Exception):
    """This row cannot become a message."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True, slots=True)
class Line:
    file: str
    number: int
    row: Row


@dataclass(slots=True)
class Reader:
    """Collects refusals while the files are read."""

    folder: Path
    refused: list[FolderRefusal] = field(default_factory=list)

    def lines(self, name: str, id_field: str | None) -> Iterator[Line]:
        """Rows of ``{name}.jsonl`` that are JSON objects and no duplicates. A missing file has no rows."""
        path = self.folder / f"{name}.jsonl"
        if not path.is_file():
            return
        seen: set[object] = set()
        for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
            if not raw.strip():
                continue
            try:
                row = parse(raw)
                refuse_duplicate(row, id_field, seen)
            except RowRefusedError as refusal:
                self.refuse(path.name, number, refusal)
            else:
                yield Line(path.name, number, row)

    def refuse(self, file: str, number: int, refusal: RowRefusedError) -> None:
        self.refused.append(
            FolderRefusal(file=file, line=number, code=refusal.code, reason=refusal.reason, remedy=refusal.remedy)
        )


def parse(raw: bytes) -> Row:
    """The row as a dictionary; numbers with a point are ``Decimal``.

    Raises:
        RowRefusedError: not UTF-8, not JSON, or not an object.
    """
    try:
        row = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RowRefusedError(
            "broken-row", f"The line is not valid JSON: {error}.", "Export the row again as one JSON object per line."
        ) from None
    if not isinstance(row, dict):
        raise RowRefusedError("broken-row", "The line is not a JSON object.", "Send one JSON object per line.")
    return row


def refuse_duplicate(row: Row, id_field: str | None, seen: set[object]) -> None:
    """Remember the row's identifier, or the whole row where rows of this file carry none.

    Raises:
        RowRefusedError: the identifier is missing or was seen before.
    """
    if id_field is None:
        key: object = msgspec.json.encode(row, order="sorted")
    else:
        key = text_of(row, id_field)
    if key in seen:
        raise RowRefusedError(
            "duplicate-row",
            f"The row was read before: {row[id_field] if id_field else 'same content'}.",
            "Nothing to do if it is a repetition; else give the row an identifier of its own.",
        )
    seen.add(key)


def text_of(row: Row, field_name: str) -> str:
    """A text that must be there.

    Raises:
        RowRefusedError: it is missing, empty or no text.
    """
    value = row.get(field_name)
    if not isinstance(value, str) or not value.strip() or len(value) > 180:
        raise RowRefusedError(
            "identifier-missing", f"Field {field_name} is missing or no text.", f"Fill {field_name} at the source."
        )
    return value


def moment_of(row: Row, field_name: str) -> datetime:
    """A moment with a time zone, as UTC.

    Raises:
        RowRefusedError: it is missing, no moment, or without a time zone.
    """
    value = row.get(field_name)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        utc = moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise RowRefusedError(
            "moment-missing",
            f"Field {field_name} is {value!r}, not a moment with a time zone.",
            f"Write {field_name} as 2024-03-01T09:30:00+01:00.",
        )
    return utc


def texts_of(row: Row, field_name: str) -> tuple[str, ...]:
    """A list of texts; what is no text is left out, a missing list is empty."""
    value = row.get(field_name)
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()


def plain(value: Any) -> Any:
    """``value`` as plain JSON: decimals become strings, so that no amount passes through a float."""
    return msgspec.to_builtins(value)
