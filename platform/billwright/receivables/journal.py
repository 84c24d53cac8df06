"""Booking: an entry and its lines are written together, and only when they balance, also in the base currency."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from billwright.kernel.ids import new_id
from billwright.receivables.accounts import Books, read_books
from billwright.receivables.entries import Entry, Line
from billwright.receivables.tables import JournalEntryRow, JournalLineRow
from billwright.receivables.valuation import value_entries
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

__all__ = ["Entry", "Line", "book"]


def book(tx: Tx, entries: Iterable[Entry]) -> None:
    """Write ``entries``, valued in the base currency of their entity. Lines of nothing are left out.

    Three statements; two more where entries are in a currency that is not the entity's own and the firm keeps rates.
    """
    books = read_books(tx)
    named = [_named(entry, books.get(entry.legal_entity_id)) for entry in entries]
    write(tx, value_entries(tx, named, books))


def _named(entry: Entry, books: Books | None) -> Entry:
    """The entry with a role on each line."""
    if books is None or all(line.role for line in entry.lines):
        return entry
    lines = tuple(line if line.role else replace(line, role=_role(line, books)) for line in entry.lines)
    return replace(entry, lines=lines)


def _role(line: Line, books: Books) -> str:
    return books.role_of(line.account) or ("receivable" if line.receivable_id else "")


def write(tx: Tx, entries: Sequence[Entry]) -> None:
    """Two statements."""
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
                "base_currency": entry.base_currency,
                "rates": [rate.kept() for rate in entry.rates] or None,
            }
        )
        lines.extend(_line(entry_id, line) for line in entry.lines if line.amount_minor or line.base_minor)
    insert_many(tx.session, JournalEntryRow, heads)
    insert_many(tx.session, JournalLineRow, lines)


def _line(entry_id: UUID, line: Line) -> dict[str, Any]:
    return {
        "id": new_id(),
        "entry_id": entry_id,
        "account": line.account,
        "currency": line.currency,
        "amount_minor": line.amount_minor,
        "receivable_id": line.receivable_id,
        "base_minor": line.base_minor,
        "role": line.role,
    }
