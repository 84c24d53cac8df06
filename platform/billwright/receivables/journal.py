"""Booking: an entry and its lines are written together, and only when they balance."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from billwright.kernel.ids import new_id
from billwright.receivables.tables import JournalEntryRow, JournalLineRow
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``amount_minor``: debit positive, credit negative."""

    account: str
    currency: str
    amount_minor: int
    receivable_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``kind`` says what it books: ``invoice``, ``payment``, ``application``; ``subject_id`` is what it books for."""

    legal_entity_id: UUID
    kind: str
    subject_id: UUID
    booked_on: date
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        balance: Counter[str] = Counter()
        for line in self.lines:
            balance[line.currency] += line.amount_minor
        assert not any(balance.values()), f"{self.kind} of {self.subject_id} does not balance: {balance}"


def book(tx: Tx, entries: Iterable[Entry]) -> None:
    """Write ``entries``; lines of amount zero are left out. Two statements."""
    heads: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for entry in entries:
        entry_id = new_id()
        heads.append(
            {
                "id": entry_id,
                "legal_entity_id": entry.legal_entity_id,
                "kind": entry.kind,
                "subject_id": entry.subject_id,
                "booked_on": entry.booked_on,
                "made_at": tx.now,
            }
        )
        lines.extend(
            {
                "id": new_id(),
                "entry_id": entry_id,
                "account": line.account,
                "currency": line.currency,
                "amount_minor": line.amount_minor,
                "receivable_id": line.receivable_id,
            }
            for line in entry.lines
            if line.amount_minor
        )
    insert_many(tx.session, JournalEntryRow, heads)
    insert_many(tx.session, JournalLineRow, lines)
