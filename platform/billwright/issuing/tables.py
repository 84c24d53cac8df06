"""Number series and frozen snapshots."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class NumberSeriesRow(TenantBase):
    """Counter per legal entity, document type and year (0 = never restarts). Taken last; a rollback gives it back."""

    __tablename__ = "number_series"
    legal_entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_type: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    pattern: Mapped[str]
    next_number: Mapped[int]


class SnapshotRow(TenantBase):
    """The frozen content; insert-only by grants."""

    __tablename__ = "invoice_snapshot"
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    sha256: Mapped[str]
    frozen_at: Mapped[datetime]
