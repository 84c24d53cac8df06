"""People and what proves them, in the control plane; rights are per tenant or per partner, never across.

How people look at a tenant's lists is kept in that tenant: it says what they look for.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase, TenantBase


class PersonRow(ControlBase):
    """A person of one partner's world: the same address under another partner is another person."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("partner_id", "email"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("control.partner.id"))
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str | None]
    locale: Mapped[str] = mapped_column(server_default="en")
    failed_logins: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class MembershipRow(ControlBase):
    """A role in one tenant, or at the partner when ``tenant_id`` is null; taken away it stays with its end."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("person_id", "tenant_id", "role", postgresql_nulls_not_distinct=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("control.person.id"))
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("control.partner.id"))
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.tenant.id"), index=True)
    role: Mapped[str]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SessionRow(ControlBase):
    """A portal session; the cookie holds the secret, this row its SHA-256."""

    __tablename__ = "session"
    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("control.person.id"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ApiTokenRow(ControlBase):
    """A program's token: shown once, kept hashed; acts for ``person_id`` where approvals ask who made a thing."""

    __tablename__ = "api_token"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("control.partner.id"))
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.tenant.id"), index=True)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.person.id"))
    name: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AccessGrantRow(ControlBase):
    """Partner staff may enter a tenant: for a reason, for a time, seen and revocable by the tenant."""

    __tablename__ = "access_grant"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("control.person.id"))
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("control.tenant.id"), index=True)
    reason: Mapped[str]
    role: Mapped[str]
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class SavedViewRow(TenantBase):
    """A named look at a list: filters as its address has them, columns and order. ``shared``: for everybody here."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("person_id", "list_name", "name"), Index("ix_saved_view_list", "list_name"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    list_name: Mapped[str]
    name: Mapped[str]
    shared: Mapped[bool]
    filters: Mapped[dict[str, Any]]
    columns: Mapped[list[str]]
    sort_order: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ListChoiceRow(TenantBase):
    """How one person wants one list: the columns, and the view that it opens with. Null: as the list comes."""

    __tablename__ = "list_choice"
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    list_name: Mapped[str] = mapped_column(primary_key=True)
    columns: Mapped[list[str] | None]
    view_id: Mapped[UUID | None] = mapped_column(ForeignKey("saved_view.id", ondelete="SET NULL"))
    updated_at: Mapped[datetime]
