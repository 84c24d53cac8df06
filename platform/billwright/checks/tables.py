"""Findings and exceptions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class FindingRow(TenantBase):
    """What a rule said about one content; ``resolved_at`` is set when a later check no longer says it."""

    __tablename__ = "finding"
    __table_args__ = (Index("ix_finding_open", "invoice_id", postgresql_where=text("resolved_at IS NULL")),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    rule: Mapped[str]
    code: Mapped[str]
    severity: Mapped[str]
    subject: Mapped[str]
    message: Mapped[str]
    remedy: Mapped[str]
    technical: Mapped[bool]
    evidence: Mapped[dict[str, Any]]
    content_sha256: Mapped[str]
    found_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class ExceptionRow(TenantBase):
    """One held thing on the desk: a draft with blocking findings, or a billable item that a person must look at."""

    __tablename__ = "exception"
    __table_args__ = (
        Index("ix_exception_open", "due_at", postgresql_where=text("closed_at IS NULL")),
        Index(
            "uq_exception_open_subject", "subject_id", "code", unique=True, postgresql_where=text("closed_at IS NULL")
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    code: Mapped[str]
    title: Mapped[str]
    reason: Mapped[str]
    remedy: Mapped[str]
    owner_role: Mapped[str]
    assignee_id: Mapped[UUID | None]
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    technical: Mapped[bool]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_how: Mapped[str | None]
