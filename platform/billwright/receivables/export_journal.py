"""Files of journal entries for a legal entity's ledger: each entry goes out once, and a file made again has the same bytes."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import Select, func, insert, select

from billwright.audit.record import record
from billwright.canon.tables import LegalEntityRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import new_id, show
from billwright.kernel.money import Money
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.receivables.errors import ExportChangedError, NothingToExportError
from billwright.receivables.ledger import lines_of
from billwright.receivables.tables import (
    JournalEntryRow,
    JournalExportEntryRow,
    JournalExportRow,
    JournalLineRow,
)
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

LAYOUT: Final = "lines"
"""One row per line of an entry."""
COLUMNS: Final = (
    "export", "entry", "kind", "subject", "booked_on", "account", "role", "currency", "debit", "credit", "base_currency",
    "base_debit", "base_credit", "rate", "rate_date", "rate_source",
)  # fmt: skip
LOCK_SEED: Final = 14  # exports of one legal entity queue
_RISKY: Final = tuple("=+-@\t\r\n＝＋－＠")  # what a spreadsheet may take for a formula


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """``content`` is UTF-8 CSV (RFC 4180), one row per line of the journal."""

    row: JournalExportRow
    entity: str
    content: bytes

    @property
    def file_name(self) -> str:
        return f"journal-{self.entity}-{self.row.number:05d}.csv"


def export_journal(
    database: Database, tenant: Tenant, actor: Actor, *, entity: str, last: date, accounts: Mapping[str, str]
) -> Export:
    """Put all entries up to ``last`` that no export has yet into the next one. ``accounts``: ours to those of the ledger that
    reads the file, where they differ.

    Raises:
        PermissionDeniedError: without ``posting:retry``, which those have who look after the ledger's connection.
        NotFoundError: there is no such legal entity here.
        NothingToExportError: every entry up to that day went out already.
    """
    actor.require("posting:retry")
    with transaction(database, tenant, actor) as tx:
        entity_id = tx.session.scalars(select(LegalEntityRow.id).where(LegalEntityRow.code == entity)).one_or_none()
        if entity_id is None:
            raise NotFoundError(f"There is no legal entity {entity!r} here.", field="entity")
        lock = func.hashtextextended(f"{tenant.schema}:{entity_id}", LOCK_SEED)
        tx.session.execute(select(func.pg_advisory_xact_lock(lock)))
        entries = _waiting(tx, entity_id, last)
        if not entries:
            raise NothingToExportError(f"Every entry of {entity} up to {last} went out already.", field="last")
        export = _make(tx, entity_id, entity, entries, accounts)
        tx.session.execute(insert(JournalExportRow), [_values(export.row)])
        pairs = [{"entry_id": entry.id, "export_id": export.row.id} for entry in entries]
        insert_many(tx.session, JournalExportEntryRow, pairs)
        record(tx, "journal.exported", "journal_export", export.row.id, after=_values(export.row))
        return export


def read_export(database: Database, tenant: Tenant, actor: Actor, export_id: UUID) -> Export:
    """The file again, made from the journal: the same bytes.

    Raises:
        PermissionDeniedError: without ``report:read``.
        NotFoundError: there is no such export here.
        ExportChangedError: the journal no longer gives the bytes that went out.
    """
    actor.require("report:read")
    with transaction(database, tenant, actor, read_only=True) as tx:
        query = select(JournalExportRow, LegalEntityRow.code).join(
            LegalEntityRow, LegalEntityRow.id == JournalExportRow.legal_entity_id
        )
        found = tx.session.execute(query.where(JournalExportRow.id == export_id)).one_or_none()
        if found is None:
            raise NotFoundError("There is no such export here.")
        row = found.JournalExportRow
        within = select(JournalExportEntryRow.entry_id).where(JournalExportEntryRow.export_id == export_id)
        entries = tx.session.scalars(_ordered().where(JournalEntryRow.id.in_(within))).all()
        content = _content(row.number, entries, lines_of(tx, [each.id for each in entries]), row.accounts)
        if hashlib.sha256(content).hexdigest() != row.sha256:
            raise ExportChangedError("The journal does not give the file any more that went out; tell support.")
        return Export(row=row, entity=found.code, content=content)


def list_exports(tx: Tx, *, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> Slice[JournalExportRow]:
    """Exports, the latest first. One statement."""
    query = select(JournalExportRow)
    if cursor:
        (before,) = read_cursor(cursor, UUID)
        query = query.where(JournalExportRow.id < before)
    rows = tx.session.scalars(query.order_by(JournalExportRow.id.desc()).limit(limit + 1)).all()
    return cut_page(rows, limit, lambda row: (row.id,))


def _ordered() -> Select[JournalEntryRow]:
    return select(JournalEntryRow).order_by(JournalEntryRow.booked_on, JournalEntryRow.id)


def _waiting(tx: Tx, entity_id: UUID, last: date) -> Sequence[JournalEntryRow]:
    gone = select(JournalExportEntryRow.entry_id).where(JournalExportEntryRow.entry_id == JournalEntryRow.id)
    query = _ordered().where(
        JournalEntryRow.legal_entity_id == entity_id, JournalEntryRow.booked_on <= last, ~gone.exists()
    )
    return tx.session.scalars(query).all()


def _make(
    tx: Tx, entity_id: UUID, entity: str, entries: Sequence[JournalEntryRow], accounts: Mapping[str, str]
) -> Export:
    before = select(func.coalesce(func.max(JournalExportRow.number), 0))
    number = tx.session.scalars(before.where(JournalExportRow.legal_entity_id == entity_id)).one() + 1
    content = _content(number, entries, lines_of(tx, [each.id for each in entries]), accounts)
    row = JournalExportRow(
        id=new_id(),
        legal_entity_id=entity_id,
        number=number,
        layout=LAYOUT,
        accounts=dict(sorted(accounts.items())),
        first_on=entries[0].booked_on,
        last_on=entries[-1].booked_on,
        entries=len(entries),
        sha256=hashlib.sha256(content).hexdigest(),
        made_at=tx.now,
        made_by_name=tx.actor.name,
    )
    return Export(row=row, entity=entity, content=content)


def _values(row: JournalExportRow) -> dict[str, object]:
    return {column.name: getattr(row, column.name) for column in JournalExportRow.__table__.columns}


def _content(
    number: int,
    entries: Sequence[JournalEntryRow],
    lines: Mapping[UUID, Sequence[JournalLineRow]],
    accounts: Mapping[str, str],
) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        rate = entry.rates[0] if entry.rates else {}
        for line in lines.get(entry.id, ()):
            writer.writerow(
                [
                    number,
                    show("jrn", entry.id),
                    entry.kind,
                    str(entry.subject_id),
                    entry.booked_on.isoformat(),
                    _safe(accounts.get(line.account, line.account)),
                    line.role,
                    line.currency,
                    *_sides(line.amount_minor, line.currency),
                    entry.base_currency or "",
                    *_sides(line.base_minor, entry.base_currency),
                    rate.get("rate", ""),
                    rate.get("on", ""),
                    _safe(rate.get("source", "")),
                ]
            )
    return text.getvalue().encode()


def _sides(minor: int | None, currency: str | None) -> tuple[str, str]:
    """Debit and credit; no cell holds a minus sign."""
    if minor is None or currency is None:
        return "", ""
    amount = str(Money(abs(minor), currency).decimal)
    return (amount, "") if minor >= 0 else ("", amount)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_RISKY) else text
