"""Customers with what they owe: the list, and everything about one of them. Each function is one query."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, Subquery, cast, func, or_, select, tuple_, type_coerce
from sqlalchemy.dialects.postgresql import distinct_on

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import CustomerRow, LegalEntityRow, ProjectRow
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

ROWS: Final = 50
RECENT: Final = 12
"""Rows of the short lists on one customer's page; each has a link to all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What one customer owes in one currency, in minor units. ``asked_minor``: of what is overdue, not in dispute."""

    currency: str
    open_minor: int
    overdue_minor: int
    disputed_minor: int
    asked_minor: int

    @property
    def reminders_stopped(self) -> bool:
        """Something is overdue, and all of it is in dispute: no reminder asks for it."""
        return self.overdue_minor > 0 and self.asked_minor == 0


def _disputed() -> Subquery:
    """What open disputes contest, per receivable."""
    minor = cast(func.sum(DisputeRow.amount_minor), BigInteger).label("minor")
    query = select(DisputeRow.receivable_id, minor).where(DisputeRow.state == "open")
    return query.group_by(DisputeRow.receivable_id).subquery()


def _which(tx: Tx) -> Mapping[str, ColumnElement[bool]]:
    """Conditions of the list's filter by what a customer owes."""
    owing = select(ReceivableRow.customer_id).where(ReceivableRow.open_minor > 0)
    late = owing.join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
    disputed = owing.join(DisputeRow, DisputeRow.receivable_id == ReceivableRow.id)
    return {
        "overdue": CustomerRow.id.in_(late.where(ReceivableRow.due_on < today_of_entity(tx))),
        "open": CustomerRow.id.in_(owing),
        "disputed": CustomerRow.id.in_(disputed.where(DisputeRow.state == "open")),
    }


def customer_list(tx: Tx, *, which: str = "", wanted: str = "", cursor: str | None = None) -> Slice[CustomerRow]:
    """Customers by name. ``which`` is one of ``overdue``, ``open``, ``disputed``, else all; ``wanted`` a part of a name.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = select(CustomerRow).order_by(CustomerRow.name, CustomerRow.id).limit(ROWS + 1)
    if (condition := _which(tx).get(which)) is not None:
        query = query.where(condition)
    if wanted:
        names = (CustomerRow.name, CustomerRow.legal_name)
        query = query.where(or_(*(each.icontains(wanted, autoescape=True) for each in names)))
    if cursor:
        query = query.where(tuple_(CustomerRow.name, CustomerRow.id) > tuple_(*read_cursor(cursor, str, UUID)))
    return cut_page(tx.session.scalars(query).all(), ROWS, lambda row: (row.name, row.id))


def customer_counts(tx: Tx) -> dict[str, int]:
    """How many customers each value of the filter finds; all of them under the empty name."""
    conditions = _which(tx)
    query = select(func.count(), *(func.count().filter(each) for each in conditions.values())).select_from(CustomerRow)
    return dict(zip(("", *conditions), tx.session.execute(query).one(), strict=True))


def owed_by(tx: Tx, customer_ids: Collection[UUID]) -> dict[UUID, list[Owed]]:
    """What each customer owes now, per currency; those that owe nothing are left out. Overdue by the entity's own day."""
    disputed = _disputed()
    contested = func.least(func.coalesce(disputed.c.minor, 0), ReceivableRow.open_minor)
    late = ReceivableRow.due_on < today_of_entity(tx)

    def total(minor: Any) -> ColumnElement[int]:
        return cast(func.coalesce(func.sum(minor), 0), BigInteger)

    query = (
        select(
            ReceivableRow.customer_id,
            ReceivableRow.currency,
            total(ReceivableRow.open_minor).label("open"),
            cast(func.coalesce(func.sum(ReceivableRow.open_minor).filter(late), 0), BigInteger).label("overdue"),
            total(contested).label("disputed"),
            cast(func.coalesce(func.sum(ReceivableRow.open_minor - contested).filter(late), 0), BigInteger).label(
                "asked"
            ),
        )
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .outerjoin(disputed, disputed.c.receivable_id == ReceivableRow.id)
        .where(ReceivableRow.open_minor > 0, ReceivableRow.customer_id.in_(customer_ids))
        .group_by(ReceivableRow.customer_id, ReceivableRow.currency)
        .order_by(ReceivableRow.currency)
    )
    found: defaultdict[UUID, list[Owed]] = defaultdict(list)
    for row in tx.session.execute(query):
        found[row.customer_id].append(
            Owed(
                currency=row.currency,
                open_minor=row.open,
                overdue_minor=row.overdue,
                disputed_minor=row.disputed,
                asked_minor=row.asked,
            )
        )
    return found


def last_invoices(tx: Tx, customer_ids: Collection[UUID]) -> dict[UUID, AnyRow]:
    """The invoice of each customer that was issued last."""
    query = (
        select(
            InvoiceRow.customer_id,
            InvoiceRow.id,
            InvoiceRow.number,
            InvoiceRow.issued_on,
            InvoiceRow.gross_minor,
            InvoiceRow.currency,
        )
        .ext(distinct_on(InvoiceRow.customer_id))
        .where(InvoiceRow.customer_id.in_(customer_ids), InvoiceRow.number.is_not(None))
        .order_by(InvoiceRow.customer_id, InvoiceRow.issued_at.desc(), InvoiceRow.id.desc())
    )
    return {row.customer_id: row for row in tx.session.execute(query)}


