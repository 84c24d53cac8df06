"""Connections, stored source messages, dropped files."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
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
    """A raw message, stored once per (source, message_id). States: received, applied, held, superseded."""

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
