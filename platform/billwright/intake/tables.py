"""Connections, stored source messages, dropped files."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class ConnectionRow(TenantBase):
    """A configured connector of this tenant. ``secrets`` and ``hook_secret`` are envelope-encrypted."""

    __tablename__ = "connection"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    connector: Mapped[str]
    source: Mapped[str]
    settings: Mapped[dict[str, Any]]
    secrets: Mapped[str | None]
    hook_secret: Mapped[str | None]
    enabled: Mapped[bool]
    person_id: Mapped[UUID | None]


class SourceMessageRow(TenantBase):
    """A raw message, stored once per (source, message_id). States: received, applied, held, superseded.

    ``data`` and ``type`` stay for ever as they came. Where ``correction_id`` is set, what is mapped is that correction's.
    """

    __tablename__ = "source_message"
    __table_args__ = (
        UniqueConstraint("source", "message_id"),
        Index("ix_source_message_open", "received_at", postgresql_where=text("state IN ('received', 'held')")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID | None]
    source: Mapped[str]
    message_id: Mapped[str]
    type: Mapped[str]
    subject: Mapped[str]
    time: Mapped[datetime]
    sequence: Mapped[int | None]
    data: Mapped[dict[str, Any]]
    sha256: Mapped[str]
    channel: Mapped[str]
    person_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str | None]
    field: Mapped[str | None]
    applied_at: Mapped[datetime | None]
    correction_id: Mapped[UUID | None]


class HeldMessageRow(TenantBase):
    """What the desk knows of a message that was held at least once; ``closed_at`` is set when it no longer is.

    ``why``: no_mapping, unknown_version, wrong_content, mapping_failed or connection. ``object_kind`` and ``object_ref`` are
    what a message of our own types is about. ``proposal_id`` is the correction that waits for a decision. ``closed_how``:
    applied, superseded (older than what is known), or resolved, by the newer message ``closed_by``.
    """

    __tablename__ = "held_message"
    __table_args__ = (
        Index(
            "ix_held_message_object",
            "object_kind",
            "object_ref",
            postgresql_where=text("closed_at IS NULL AND object_ref IS NOT NULL"),
        ),
    )
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    why: Mapped[str]
    object_kind: Mapped[str | None]
    object_ref: Mapped[str | None]
    held_at: Mapped[datetime]
    tries: Mapped[int]
    tried_at: Mapped[datetime]
    assignee_id: Mapped[UUID | None]
    snoozed_until: Mapped[datetime | None]
    note: Mapped[str | None]
    proposal_id: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    closed_how: Mapped[str | None]
    closed_by: Mapped[UUID | None]


class MessageCorrectionRow(TenantBase):
    """Other content that a person proposed for a held message. Never changed; the message's own content neither.

    The hashes are of type and data: of what was mapped when it was proposed, and of what is proposed.
    """

    __tablename__ = "message_correction"
    __table_args__ = (Index("ix_message_correction_message_id", "message_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    before_sha256: Mapped[str]
    after_sha256: Mapped[str]
    reason: Mapped[str]
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[UUID]
    proposed_by_name: Mapped[str]
    proposed_by_email: Mapped[str | None]


class CorrectionDecisionRow(TenantBase):
    """What became of a correction, once and for good: approved or rejected by another person, or withdrawn by its own."""

    __tablename__ = "correction_decision"
    __table_args__ = (
        CheckConstraint("(decision = 'withdrawn') = (decided_by = proposed_by)", name="decided_by_another"),
    )
    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    decision: Mapped[str]
    reason: Mapped[str]
    decided_at: Mapped[datetime]
    decided_by: Mapped[UUID]
    decided_by_name: Mapped[str]
    proposed_by: Mapped[UUID]


class DropFileRow(TenantBase):
    """A file of the drop folder, taken once by its content."""

    __tablename__ = "drop_file"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    name: Mapped[str]
    sha256: Mapped[str]
    rows_accepted: Mapped[int]
    rows_refused: Mapped[int]
    rows_known: Mapped[int]
    taken_at: Mapped[datetime]
