"""Findings, exceptions and waivers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
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
    """One held thing on the desk: a draft with blocking findings, or a billable item that a person must look at.

    Its clock runs in business time. While ``paused_until`` lies ahead it stands; ``left_s`` is what it had left then.
    """

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
    paused_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    paused_why: Mapped[str | None]
    left_s: Mapped[int | None]
    closed_at: Mapped[datetime | None]
    closed_how: Mapped[str | None]


class WaiverRow(TenantBase):
    """A person asks to let one blocking finding pass, a second person decides. States: waiting, granted, refused, dropped.

    Bound to the finding that was looked at (its words with it) and to the hash of the content that it spoke of.
    """

    __tablename__ = "waiver"
    __table_args__ = (
        CheckConstraint("decided_by <> asked_by", name="decided_by_another"),
        Index("ix_waiver_invoice_id", "invoice_id"),
        Index("ix_waiver_waiting", "asked_at", postgresql_where=text("state = 'waiting'")),
        Index(
            "uq_waiver_open_finding",
            "finding_id",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'granted')"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    finding_id: Mapped[UUID]
    rule: Mapped[str]
    code: Mapped[str]
    subject: Mapped[str]
    message: Mapped[str]
    content_sha256: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    evidence: Mapped[str]
    asked_at: Mapped[datetime]
    asked_by: Mapped[UUID]
    asked_by_name: Mapped[str]
    asked_by_email: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]
    decided_by_email: Mapped[str | None]
    decision_reason: Mapped[str | None]
    dropped_at: Mapped[datetime | None]
    dropped_why: Mapped[str | None]
