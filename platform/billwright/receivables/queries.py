"""Reads of receivables, payments and what they may be matched with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, and_, case, func, or_, select, tuple_, type_coerce, union

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import CustomerRow, LegalEntityRow, MilestoneRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.receivables.ageing import Aged, age
from billwright.receivables.matching import Candidate, Unapplied
from billwright.receivables.retained import retained_of, split_open
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx


def lock_payments(tx: Tx, which: ColumnElement[bool]) -> list[PaymentRow]:
    """Payments locked in the order of their identifiers: always before receivables, so that nobody deadlocks."""
    query = select(PaymentRow).where(which).order_by(PaymentRow.id).with_for_update()
    return list(tx.session.scalars(query.execution_options(populate_existing=True)))


def waiting_for(customer_ids: Iterable[UUID], currencies: Iterable[str]) -> ColumnElement[bool]:
    """Payments with money left that these customers made, or nobody knows who."""
    known = PaymentRow.customer_id.in_(sorted(set(customer_ids)))
    return (
        (PaymentRow.unapplied_minor > 0)
        & PaymentRow.currency.in_(sorted(set(currencies)))
        & or_(known, PaymentRow.customer_id.is_(None))
    )


def lock_receivables(tx: Tx, receivable_ids: Iterable[UUID]) -> list[ReceivableRow]:
    """Receivables locked in the order of their identifiers, as they are once all others have let go."""
    query = select(ReceivableRow).where(ReceivableRow.id.in_(sorted(set(receivable_ids))))
    query = query.order_by(ReceivableRow.id).with_for_update().execution_options(populate_existing=True)
    return list(tx.session.scalars(query))


def find_candidates(tx: Tx, payments: Sequence[Unapplied]) -> list[UUID]:
    """Receivables that one of ``payments`` may be for: by number whatever their state, else those that are open."""
    keys = sorted({key for each in payments for key in each.keys})
    milestones = sorted({milestone for each in payments for milestone in each.milestone_ids})
    customers = sorted({each.customer_id for each in payments if each.customer_id is not None})
    amounts = sorted({each.unapplied_minor for each in payments})
    still_open = ReceivableRow.open_minor != 0  # as the partial index has it
    # By way of the contract: its lines are indexed, milestones of lines are not.
    contracts = select(MilestoneRow.contract_id).where(MilestoneRow.id.in_(milestones))
    billing = select(InvoiceLineRow.invoice_id).where(
        InvoiceLineRow.contract_id.in_(contracts), InvoiceLineRow.milestone_id.in_(milestones)
    )
    parts = [select(ReceivableRow.id).where(ReceivableRow.number_key.in_(keys))] if keys else []
    if milestones:
        parts.append(select(ReceivableRow.id).where(still_open, ReceivableRow.invoice_id.in_(billing)))
    if customers:
        parts.append(
            select(ReceivableRow.id).where(
                still_open, ReceivableRow.customer_id.in_(customers), ReceivableRow.open_minor.in_(amounts)
            )
        )
    return list(tx.session.scalars(union(*parts))) if parts else []


def to_candidates(tx: Tx, receivables: Sequence[ReceivableRow]) -> list[Candidate]:
    """``receivables`` with the milestones that their invoices bill. One statement."""
    query = (
        select(
            InvoiceLineRow.invoice_id,
            func.array_remove(func.array_agg(InvoiceLineRow.milestone_id.distinct()), None).label("milestone_ids"),
            func.bool_or(InvoiceLineRow.milestone_id.is_(None)).label("bills_more"),
        )
        .where(InvoiceLineRow.invoice_id.in_([each.invoice_id for each in receivables]))
        .group_by(InvoiceLineRow.invoice_id)
    )
    billed = {row.invoice_id: row for row in tx.session.execute(query)} if receivables else {}
    return [
        Candidate(
            receivable_id=each.id,
            customer_id=each.customer_id,
            currency=each.currency,
            open_minor=each.open_minor,
            number_key=each.number_key or "",
            milestone_ids=frozenset(billed[each.invoice_id].milestone_ids)
            if each.invoice_id in billed
            else frozenset(),
            bills_more=bool(billed[each.invoice_id].bills_more) if each.invoice_id in billed else False,
        )
        for each in receivables
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """A receivable as lists show it. ``days_overdue`` counts in the legal entity's time zone; 0 or less: not late."""

    receivable: ReceivableRow
    number: str
    customer: str
    days_overdue: int


def _items(tx: Tx) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ReceivableRow,
            InvoiceRow.number,
            CustomerRow.name.label("customer"),
            type_coerce(today_of_entity(tx) - ReceivableRow.due_on, Integer).label("days_overdue"),
        )
        .join(InvoiceRow, InvoiceRow.id == ReceivableRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == ReceivableRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
    )


def _item(row: AnyRow) -> OpenItem:
    return OpenItem(
        receivable=row.ReceivableRow, number=row.number or "", customer=row.customer, days_overdue=row.days_overdue
    )


