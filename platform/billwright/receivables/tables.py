"""Receivables, journal, payments and their application."""

from datetime import date, datetime
from typing import Any
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
    retained_minor: Mapped[int] = mapped_column(server_default="0")
    """Holdback in it at the issue: due only as it is released (``holdback_entry``)."""


class JournalEntryRow(TenantBase):
    """``base_currency`` is set where all lines are valued in it; ``rates`` says at which rates, with dates and sources."""

    __tablename__ = "journal_entry"
    __table_args__ = (Index("ix_journal_entry_booked", "legal_entity_id", "booked_on"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    legal_entity_id: Mapped[UUID]
    kind: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    booked_on: Mapped[date]
    made_at: Mapped[datetime]
    base_currency: Mapped[str | None]
    rates: Mapped[list[Any] | None]


class JournalLineRow(TenantBase):
    """Debit positive, credit negative; an entry's lines add up to zero per currency, and in the base currency.

    ``role`` is what the account is for (receivables/accounts.py), empty in lines of before roles were kept. A line of an
    exchange difference has an amount in the base currency only.
    """

    __tablename__ = "journal_line"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("journal_entry.id"), index=True)
    account: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    receivable_id: Mapped[UUID | None] = mapped_column(index=True)
    base_minor: Mapped[int | None]
    role: Mapped[str] = mapped_column(server_default="")


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


class WriteOffRow(TenantBase):
    """Money that is given up, asked for by one person and, above the firm's limit, decided by another.

    States: asked, booked, refused. What is asked for still counts as open.
    """

    __tablename__ = "write_off"
    __table_args__ = (
        Index("ix_write_off_receivable", "receivable_id"),
        CheckConstraint("amount_minor > 0", name="amount"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    receivable_id: Mapped[UUID] = mapped_column(ForeignKey("receivable.id"))
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    note: Mapped[str]
    asked_by: Mapped[UUID | None]
    asked_by_name: Mapped[str]
    asked_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str]
    decided_at: Mapped[datetime | None]


class JournalExportRow(TenantBase):
    """A file of entries for the firm's ledger. Insert-only by grants: made again from its entries, it has the same bytes."""

    __tablename__ = "journal_export"
    __table_args__ = (UniqueConstraint("legal_entity_id", "number"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    legal_entity_id: Mapped[UUID]
    number: Mapped[int]
    layout: Mapped[str]
    accounts: Mapped[dict[str, Any]]
    first_on: Mapped[date]
    last_on: Mapped[date]
    entries: Mapped[int]
    sha256: Mapped[str]
    made_at: Mapped[datetime]
    made_by_name: Mapped[str]


class JournalExportEntryRow(TenantBase):
    """Which export an entry went out with: one at most. Insert-only by grants."""

    __tablename__ = "journal_export_entry"
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("journal_entry.id"), primary_key=True)
    export_id: Mapped[UUID] = mapped_column(ForeignKey("journal_export.id"), index=True)


class CreditApplicationRow(TenantBase):
    """Part of a credit note (``credit_id``: its receivable) taken by what is owed. Insert-only by grants.

    ``applied_by``: invoice (the credited one, at the issue) or person.
    """

    __tablename__ = "credit_application"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    credit_id: Mapped[UUID] = mapped_column(ForeignKey("receivable.id"), index=True)
    receivable_id: Mapped[UUID] = mapped_column(ForeignKey("receivable.id"), index=True)
    amount_minor: Mapped[int]
    applied_by: Mapped[str]
    applied_at: Mapped[datetime]


class RefundRow(TenantBase):
    """Money paid back to a customer for a credit note. ``ref`` is our bank's; the same one is the same refund.

    Insert-only by grants.
    """

    __tablename__ = "refund"
    __table_args__ = (UniqueConstraint("ref"), CheckConstraint("amount_minor > 0", name="amount"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    ref: Mapped[str]
    credit_id: Mapped[UUID] = mapped_column(ForeignKey("receivable.id"), index=True)
    amount_minor: Mapped[int]
    paid_on: Mapped[date]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
