"""Reads of collections: accounts of debtors, what a reminder says, disputes, reminders, the worklist."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Integer, Numeric, case, cast, func, select, tuple_, type_coerce, union_all

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.collections.position import OpenItem
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.issuing.content import InvoiceContent
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.receivables.retained import Retained, holdback_of_receivables, retained_of, split_open
from billwright.receivables.tables import PaymentRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

Triple = tuple[UUID, UUID, str]
"""(legal entity, customer, currency)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one debtor owes: open items with disputes and sent steps, and money that waits."""

    debtor: Triple
    zone: ZoneInfo
    language: str
    items: tuple[OpenItem, ...]
    unapplied_minor: int


def due_dates(tx: Tx, debtors: Collection[Triple]) -> list[tuple[Triple, ZoneInfo, list[date]]]:
    """Due dates of what the debtors owe. One statement, one more where holdback is retained."""
    triple = (ReceivableRow.legal_entity_id, ReceivableRow.customer_id, ReceivableRow.currency)
    query = (
        select(
            *triple,
            LegalEntityRow.time_zone,
            func.array_agg(ReceivableRow.due_on.distinct()),
            func.array_agg(ReceivableRow.invoice_id).filter(ReceivableRow.retained_minor > 0),
        )
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .where(
            ReceivableRow.open_minor != 0,  # as the partial index has it
            ReceivableRow.open_minor > 0,
            ReceivableRow.customer_id.in_(sorted({each[1] for each in debtors})),
            tuple_(*triple).in_(sorted(debtors)),
        )
        .group_by(*triple, LegalEntityRow.time_zone)
    )
    rows: Any = list(tx.session.execute(query))
    held = retained_of(tx, [each for row in rows for each in row[-1] or ()])
    return [
        (
            (entity, customer, currency),
            ZoneInfo(zone),
            [*days, *(due_on for each in retained or () if each in held for due_on, _ in held[each].releases)],
        )
        for entity, customer, currency, zone, days, retained in rows
    ]


def debtors_of(tx: Tx, invoice_ids: Collection[UUID]) -> set[Triple]:
    """Who owes these invoices, to whom, in which currency."""
    query = select(ReceivableRow.legal_entity_id, ReceivableRow.customer_id, ReceivableRow.currency)
    rows = tx.session.execute(query.where(ReceivableRow.invoice_id.in_(list(invoice_ids))))
    return {(entity, customer, currency) for entity, customer, currency in rows}


def read_accounts(tx: Tx, debtors: Collection[Triple]) -> list[Account]:
    """The debtors that owe something, by identifiers. Four statements for any number of them."""
    customers = sorted({each[1] for each in debtors})
    triple = (ReceivableRow.legal_entity_id, ReceivableRow.customer_id, ReceivableRow.currency)
    query = (
        select(ReceivableRow, LegalEntityRow.time_zone, CustomerRow.language)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .join(CustomerRow, CustomerRow.id == ReceivableRow.customer_id)
        .where(
            ReceivableRow.open_minor > 0,
            ReceivableRow.customer_id.in_(customers),
            tuple_(*triple).in_(sorted(debtors)),
        )
        .order_by(*triple, ReceivableRow.id)
        .execution_options(populate_existing=True)
    )
    groups: defaultdict[Triple, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query):
        owed = row.ReceivableRow
        groups[owed.legal_entity_id, owed.customer_id, owed.currency].append(row)
    disputed = disputed_amounts(tx, [row.ReceivableRow.id for rows in groups.values() for row in rows])
    waiting = _unapplied(tx, customers) if groups else {}
    sent = _sent_steps(tx, customers) if groups else {}
    held = _held(tx, (row.ReceivableRow for rows in groups.values() for row in rows))
    return [
        Account(
            debtor=debtor,
            zone=ZoneInfo(rows[0].time_zone),
            language=rows[0].language,
            items=tuple(item for row in rows for item in _due(row.ReceivableRow, disputed, sent, held)),
            unapplied_minor=waiting.get((debtor[1], debtor[2]), 0),
        )
        for debtor, rows in groups.items()
    ]


Steps = dict[tuple[UUID, date | None], int]
"""The latest step that was sent, by receivable and, for released holdback, by its own due date."""


def _held(tx: Tx, rows: Iterable[ReceivableRow]) -> dict[UUID, Retained]:
    return retained_of(tx, [row.invoice_id for row in rows if row.retained_minor])


def _due(row: ReceivableRow, disputed: dict[UUID, int], sent: Steps, held: dict[UUID, Retained]) -> Iterable[OpenItem]:
    """What may be asked for: the invoice's own part, and each released part of its holdback. Not what is retained."""
    nothing = Retained(withheld_minor=0, releases=())
    parts = split_open(row.open_minor, held.get(row.invoice_id, nothing))
    if parts.due_minor:
        yield OpenItem(
            receivable_id=row.id,
            invoice_id=row.invoice_id,
            due_on=row.due_on,
            open_minor=parts.due_minor,
            disputed_minor=disputed.get(row.id, 0),
            sent_step=sent.get((row.id, None), 0),
        )
    for due_on, minor in parts.released:
        yield OpenItem(
            receivable_id=row.id,
            invoice_id=row.invoice_id,
            due_on=due_on,
            open_minor=minor,
            sent_step=sent.get((row.id, due_on), 0),
            part=due_on,
        )


