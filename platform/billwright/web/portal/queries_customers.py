"""Customers with what they owe: the list, and everything about one of them. Each function is one query."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, ScalarSelect, cast, func, select, true, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import CustomerRow, LegalEntityRow, ProjectRow
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.errors import NotFoundError
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing import ALL

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


def _disputed() -> LateralFromClause:
    """What open disputes contest of the receivable before it, ``minor``, null for nothing. Join it on true."""
    minor = cast(func.sum(DisputeRow.amount_minor), BigInteger).label("minor")
    query = select(minor).where(DisputeRow.state == "open", DisputeRow.receivable_id == ReceivableRow.id)
    return query.correlate(ReceivableRow).lateral()


def which_customers(tx: Tx) -> Mapping[str, ColumnElement[bool]]:
    """Conditions of the list's filter by what a customer owes."""
    owing = select(ReceivableRow.customer_id).where(ReceivableRow.open_minor > 0)
    late = owing.join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
    disputed = owing.join(DisputeRow, DisputeRow.receivable_id == ReceivableRow.id)
    return {
        "overdue": CustomerRow.id.in_(late.where(ReceivableRow.due_on < today_of_entity(tx))),
        "open": CustomerRow.id.in_(owing),
        "disputed": CustomerRow.id.in_(disputed.where(DisputeRow.state == "open")),
    }


def customer_counts(tx: Tx, *, money: bool) -> dict[str, int]:
    """How many customers there are under ``all``; with ``money`` also how many each value of the filter finds."""
    conditions = which_customers(tx) if money else {}
    query = select(func.count(), *(func.count().filter(each) for each in conditions.values())).select_from(CustomerRow)
    return dict(zip((ALL, *conditions), tx.session.execute(query).one(), strict=True))


def owed_now(tx: Tx) -> ScalarSelect[Any]:
    """What the customer of the query around this owes now, by currency, for ``read_owed``. Overdue by the entity's own day.

    JSON, because a list has one row per customer, in one statement for any number of rows and currencies.
    """
    disputed = _disputed()
    contested = func.least(func.coalesce(disputed.c.minor, 0), ReceivableRow.open_minor)
    each = (
        select(
            ReceivableRow.currency,
            ReceivableRow.open_minor.label("open"),
            contested.label("contested"),
            (ReceivableRow.due_on < today_of_entity(tx)).label("late"),
        )
        .select_from(ReceivableRow)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .outerjoin(disputed, true())
        .where(ReceivableRow.open_minor > 0, ReceivableRow.customer_id == CustomerRow.id)
        .correlate(CustomerRow)
        .subquery()
    )
    sums = (
        select(
            each.c.currency,
            func.sum(each.c.open).label("open"),
            func.coalesce(func.sum(each.c.open).filter(each.c.late), 0).label("overdue"),
            func.sum(each.c.contested).label("disputed"),
            func.coalesce(func.sum(each.c.open - each.c.contested).filter(each.c.late), 0).label("asked"),
        )
        .group_by(each.c.currency)
        .subquery()
    )
    parts = func.jsonb_build_array(*(sums.c[name] for name in ("currency", "open", "overdue", "disputed", "asked")))
    return select(func.jsonb_agg(aggregate_order_by(parts, sums.c.currency))).scalar_subquery()


def read_owed(found: Sequence[Sequence[Any]] | None) -> tuple[Owed, ...]:
    """``owed_now`` of a row; empty for a customer that owes nothing."""
    return tuple(
        Owed(currency=currency, open_minor=due, overdue_minor=late, disputed_minor=disputed, asked_minor=asked)
        for currency, due, late, disputed, asked in found or ()
    )


def owed_currencies(_tx: Tx) -> ColumnElement[Any]:
    """The currencies in which anything is owed, as an array."""
    distinct = func.array_agg(aggregate_order_by(ReceivableRow.currency.distinct(), ReceivableRow.currency))
    return select(distinct).where(ReceivableRow.open_minor > 0).scalar_subquery()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastInvoice:
    """The invoice of a customer that was issued last. Gross, in minor units."""

    id: UUID
    number: str
    issued_on: date
    gross_minor: int
    currency: str


def last_invoice() -> ScalarSelect[Any]:
    """The invoice of the customer around this that was issued last, for ``read_last_invoice``."""
    invoice = InvoiceRow
    facts = func.jsonb_build_array(invoice.id, invoice.number, invoice.issued_on, invoice.gross_minor, invoice.currency)
    query = select(facts).where(invoice.customer_id == CustomerRow.id, invoice.issued_at.is_not(None))
    return query.order_by(invoice.issued_at.desc(), invoice.id.desc()).limit(1).correlate(CustomerRow).scalar_subquery()


def read_last_invoice(found: Sequence[Any] | None) -> LastInvoice | None:
    """``last_invoice`` of a row; None for a customer without any."""
    if found is None:
        return None
    identifier, number, issued_on, minor, currency = found
    return LastInvoice(
        id=UUID(identifier),
        number=number,
        issued_on=date.fromisoformat(issued_on),
        gross_minor=minor,
        currency=currency,
    )


def last_reminder() -> ScalarSelect[Any]:
    """The latest reminder of the customer around this, for ``read_last_reminder``."""
    reminder = ReminderRow
    query = select(func.jsonb_build_array(reminder.step, reminder.made_at))
    query = query.where(reminder.customer_id == CustomerRow.id)
    return query.order_by(reminder.made_at.desc(), reminder.id.desc()).limit(1).correlate(CustomerRow).scalar_subquery()


def read_last_reminder(found: Sequence[Any] | None) -> tuple[int, datetime] | None:
    """``last_reminder`` of a row: its step, and when it was made; None for a customer that was never reminded."""
    return (found[0], datetime.fromisoformat(found[1])) if found else None


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
        .outerjoin(disputed, true())
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
