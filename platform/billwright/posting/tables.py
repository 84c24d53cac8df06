"""Postings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class PostingRow(TenantBase):
    """An invoice at one ERP connection. States: intended, posted, failed, rejected, mismatch."""

    __tablename__ = "posting"
    __table_args__ = (UniqueConstraint("invoice_id", "connection_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    connection_id: Mapped[UUID]
    key: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    external_id: Mapped[str | None]
    external_number: Mapped[str | None]
    read_back: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    remedy: Mapped[str | None]
    request: Mapped[str | None]
    response: Mapped[str | None]
    intended_at: Mapped[datetime]
    posted_at: Mapped[datetime | None]