def disputed_amounts(tx: Tx, receivable_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What open disputes contest, per receivable; those without are left out."""
    ids = sorted(receivable_ids)
    if not ids:
        return {}
    query = (
        select(DisputeRow.receivable_id, func.sum(DisputeRow.amount_minor))
        .where(DisputeRow.receivable_id.in_(ids), DisputeRow.state == "open")
        .group_by(DisputeRow.receivable_id)
    )
    return {identifier: int(total) for identifier, total in tx.session.execute(query)}


def _unapplied(tx: Tx, customers: Iterable[UUID]) -> dict[tuple[UUID | None, str], int]:
    """Money and credits of the customers that nothing took yet, whichever legal entity has them."""
    ids = list(customers)
    paid = select(
        PaymentRow.customer_id.label("customer"), PaymentRow.currency, PaymentRow.unapplied_minor.label("minor")
    ).where(PaymentRow.unapplied_minor > 0, PaymentRow.customer_id.in_(ids))
    credits_ = select(ReceivableRow.customer_id, ReceivableRow.currency, -ReceivableRow.open_minor).where(
        ReceivableRow.open_minor != 0, ReceivableRow.open_minor < 0, ReceivableRow.customer_id.in_(ids)
    )
    waiting = union_all(paid, credits_).subquery()
    query = select(waiting.c.customer, waiting.c.currency, func.sum(waiting.c.minor)).group_by(
        waiting.c.customer, waiting.c.currency
    )
    return {(customer, currency): int(total) for customer, currency, total in tx.session.execute(query)}


def _sent_steps(tx: Tx, customers: Iterable[UUID]) -> Steps:
    """The highest step that a reminder of these customers named, per receivable and released part."""
    steps: Steps = {}
    query = select(ReminderRow.positions).where(ReminderRow.customer_id.in_(list(customers)))
    for positions in tx.session.scalars(query):
        for each in positions:
            part = each.get("part")
            key = (UUID(each["receivable_id"]), date.fromisoformat(part) if part else None)
            steps[key] = max(steps.get(key, 0), each["step"])
    return steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An invoice as a reminder names it."""

    invoice_id: UUID
    number: str
    content: InvoiceContent


def documents_of(tx: Tx, invoice_ids: Iterable[UUID]) -> dict[UUID, Document]:
    """The frozen contents of issued invoices. One statement."""
    query = (
        select(InvoiceRow.id, InvoiceRow.number, SnapshotRow.content)
        .join(SnapshotRow, SnapshotRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.id.in_(sorted(invoice_ids)))
    )
    return {
        row.id: Document(
            invoice_id=row.id,
            number=row.number or "",
            content=msgspec.convert(row.content, InvoiceContent, strict=False),
        )
        for row in tx.session.execute(query)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeItem:
    """A dispute as lists show it."""

    dispute: DisputeRow
    number: str
    currency: str
    position: int


def list_disputes(
    tx: Tx,
    *,
    state: str | None = None,
    invoice_id: UUID | None = None,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> Slice[DisputeItem]:
    """Disputes, the latest first; of one state or invoice if asked."""
    query = (
        select(DisputeRow, InvoiceRow.number, InvoiceRow.currency, InvoiceLineRow.position)
        .join(InvoiceRow, InvoiceRow.id == DisputeRow.invoice_id)
        .join(InvoiceLineRow, InvoiceLineRow.id == DisputeRow.line_id)
    )
    if state is not None:
        query = query.where(DisputeRow.state == state)
    if invoice_id is not None:
        query = query.where(DisputeRow.invoice_id == invoice_id)
    if cursor:
        (before,) = read_cursor(cursor, UUID)
        query = query.where(DisputeRow.id < before)
    rows = tx.session.execute(query.order_by(DisputeRow.id.desc()).limit(limit + 1))
    items = [
        DisputeItem(dispute=row.DisputeRow, number=row.number or "", currency=row.currency, position=row.position)
        for row in rows
    ]
    return cut_page(items, limit, lambda item: (item.dispute.id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderItem:
    """A reminder as lists show it."""

    reminder: ReminderRow
    customer: str


def list_reminders(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    receivable_id: UUID | None = None,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> Slice[ReminderItem]:
    """Reminders, the latest first; of one customer, or those that named one receivable."""
    query = select(ReminderRow, CustomerRow.name).join(CustomerRow, CustomerRow.id == ReminderRow.customer_id)
    if customer_id is not None:
        query = query.where(ReminderRow.customer_id == customer_id)
    if receivable_id is not None:
        query = query.where(ReminderRow.positions.contains([{"receivable_id": str(receivable_id)}]))
    if cursor:
        (before,) = read_cursor(cursor, UUID)
        query = query.where(ReminderRow.id < before)
    rows = tx.session.execute(query.order_by(ReminderRow.id.desc()).limit(limit + 1))
    return cut_page(
        [ReminderItem(reminder=row.ReminderRow, customer=row.name) for row in rows],
        limit,
        lambda item: (item.reminder.id,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistItem:
    """A customer to be called, per currency. ``score`` is overdue amount times days, disputes left out."""

    customer_id: UUID
    customer: str
    currency: str
    open_minor: int
    overdue_minor: int
    disputed_minor: int
    days_overdue: int
    score: int
    reminded_at: datetime | None


def worklist(tx: Tx, *, limit: int = LIMIT_DEFAULT) -> list[WorklistItem]:
    """Customers with something overdue, the most urgent first. One statement."""
    disputed = (
        select(DisputeRow.receivable_id, func.sum(DisputeRow.amount_minor).label("minor"))
        .where(DisputeRow.state == "open")
        .group_by(DisputeRow.receivable_id)
        .subquery()
    )
    reminded = (
        select(ReminderRow.customer_id, ReminderRow.currency, func.max(ReminderRow.made_at).label("at"))
        .group_by(ReminderRow.customer_id, ReminderRow.currency)
        .subquery()
    )
    held = holdback_of_receivables(today_of_entity(tx))
    due = ReceivableRow.open_minor - func.least(func.coalesce(held.c.not_due_minor, 0), ReceivableRow.open_minor)
    contested = func.least(func.coalesce(disputed.c.minor, 0), due)
    # Once what the invoice asked for is paid, the rest is as late as its release.
    only_held = ReceivableRow.open_minor <= func.coalesce(held.c.withheld_minor, 0)
    since = case((only_held, func.coalesce(held.c.due_on, ReceivableRow.due_on)), else_=ReceivableRow.due_on)
    days = func.greatest(type_coerce(today_of_entity(tx) - since, Integer), 0)
    asked = due - contested
    score = func.sum(cast(asked, Numeric) * days)
    query = (
        select(
            ReceivableRow.customer_id,
            CustomerRow.name.label("customer"),
            ReceivableRow.currency,
            func.sum(ReceivableRow.open_minor).label("open_minor"),
            func.coalesce(func.sum(asked).filter(days > 0), 0).label("overdue_minor"),
            func.sum(contested).label("disputed_minor"),
            func.max(days).label("days_overdue"),
            score.label("score"),
            func.max(reminded.c.at).label("reminded_at"),
        )
        .join(CustomerRow, CustomerRow.id == ReceivableRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .join(disputed, disputed.c.receivable_id == ReceivableRow.id, isouter=True)
        .join(held, held.c.invoice_id == ReceivableRow.invoice_id, isouter=True)
        .join(
            reminded,
            (reminded.c.customer_id == ReceivableRow.customer_id) & (reminded.c.currency == ReceivableRow.currency),
            isouter=True,
        )
        .where(ReceivableRow.open_minor > 0)
        .group_by(ReceivableRow.customer_id, CustomerRow.name, ReceivableRow.currency)
        .having(score > 0)
        .order_by(score.desc(), ReceivableRow.customer_id)
        .limit(limit)
    )
    return [
        WorklistItem(
            customer_id=row.customer_id,
            customer=row.customer,
            currency=row.currency,
            open_minor=int(row.open_minor),
            overdue_minor=int(row.overdue_minor),
            disputed_minor=int(row.disputed_minor),
            days_overdue=row.days_overdue,
            score=int(row.score),
            reminded_at=row.reminded_at,
        )
        for row in tx.session.execute(query)
    ]


def get_reminder(tx: Tx, reminder_id: UUID) -> ReminderRow:
    """One reminder.

    Raises:
        NotFoundError: it is not here.
    """
    row = tx.session.scalars(select(ReminderRow).where(ReminderRow.id == reminder_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no reminder {show('rem', reminder_id)} here.")
    return row
