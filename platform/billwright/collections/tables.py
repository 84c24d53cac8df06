"""Disputes and reminders."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class DisputeRow(TenantBase):
    """A contested amount on one line. States: open, upheld, withdrawn, credited."""

    __tablename__ = "dispute"
    __table_args__ = (Index("ix_dispute_open", "receivable_id", postgresql_where=text("state = 'open'")),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    receivable_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    line_id: Mapped[UUID]
    amount_minor: Mapped[int]
    reason: Mapped[str]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[str | None]


class ReminderRow(TenantBase):
    """One step of the policy, sent to one customer for all that was open then; ``positions`` is what the mail said."""

    __tablename__ = "reminder"
    __table_args__ = (UniqueConstraint("key"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    legal_entity_id: Mapped[UUID]
    customer_id: Mapped[UUID] = mapped_column(index=True)
    currency: Mapped[str]
    step: Mapped[int]
    total_minor: Mapped[int]
    positions: Mapped[list[Any]]
    made_at: Mapped[datetime]