def list_receivables(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    overdue: bool | None = None,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> Slice[OpenItem]:
    """Receivables, those due first first. ``overdue``: only those that are open and late, or only the others."""
    query = _items(tx)
    if customer_id is not None:
        query = query.where(ReceivableRow.customer_id == customer_id)
    late = and_(ReceivableRow.open_minor != 0, ReceivableRow.due_on < today_of_entity(tx))
    if overdue is not None:
        query = query.where(late if overdue else ~late)
    if cursor:
        after = read_cursor(cursor, str, UUID)
        query = query.where(
            tuple_(ReceivableRow.due_on, ReceivableRow.id) > (date.fromisoformat(str(after[0])), after[1])
        )
    rows = tx.session.execute(query.order_by(ReceivableRow.due_on, ReceivableRow.id).limit(limit + 1))
    items = [_item(row) for row in rows]
    return cut_page(items, limit, lambda item: (item.receivable.due_on.isoformat(), item.receivable.id))


def get_receivable(tx: Tx, receivable_id: UUID) -> OpenItem:
    """One receivable.

    Raises:
        NotFoundError: it is not here.
    """
    row = tx.session.execute(_items(tx).where(ReceivableRow.id == receivable_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no receivable {show('rcv', receivable_id)} here.")
    return _item(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPayment:
    """Part of a payment on an invoice."""

    payment_id: UUID
    ref: str
    paid_on: date
    amount_minor: int
    currency: str
    matched_by: str
    applied_at: datetime


def payments_of(tx: Tx, invoice_id: UUID) -> list[AppliedPayment]:
    """What was paid on the invoice, in order."""
    query = (
        select(PaymentApplicationRow, PaymentRow.ref, PaymentRow.paid_on, PaymentRow.currency)
        .join(PaymentRow, PaymentRow.id == PaymentApplicationRow.payment_id)
        .join(ReceivableRow, ReceivableRow.id == PaymentApplicationRow.receivable_id)
        .where(ReceivableRow.invoice_id == invoice_id)
        .order_by(PaymentApplicationRow.id)
    )
    return [
        AppliedPayment(
            payment_id=row.PaymentApplicationRow.payment_id,
            ref=row.ref,
            paid_on=row.paid_on,
            amount_minor=row.PaymentApplicationRow.amount_minor,
            currency=row.currency,
            matched_by=row.PaymentApplicationRow.matched_by,
            applied_at=row.PaymentApplicationRow.applied_at,
        )
        for row in tx.session.execute(query)
    ]


def receivable_of(tx: Tx, invoice_id: UUID) -> ReceivableRow | None:
    """The receivable of the invoice; none before it is issued."""
    return tx.session.scalars(select(ReceivableRow).where(ReceivableRow.invoice_id == invoice_id)).one_or_none()


def list_payments(
    tx: Tx, *, unapplied: bool | None = None, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> Slice[PaymentRow]:
    """Payments, the latest first. ``unapplied``: only those with money left, or only the others."""
    query = select(PaymentRow)
    if unapplied is not None:
        query = query.where((PaymentRow.unapplied_minor > 0) == unapplied)
    if cursor:
        (before,) = read_cursor(cursor, UUID)
        query = query.where(PaymentRow.id < before)
    rows = tx.session.scalars(query.order_by(PaymentRow.id.desc()).limit(limit + 1)).all()
    return cut_page(rows, limit, lambda row: (row.id,))


def read_ageing(tx: Tx, *, customer_id: UUID | None = None) -> list[Aged]:
    """What is open by age, per currency; of one customer or of all. One statement, one more where something is retained; a
    row per day of lateness, not per item.

    Late is what is past its due day where the legal entity is. Holdback is late from the due day of its release on.
    """
    today = today_of_entity(tx)
    late = type_coerce(today - ReceivableRow.due_on, Integer).label("days_late")
    own = case((ReceivableRow.retained_minor > 0, ReceivableRow.invoice_id)).label("own")
    query = (
        select(ReceivableRow.currency, late, own, func.min(today), func.sum(ReceivableRow.open_minor))
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .where(ReceivableRow.open_minor != 0)
        .group_by(ReceivableRow.currency, late, own)
    )
    if customer_id is not None:
        query = query.where(ReceivableRow.customer_id == customer_id)
    rows = list(tx.session.execute(query))
    held = retained_of(tx, [row.own for row in rows if row.own is not None])
    items: list[tuple[str, int, int]] = []
    retained: dict[str, int] = {}
    for currency, days, invoice_id, day, total in rows:
        if invoice_id not in held:
            items.append((currency, days, int(total)))
            continue
        parts = split_open(int(total), held[invoice_id])
        items.append((currency, days, parts.due_minor))
        items.extend((currency, (day - due_on).days, minor) for due_on, minor in parts.released)
        retained[currency] = retained.get(currency, 0) + parts.retained_minor
    return age(items, retained)
