"""Audit entries of a tenant, and those of the control plane."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase, TenantBase


class AuditEntryRow(TenantBase):
    __tablename__ = "audit_entry"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    acting_for: Mapped[str | None]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    address: Mapped[str | None]
    trace_id: Mapped[str | None]


class ControlAuditEntryRow(ControlBase):
    __tablename__ = "audit_entry"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID | None] = mapped_column(index=True)
    tenant_id: Mapped[UUID | None]
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    after: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    address: Mapped[str | None]
    trace_id: Mapped[str | None]
