"""Control tables of tenancy, and the tenant's own versioned configuration."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase, TenantBase


class PartnerRow(ControlBase):
    __tablename__ = "partner"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    brand: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class TenantRow(ControlBase):
    """``clock_at`` is set in a ``sandbox`` tenant only: its time stands where it was put."""

    __tablename__ = "tenant"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("control.partner.id"), index=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    schema_name: Mapped[str] = mapped_column(unique=True)
    role_name: Mapped[str] = mapped_column(unique=True)
    database_name: Mapped[str] = mapped_column(server_default="default")
    state: Mapped[str]
    plan: Mapped[str]
    brand: Mapped[dict[str, Any]]
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    clock_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class HostNameRow(ControlBase):
    """Which brand a host name shows; a tenant's beats its partner's."""

    __tablename__ = "host_name"
    host: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("control.partner.id"))
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.tenant.id"))


class IdempotencyRow(ControlBase):
    """Answer of a POST under the caller's ``Idempotency-Key``; ``scope`` is the caller's tenant or partner and route."""

    __tablename__ = "idempotency"
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    status: Mapped[int | None]
    response: Mapped[str | None]
    created_at: Mapped[datetime]


class ConfigurationRow(TenantBase):
    """The tenant's configuration; the highest version is in force, older ones stay."""

    __tablename__ = "configuration"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[dict[str, Any]]
    made_at: Mapped[datetime]
    made_by: Mapped[str]
