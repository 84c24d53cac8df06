"""Lists by cursor: ``limit`` rows after an opaque place, never an offset, so that a page keeps its place while rows come."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from billwright.kernel.errors import InputInvalidError

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200

Limit = Annotated[
    int, Meta(ge=1, le=LIMIT_MAX, description=f"Rows wanted, 1 to {LIMIT_MAX}; {LIMIT_DEFAULT} if left out.")
]
CursorText = Annotated[
    str, Meta(max_length=400, description="`next_cursor` of the page before; leave out for the first.")
]

T = TypeVar("T")
CursorValue = str | int | UUID | datetime | None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page as the API gives it. ``next_cursor`` is null on the last page."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page inside the core."""

    rows: Sequence[T]
    next_cursor: str | None


def make_cursor(*values: CursorValue) -> str:
    """The sort key of the last row given, as text that callers hand back unchanged."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode("ascii").rstrip("=")


def read_cursor(text: str, *types: type) -> tuple[CursorValue, ...]:
    """The values of ``make_cursor``, one per type: ``read_cursor(text, datetime, UUID)``.

    Raises:
        InputInvalidError: not a cursor of this list.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values: tuple[CursorValue, ...] = msgspec.json.decode(raw, type=tuple[types])  # type: ignore[valid-type] # made at run time
    except (ValueError, binascii.Error, RecursionError):
        raise InputInvalidError(
            "This cursor is not from this list; take next_cursor of the page before, or leave it out.", field="cursor"
        ) from None
    return values


def cut_page(rows: Sequence[T], limit: int, key: Callable[[T], tuple[CursorValue, ...]]) -> Slice[T]:
    """``rows`` were asked for with ``LIMIT limit + 1``: the extra one only says that there is a next page."""
    if len(rows) <= limit:
        return Slice(rows, None)
    kept = rows[:limit]
    return Slice(kept, make_cursor(*key(kept[-1])))
