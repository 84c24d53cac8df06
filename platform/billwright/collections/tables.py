"""Disputes and reminders."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class DisputeRow(TenantBase):
    """A contested amount on one line. States: open, upheld, withdrawn, credited.

    ``phase_before`` and ``detail_before`` are where the invoice goes back to; all disputes of one invoice carry the same.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        Index("ix_dispute_open", "receivable_id", postgresql_where=text("state = 'open'")),
        Index("ix_dispute_invoice_id", "invoice_id"),
        CheckConstraint("amount_minor > 0", name="amount"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    receivable_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    line_id: Mapped[UUID]
    amount_minor: Mapped[int]
    reason: Mapped[str]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    phase_before: Mapped[str]
    detail_before: Mapped[str]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    resolution: Mapped[str | None]
    credit_note_id: Mapped[UUID | None]
    """The credit note by which it ended as credited."""


class ReminderRow(TenantBase):
    """One step of the policy, decided for one customer over all that was open then. Insert-only by grants.

    ``positions`` are ``{receivable_id, step, open_minor, disputed_minor}``: each receivable and the step that it is at.
    """

    __tablename__ = "reminder"
    __table_args__ = (UniqueConstraint("key"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    legal_entity_id: Mapped[UUID]
    customer_id: Mapped[UUID] = mapped_column(index=True)
    currency: Mapped[str]
    language: Mapped[str]
    step: Mapped[int]
    tone: Mapped[str]
    total_minor: Mapped[int]
    positions: Mapped[list[Any]]
    made_at: Mapped[datetime]
