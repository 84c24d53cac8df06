"""Who works in a tenant, with which roles."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from billwright.identity.tables import MembershipRow, PersonRow, SessionRow
from billwright.kernel.actor import Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person with at least one role in the tenant. ``seen_at``: the last time that they were logged in."""

    id: UUID
    name: str
    email: str
    roles: tuple[str, ...]
    disabled_at: datetime | None
    seen_at: datetime | None


def list_members(database: Database, actor: Actor, tenant: Tenant) -> list[Member]:
    """Members of ``tenant`` by name. One query.

    Raises:
        PermissionDeniedError: no ``user:read``.
    """
    actor.require("user:read")
    seen = (
        select(func.max(SessionRow.seen_at))
        .where(SessionRow.person_id == PersonRow.id)
        .correlate(PersonRow)
        .scalar_subquery()
    )
    roles = func.array_agg(MembershipRow.role.distinct()).label("roles")
    query = (
        select(PersonRow, roles, seen.label("seen_at"))
        .join(MembershipRow, MembershipRow.person_id == PersonRow.id)
        .where(MembershipRow.tenant_id == tenant.id, MembershipRow.ended_at.is_(None))
        .group_by(PersonRow.id)
        .order_by(PersonRow.name, PersonRow.id)
    )
    with control_transaction(database, actor) as tx:
        return [
            Member(
                id=row.PersonRow.id,
                name=row.PersonRow.name,
                email=row.PersonRow.email,
                roles=tuple(sorted(row.roles)),
                disabled_at=row.PersonRow.disabled_at,
                seen_at=row.seen_at,
            )
            for row in tx.session.execute(query)
        ]
