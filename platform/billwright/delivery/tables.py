"""Deliveries and the embedded mailbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class DeliveryRow(TenantBase):
    """One thing sent to one party. ``key`` makes it once; states: intended, sent, failed, refused."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("key"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    channel: Mapped[str]
    recipient: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    message_ref: Mapped[str | None]
    outcome: Mapped[str | None]
    intended_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class MailboxRow(TenantBase):
    """A mail kept instead of sent; the portal shows it."""

    __tablename__ = "mailbox"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(unique=True)
    at: Mapped[datetime]
    sender: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    html: Mapped[str]
    text: Mapped[str]
    attachments: Mapped[list[Any]]
