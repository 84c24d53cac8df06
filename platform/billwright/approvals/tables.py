"""Approval steps."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class ApprovalStepRow(TenantBase):
    """States: waiting, approved, returned, dropped. Bound to the content hash that the person saw."""

    __tablename__ = "approval_step"
    __table_args__ = (
        Index("ix_approval_step_invoice_id", "invoice_id"),
        Index("ix_approval_step_waiting", "role", "due_at", postgresql_where=text("state = 'waiting'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    position: Mapped[int]
    role: Mapped[str]
    rule: Mapped[str]
    content_sha256: Mapped[str]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]
    decided_by_email: Mapped[str | None]
    reason: Mapped[str | None]