def last_reminders(tx: Tx, customer_ids: Collection[UUID]) -> dict[UUID, ReminderRow]:
    """The latest reminder of each customer."""
    query = (
        select(ReminderRow)
        .ext(distinct_on(ReminderRow.customer_id))
        .where(ReminderRow.customer_id.in_(customer_ids))
        .order_by(ReminderRow.customer_id, ReminderRow.made_at.desc(), ReminderRow.id.desc())
    )
    return {row.customer_id: row for row in tx.session.scalars(query)}


def get_customer(tx: Tx, customer_id: UUID) -> AnyRow:
    """``CustomerRow`` with the message that last changed it (``message_id``, ``source``, ``received_at`` may be null).

    Raises:
        NotFoundError: there is no such customer here.
    """
    query = (
        select(
            CustomerRow,
            SourceMessageRow.message_id,
            SourceMessageRow.source,
            SourceMessageRow.received_at,
        )
        .outerjoin(SourceMessageRow, SourceMessageRow.id == CustomerRow.message_id)
        .where(CustomerRow.id == customer_id)
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such customer here.")
    return row


def projects_of(tx: Tx, customer_id: UUID) -> list[ProjectRow]:
    query = select(ProjectRow).where(ProjectRow.customer_id == customer_id).order_by(ProjectRow.name, ProjectRow.id)
    return list(tx.session.scalars(query.limit(ROWS)))


def open_items(tx: Tx, customer_id: UUID) -> list[AnyRow]:
    """What is open, due first first: ``ReceivableRow``, ``number``, ``days_overdue`` (entity's day), ``disputed_minor``."""
    disputed = _disputed()
    days = type_coerce(today_of_entity(tx) - ReceivableRow.due_on, Integer).label("days_overdue")
    query = (
        select(ReceivableRow, InvoiceRow.number, days, func.coalesce(disputed.c.minor, 0).label("disputed_minor"))
        .join(InvoiceRow, InvoiceRow.id == ReceivableRow.invoice_id)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .outerjoin(disputed, disputed.c.receivable_id == ReceivableRow.id)
        .where(ReceivableRow.open_minor != 0, ReceivableRow.customer_id == customer_id)
        .order_by(ReceivableRow.due_on, ReceivableRow.id)
        .limit(ROWS)
    )
    return list(tx.session.execute(query))


def invoices_of(tx: Tx, customer_id: UUID) -> list[InvoiceRow]:
    """Drafts and invoices, the one that changed last on top."""
    query = (
        select(InvoiceRow)
        .where(InvoiceRow.customer_id == customer_id)
        .order_by(InvoiceRow.updated_at.desc(), InvoiceRow.id.desc())
    )
    return list(tx.session.scalars(query.limit(RECENT)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A payment, and what took it: (invoice, number, minor units, matched by)."""

    payment: PaymentRow
    taken: tuple[tuple[UUID, str, int, str], ...]


def payments_of(tx: Tx, customer_id: UUID) -> list[Paid]:
    """What the customer paid, the latest first, with the invoices that each payment settled."""
    latest = (
        select(PaymentRow.id)
        .where(PaymentRow.customer_id == customer_id)
        .order_by(PaymentRow.paid_on.desc(), PaymentRow.id.desc())
        .limit(RECENT)
    )
    query = (
        select(
            PaymentRow,
            InvoiceRow.id.label("invoice_id"),
            InvoiceRow.number,
            PaymentApplicationRow.amount_minor,
            PaymentApplicationRow.matched_by,
        )
        .outerjoin(PaymentApplicationRow, PaymentApplicationRow.payment_id == PaymentRow.id)
        .outerjoin(ReceivableRow, ReceivableRow.id == PaymentApplicationRow.receivable_id)
        .outerjoin(InvoiceRow, InvoiceRow.id == ReceivableRow.invoice_id)
        .where(PaymentRow.id.in_(latest))
        .order_by(PaymentRow.paid_on.desc(), PaymentRow.id.desc(), PaymentApplicationRow.id)
    )
    payments: dict[UUID, PaymentRow] = {}
    taken: defaultdict[UUID, list[tuple[UUID, str, int, str]]] = defaultdict(list)
    for row in tx.session.execute(query):
        payments[row.PaymentRow.id] = row.PaymentRow
        if row.invoice_id is not None:
            taken[row.PaymentRow.id].append((row.invoice_id, row.number or "", row.amount_minor, row.matched_by))
    return [Paid(payment=payment, taken=tuple(taken[key])) for key, payment in payments.items()]


def reminders_of(tx: Tx, customer_id: UUID) -> list[ReminderRow]:
    query = (
        select(ReminderRow)
        .where(ReminderRow.customer_id == customer_id)
        .order_by(ReminderRow.made_at.desc(), ReminderRow.id.desc())
    )
    return list(tx.session.scalars(query.limit(RECENT)))


def disputes_of(tx: Tx, customer_id: UUID) -> list[AnyRow]:
    """``DisputeRow`` with ``number``, ``currency`` and ``position`` of the disputed line; open ones first."""
    query = (
        select(DisputeRow, InvoiceRow.number, InvoiceRow.currency, InvoiceLineRow.position)
        .join(InvoiceRow, InvoiceRow.id == DisputeRow.invoice_id)
        .join(InvoiceLineRow, InvoiceLineRow.id == DisputeRow.line_id)
        .where(InvoiceRow.customer_id == customer_id)
        .order_by(DisputeRow.state != "open", DisputeRow.opened_at.desc(), DisputeRow.id)
    )
    return list(tx.session.execute(query.limit(RECENT)))
