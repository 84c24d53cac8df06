"""Reads of the ledger: the trial balance, and the entries that a balance is made of. A constant number of statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select, tuple_

from billwright.canon.tables import LegalEntityRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.receivables.tables import JournalEntryRow, JournalLineRow
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Minor units; debits and balances positive, credits as positive numbers of their own column."""

    opening_minor: int
    debit_minor: int
    credit_minor: int

    @property
    def closing_minor(self) -> int:
        return self.opening_minor + self.debit_minor - self.credit_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account of one legal entity in one currency. ``base`` is in the entity's base currency, of what was valued;
    ``unvalued`` lines up to the last day have no value in it."""

    entity_id: UUID
    entity: str
    account: str
    role: str
    currency: str
    base_currency: str
    sums: Sums
    base: Sums
    unvalued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """``first`` is none for everything since the beginning. In sum over accounts every column of a legal entity and currency,
    and of its base currency, is zero."""

    first: date | None
    last: date
    balances: tuple[Balance, ...]


def read_trial_balance(tx: Tx, *, last: date, first: date | None = None, entity: str = "") -> TrialBalance:
    """Balances by legal entity, account and currency, in this order. Two statements.

    Raises:
        NotFoundError: there is no such legal entity here.
    """
    known = {
        row.id: row
        for row in tx.session.execute(select(LegalEntityRow.id, LegalEntityRow.code, LegalEntityRow.currency))
    }
    if entity and entity not in {row.code for row in known.values()}:
        raise NotFoundError(f"There is no legal entity {entity!r} here.", field="entity")
    before, within = _before(first), _within(first, last)
    line, booked = JournalLineRow, JournalEntryRow
    columns = [
        func.coalesce(func.sum(amount).filter(condition), 0).label(f"{name}_{column}")
        for column, amount in (("minor", line.amount_minor), ("base", line.base_minor))
        for name, condition in (
            ("opening", before),
            ("debit", within & (amount > 0)),
            ("credit", within & (amount < 0)),
        )
    ]
    query = (
        select(
            booked.legal_entity_id,
            line.account,
            func.max(line.role).label("role"),
            line.currency,
            *columns,
            func.count().filter(line.base_minor.is_(None)).label("unvalued"),
        )
        .join(booked, booked.id == line.entry_id)
        .where(booked.booked_on <= last)
        .group_by(booked.legal_entity_id, line.account, line.currency)
    )
    if entity:
        query = query.where(booked.legal_entity_id.in_([key for key, row in known.items() if row.code == entity]))
    balances = (
        Balance(
            entity_id=row.legal_entity_id,
            entity=known[row.legal_entity_id].code,
            account=row.account,
            role=row.role,
            currency=row.currency,
            base_currency=known[row.legal_entity_id].currency,
            sums=_sums(row.opening_minor, row.debit_minor, row.credit_minor),
            base=_sums(row.opening_base, row.debit_base, row.credit_base),
            unvalued=row.unvalued,
        )
        for row in tx.session.execute(query)
    )
    ordered = sorted(balances, key=lambda each: (each.entity, each.account, each.currency))
    return TrialBalance(first=first, last=last, balances=tuple(ordered))


def _before(first: date | None) -> ColumnElement[bool]:
    return JournalEntryRow.booked_on < first if first else JournalEntryRow.booked_on.is_(None)


def _within(first: date | None, last: date) -> ColumnElement[bool]:
    until = JournalEntryRow.booked_on <= last
    return and_(JournalEntryRow.booked_on >= first, until) if first else until


def _sums(opening: object, debit: object, credit: object) -> Sums:
    return Sums(opening_minor=int(str(opening)), debit_minor=int(str(debit)), credit_minor=-int(str(credit)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """An entry with its lines."""

    entry: JournalEntryRow
    entity: str
    lines: tuple[JournalLineRow, ...]


def list_entries(
    tx: Tx,
    *,
    entity: str = "",
    account: str = "",
    first: date | None = None,
    last: date | None = None,
    subject_id: UUID | None = None,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> Slice[Booked]:
    """Entries, the latest first, each with all its lines; with ``account`` those that touch it. Two statements."""
    query = select(JournalEntryRow, LegalEntityRow.code).join(
        LegalEntityRow, LegalEntityRow.id == JournalEntryRow.legal_entity_id
    )
    query = query.where(*_conditions(entity, account, first, last, subject_id))
    if cursor:
        booked_on, entry_id = read_cursor(cursor, str, UUID)
        place = (date.fromisoformat(str(booked_on)), entry_id)
        query = query.where(tuple_(JournalEntryRow.booked_on, JournalEntryRow.id) < place)
    ordered = query.order_by(JournalEntryRow.booked_on.desc(), JournalEntryRow.id.desc()).limit(limit + 1)
    rows = tx.session.execute(ordered).all()
    lines = lines_of(tx, [row.JournalEntryRow.id for row in rows])
    entries = [
        Booked(entry=row.JournalEntryRow, entity=row.code, lines=tuple(lines.get(row.JournalEntryRow.id, ())))
        for row in rows
    ]
    return cut_page(entries, limit, lambda each: (each.entry.booked_on.isoformat(), each.entry.id))


def _conditions(
    entity: str, account: str, first: date | None, last: date | None, subject_id: UUID | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if entity:
        found.append(LegalEntityRow.code == entity)
    if account:
        found.append(exists().where(JournalLineRow.entry_id == JournalEntryRow.id, JournalLineRow.account == account))
    if first is not None:
        found.append(JournalEntryRow.booked_on >= first)
    if last is not None:
        found.append(JournalEntryRow.booked_on <= last)
    if subject_id is not None:
        found.append(JournalEntryRow.subject_id == subject_id)
    return found


def lines_of(tx: Tx, entry_ids: Iterable[UUID]) -> dict[UUID, list[JournalLineRow]]:
    """The lines of entries, in the order in which they were booked."""
    wanted = sorted(entry_ids)
    found: dict[UUID, list[JournalLineRow]] = {}
    if wanted:
        query = select(JournalLineRow).where(JournalLineRow.entry_id.in_(wanted)).order_by(JournalLineRow.id)
        for line in tx.session.scalars(query):
            found.setdefault(line.entry_id, []).append(line)
    return found
