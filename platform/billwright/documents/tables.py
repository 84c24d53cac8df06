"""Stored documents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class DocumentRow(TenantBase):
    """A file of the tenant, addressed by content. The stored PDF is the PDF: it is never made again differently."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("subject_id", "kind", "sha256"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    content_sha256: Mapped[str]
    pages: Mapped[int]
    made_at: Mapped[datetime]
