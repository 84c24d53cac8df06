"""Receivables, journal, payments and their application."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class ReceivableRow(TenantBase):
    """What a customer owes for one invoice. ``open_minor`` is kept with the journal and checked against it.

    ``number_key`` is the invoice's number as payments are matched by it; it follows the issue, for the number is taken last.
    """

    __tablename__ = "receivable"
    __table_args__ = (
        Index("ix_receivable_open", "customer_id", "due_on", postgresql_where=text("open_minor <> 0")),
        Index("ix_receivable_number_key", "number_key"),
        Index("ix_receivable_due", "due_on", "id"),
        UniqueConstraint("invoice_id"),
        CheckConstraint(
            "abs(open_minor) <= abs(gross_minor) AND sign(open_minor) IN (0, sign(gross_minor))", name="open"
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    customer_id: Mapped[UUID]
    currency: Mapped[str]
    gross_minor: Mapped[int]
    open_minor: Mapped[int]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    settled_at: Mapped[datetime | None]
    number_key: Mapped[str | None]


class JournalEntryRow(TenantBase):
    __tablename__ = "journal_entry"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    legal_entity_id: Mapped[UUID]
    kind: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    booked_on: Mapped[date]
    made_at: Mapped[datetime]


class JournalLineRow(TenantBase):
    """Debit positive, credit negative; an entry's lines add up to zero per currency."""

    __tablename__ = "journal_line"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("journal_entry.id"), index=True)
    account: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    receivable_id: Mapped[UUID | None]


class PaymentRow(TenantBase):
    """Money received. ``unapplied_minor`` waits for a person or a later match.

    ``legal_entity_id`` is whose books have it; none until it is booked. ``milestone_ids`` is what the payer says it is for.
    """

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("ref"),
        Index("ix_payment_unapplied", "customer_id", postgresql_where=text("unapplied_minor > 0")),
        CheckConstraint("amount_minor > 0 AND unapplied_minor BETWEEN 0 AND amount_minor", name="unapplied"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    ref: Mapped[str]
    legal_entity_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    amount_minor: Mapped[int]
    unapplied_minor: Mapped[int]
    currency: Mapped[str]
    paid_on: Mapped[date]
    invoice_number: Mapped[str]
    remittance: Mapped[str]
    milestone_ids: Mapped[list[UUID]]
    message_id: Mapped[UUID | None]
    received_at: Mapped[datetime]


class PaymentApplicationRow(TenantBase):
    """Part of a payment taken by a receivable. Insert-only by grants. ``matched_by``: number, milestones, amount, person."""

    __tablename__ = "payment_application"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"), index=True)
    receivable_id: Mapped[UUID] = mapped_column(ForeignKey("receivable.id"), index=True)
    amount_minor: Mapped[int]
    matched_by: Mapped[str]
    applied_at: Mapped[datetime]
