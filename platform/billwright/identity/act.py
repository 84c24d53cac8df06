"""From a caller to an actor: what they may do in one tenant, or at their partner. Never both at once."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from billwright.identity.caller import Caller
from billwright.identity.permissions import (
    ALL_PERMISSIONS,
    APPROVING,
    check_permissions,
    partner_permissions,
    tenant_permissions,
)
from billwright.identity.queries import tenant_with_rights
from billwright.identity.tables import AccessGrantRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError, TenantSuspendedError
from billwright.tenancy.directory import to_tenant
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant

NEVER_BY_GRANT: Final = frozenset({"token:write", "user:write", "grant:write"})
"""What would outlive a grant."""


def operator(name: str = "operator") -> Actor:
    """Whoever runs the ``billwright`` command on the server: may all but approve."""
    return Actor(kind="operator", name=name, permissions=ALL_PERMISSIONS - APPROVING)


def _narrowed(caller: Caller, permissions: frozenset[str]) -> frozenset[str]:
    if caller.scopes is not None:
        permissions &= caller.scopes
    return permissions if caller.person is not None else permissions - APPROVING


def _actor(caller: Caller, permissions: frozenset[str]) -> Actor:
    person = caller.person
    return Actor(
        kind="token" if caller.kind == "token" else "person",
        name=caller.name,
        id=caller.token_id or (person.id if person else None),
        person_id=person.id if person else None,
        email=person.email if person else None,
        permissions=permissions,
        address=caller.address,
    )


def actor_at_partner(caller: Caller) -> Actor:
    """The caller in partner matters: nothing inside any tenant; nobody at all for a tenant's token."""
    if caller.tenant_id is not None:
        return _actor(caller, frozenset())
    held = partner_permissions(caller.roles) if caller.person is not None else caller.scopes or frozenset()
    return _actor(caller, _narrowed(caller, held))


def actor_for(session: Session, caller: Caller, which: ColumnElement[bool], now: datetime) -> tuple[Tenant, Actor]:
    """The tenant that ``which`` finds, and the caller with that tenant's permissions only.

    A token is bound to its tenant. Partner staff come in by a live grant, as the role that it names, and can make
    nothing that outlives it.

    Raises:
        NotFoundError: no such tenant, or not for this caller; the two are never told apart.
        TenantSuspendedError: it is suspended.
        SegregationOfDutiesError: the caller's roles make a toxic pair.
    """
    found = tenant_with_rights(session, which, caller.person.id if caller.person else None, now)
    return enter(caller, *(found if found is not None else (None, None, None)))


def enter(
    caller: Caller, row: TenantRow | None, roles: list[str] | None, grant: AccessGrantRow | None
) -> tuple[Tenant, Actor]:
    """``actor_for`` of a tenant that was read already, with the person's ``roles`` there and their live ``grant``."""
    if row is None or row.partner_id != caller.partner.id or caller.tenant_id not in {None, row.id}:
        raise _not_here()
    actor = _member(caller, roles, bound=caller.tenant_id is not None) or _staff(caller, grant)
    if actor is None:
        raise _not_here()
    return _open(row), actor


def _open(row: TenantRow) -> Tenant:
    if row.state == "erased":
        raise _not_here()
    if row.state != "active":
        raise TenantSuspendedError(f"{row.name} is {row.state}; an administrator of its partner can resume it.")
    return to_tenant(row)


def _member(caller: Caller, roles: list[str] | None, *, bound: bool) -> Actor | None:
    if caller.person is None:
        if not bound:
            return None
        permissions = caller.scopes or frozenset()
        check_permissions(permissions)
    elif roles and (bound or caller.kind == "session"):
        permissions = tenant_permissions(roles)
    else:
        return None
    return _actor(caller, _narrowed(caller, permissions))


def _staff(caller: Caller, grant: AccessGrantRow | None) -> Actor | None:
    """Partner staff inside a tenant, as the grant's role; a partner's token needs the scope ``tenant:enter``."""
    if grant is None or caller.person is None or not actor_at_partner(caller).may("tenant:enter"):
        return None
    return Actor(
        kind="partner_staff",
        name=caller.name,
        id=caller.token_id or caller.person.id,
        person_id=caller.person.id,
        email=caller.person.email,
        permissions=tenant_permissions([grant.role]) - NEVER_BY_GRANT,
        acting_for=caller.partner.name,
        grant_id=grant.id,
        address=caller.address,
    )


def _not_here() -> NotFoundError:
    return NotFoundError("There is no such tenant here.")
