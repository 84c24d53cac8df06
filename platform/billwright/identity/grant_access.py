"""Partner staff enter a tenant by a grant: for a reason, for a time, seen and revocable by the tenant."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update

from billwright.audit.record import record_control
from billwright.identity.permissions import GRANTABLE_ROLES, partner_permissions
from billwright.identity.queries import roles_of
from billwright.identity.tables import AccessGrantRow, PersonRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_tenant
from billwright.tenancy.transaction import ControlTx, Tenant, control_transaction

HOURS_MAX: Final = 72
REASON_CHARS: Final = (10, 500)


def grant_access(
    database: Database,
    actor: Actor,
    *,
    partner_id: UUID,
    tenant_slug: str,
    person_id: UUID,
    role: str,
    reason: str,
    hours: int,
    trace_id: str | None = None,
) -> UUID:
    """Let a person of the partner's staff into a tenant; return the grant's id.

    Staff with ``tenant:enter`` take a grant for themselves, with ``grant:write`` they give one to a colleague. The
    tenant sees it and can revoke it.

    Raises:
        PermissionDeniedError: neither of those, or the person is not staff that may enter tenants.
        NotFoundError: no such tenant or person of this partner.
        InputInvalidError: a role that cannot be granted, no reason, or not 1 to 72 hours.
    """
    if actor.person_id is not None and actor.person_id == person_id:
        actor.require("tenant:enter")
    else:
        actor.require("grant:write")
    _check(role, reason, hours)
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        tenant = find_tenant(tx.session, slug=tenant_slug)
        if tenant.partner_id != partner_id:
            raise NotFoundError(f"There is no tenant {tenant_slug}.")
        _require_staff(tx, person_id, partner_id)
        identifier = new_id()
        row = {
            "id": identifier,
            "person_id": person_id,
            "tenant_id": tenant.id,
            "reason": reason.strip(),
            "role": role,
            "granted_at": tx.now,
            "expires_at": tx.now + timedelta(hours=hours),
        }
        tx.session.execute(insert(AccessGrantRow), [row])
        after = {"person": person_id, "role": role, "hours": hours}
        record_control(
            tx,
            "grant.given",
            "grant",
            identifier,
            partner_id=partner_id,
            tenant_id=tenant.id,
            after=after,
            reason=reason.strip(),
        )
    return identifier


def _check(role: str, reason: str, hours: int) -> None:
    if role not in GRANTABLE_ROLES:
        raise InputInvalidError(f"Give one of these roles: {', '.join(sorted(GRANTABLE_ROLES))}.", field="role")
    low, high = REASON_CHARS
    if not low <= len(reason.strip()) <= high:
        raise InputInvalidError(f"Say why, in {low} to {high} characters; the tenant reads it.", field="reason")
    if not 1 <= hours <= HOURS_MAX:
        raise InputInvalidError(f"A grant lasts 1 to {HOURS_MAX} hours.", field="hours")


def _require_staff(tx: ControlTx, person_id: UUID, partner_id: UUID) -> None:
    person = tx.session.scalars(
        select(PersonRow).where(PersonRow.id == person_id, PersonRow.partner_id == partner_id)
    ).one_or_none()
    if person is None:
        raise NotFoundError("There is no such person here.")
    if "tenant:enter" not in partner_permissions(roles_of(tx.session, person_id, None)):
        raise PermissionDeniedError(
            f"{person.name} is not of the staff that enters tenants; give a partner role first.",
            permission="tenant:enter",
        )


def revoke_access(
    database: Database, actor: Actor, grant_id: UUID, *, tenant: Tenant, trace_id: str | None = None
) -> None:
    """End a grant at once, from the tenant's side or the partner's. Safe to repeat.

    Raises:
        PermissionDeniedError: neither ``grant:write`` nor one's own grant.
        NotFoundError: no such grant in this tenant.
    """
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        query = select(AccessGrantRow).where(AccessGrantRow.id == grant_id, AccessGrantRow.tenant_id == tenant.id)
        grant = tx.session.scalars(query.with_for_update()).one_or_none()
        if grant is None:
            raise NotFoundError("There is no such grant here.")
        if grant.person_id != actor.person_id:
            actor.require("grant:write")
        if grant.revoked_at is None:
            values = {"revoked_at": tx.now, "revoked_by": actor.name}
            tx.session.execute(update(AccessGrantRow).where(AccessGrantRow.id == grant_id).values(values))
            record_control(tx, "grant.revoked", "grant", grant_id, partner_id=tenant.partner_id, tenant_id=tenant.id)


def list_grants(database: Database, actor: Actor, tenant: Tenant) -> Sequence[tuple[AccessGrantRow, PersonRow]]:
    """The last 200 grants of partner staff into this tenant, newest first, with the persons.

    Raises:
        PermissionDeniedError: no ``grant:read``.
    """
    actor.require("grant:read")
    query = (
        select(AccessGrantRow, PersonRow)
        .join(PersonRow, PersonRow.id == AccessGrantRow.person_id)
        .where(AccessGrantRow.tenant_id == tenant.id)
        .order_by(AccessGrantRow.id.desc())
        .limit(200)
    )
    with control_transaction(database, actor) as tx:
        return [(grant, person) for grant, person in tx.session.execute(query)]
