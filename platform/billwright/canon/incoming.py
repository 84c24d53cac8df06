"""A canonical object on its way in, and the total order among all messages about one object.

Order is ``(sequence, time, key)``: a message with a sequence comes after every one without; among sequences the higher
one counts, else the later time; what is still equal is decided by the source's own message id. None of it depends on
when a message arrived, so every order of arrival ends in the same rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from billwright.extension.canonical import Canonical, Order

NO_SEQUENCE: Final = -1

Pair = tuple[str, str]
"""(kind, ref) of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One object of one message. ``key`` is the source's own message id, ``person_id`` who made the message."""

    object: Canonical
    message_id: UUID | None
    order: Order
    key: str = ""
    person_id: UUID | None = None

    @property
    def pair(self) -> Pair:
        return (self.object.kind, self.object.ref)

    @property
    def place(self) -> tuple[int, datetime, bytes]:
        """Bytes, because the database compares the key in byte order too."""
        sequence = NO_SEQUENCE if self.order.sequence is None else self.order.sequence
        return (sequence, self.order.time, self.key.encode())


def place_of_row(row: Any) -> tuple[int, datetime, bytes]:
    """The place of a stored row, to compare with ``Incoming.place``."""
    sequence = NO_SEQUENCE if row.source_sequence is None else row.source_sequence
    return (sequence, row.source_time, row.source_key.encode())


def newest(items: Iterable[Incoming]) -> dict[Pair, Incoming]:
    """The newest of each object; of two in one message the later one."""
    chosen: dict[Pair, Incoming] = {}
    for item in items:
        other = chosen.get(item.pair)
        if other is None or other.place <= item.place:
            chosen[item.pair] = item
    return chosen
