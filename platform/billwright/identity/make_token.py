"""Make and revoke API tokens."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update

from billwright.audit.record import record_control
from billwright.identity.find_token import token_sha256
from billwright.identity.permissions import ALL_PERMISSIONS, APPROVING, check_permissions
from billwright.identity.tables import ApiTokenRow, PersonRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import ControlTx, Tenant, control_transaction

DAYS_MAX: Final = 366
NAME_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class NewToken:
    """``secret`` is shown once and kept nowhere."""

    id: UUID
    secret: str
    expires_at: datetime
    scopes: tuple[str, ...]


def make_token(
    database: Database,
    actor: Actor,
    *,
    partner_id: UUID,
    tenant: Tenant | None,
    name: str,
    scopes: frozenset[str],
    days: int,
    person_id: UUID | None = None,
    trace_id: str | None = None,
) -> NewToken:
    """Make a token bound to ``tenant``, or to the partner when that is None. It acts for whoever makes it.

    What a token may do is at any time what its person still may, narrowed to ``scopes``. Only the operator gives a
    ``person_id``; the operator's tokens for nobody never approve.

    Raises:
        PermissionDeniedError: no ``token:write``, or a scope that the maker does not have.
        SegregationOfDutiesError: the scopes make a toxic pair.
        InputInvalidError: unknown scope, no name, or a life of no or more than 366 days.
    """
    actor.require("token:write")
    _check(actor, name, scopes, days)
    trusted = actor.kind in {"operator", "system"}
    if person_id is not None and not trusted:
        raise PermissionDeniedError("Nobody makes tokens for somebody else.", permission="token:write")
    owner = person_id if trusted else actor.person_id
    _check_scopes(actor, scopes, for_person=owner is not None, trusted=trusted)
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        if trusted and owner is not None:
            _require_person(tx, owner, partner_id)
        return _insert(tx, partner_id, tenant, name, scopes, days, owner)


def _check(actor: Actor, name: str, scopes: frozenset[str], days: int) -> None:
    if actor.kind == "partner_staff":
        raise PermissionDeniedError("A token would outlive the grant by which you are here.", permission="token:write")
    if not 0 < len(name.strip()) <= NAME_CHARS_MAX:
        raise InputInvalidError(f"A token needs a name of up to {NAME_CHARS_MAX} characters.", field="name")
    if not 1 <= days <= DAYS_MAX:
        raise InputInvalidError(f"A token lives 1 to {DAYS_MAX} days.", field="days")
    if not scopes:
        raise InputInvalidError("Say what the token may do: at least one scope.", field="scopes")
    if unknown := sorted(scopes - ALL_PERMISSIONS):
        raise InputInvalidError(f"There is no permission {unknown[0]!r}; see the roles.", field="scopes")


def _check_scopes(actor: Actor, scopes: frozenset[str], *, for_person: bool, trusted: bool) -> None:
    check_permissions(scopes)
    if missing := sorted(scope for scope in scopes if not trusted and not actor.may(scope)):
        raise PermissionDeniedError(f"You cannot give what you do not have: {missing[0]}.", permission=missing[0])
    if not for_person and scopes & APPROVING:
        raise PermissionDeniedError(
            "A token for nobody in person never approves.", permission="invoice:approve_finance"
        )


def _require_person(tx: ControlTx, person_id: UUID, partner_id: UUID) -> None:
    query = select(PersonRow.id).where(PersonRow.id == person_id, PersonRow.partner_id == partner_id)
    if tx.session.scalars(query).one_or_none() is None:
        raise NotFoundError("There is no such person here.")


def _insert(
    tx: ControlTx,
    partner_id: UUID,
    tenant: Tenant | None,
    name: str,
    scopes: frozenset[str],
    days: int,
    person_id: UUID | None,
) -> NewToken:
    identifier = new_id()
    secret = f"bw_{identifier.hex}_{secrets.token_urlsafe(32)}"
    made = NewToken(identifier, secret, tx.now + timedelta(days=days), tuple(sorted(scopes)))
    row = {
        "id": identifier,
        "token_sha256": token_sha256(secret),
        "partner_id": partner_id,
        "tenant_id": tenant.id if tenant else None,
        "person_id": person_id,
        "name": name.strip(),
        "scopes": list(made.scopes),
        "created_at": tx.now,
        "expires_at": made.expires_at,
    }
    tx.session.execute(insert(ApiTokenRow), [row])
    after = {"name": row["name"], "scopes": made.scopes, "expires_at": made.expires_at}
    tenant_id = tenant.id if tenant else None
    record_control(tx, "token.made", "token", identifier, partner_id=partner_id, tenant_id=tenant_id, after=after)
    return made


def revoke_token(
    database: Database,
    actor: Actor,
    token_id: UUID,
    *,
    partner_id: UUID,
    tenant: Tenant | None,
    trace_id: str | None = None,
) -> None:
    """End a token at once: one's own, or with ``user:write`` anyone's of the same tenant (or partner). Safe to repeat.

    Raises:
        NotFoundError: no such token there, or not the caller's.
    """
    tenant_id = tenant.id if tenant else None
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        query = select(ApiTokenRow).where(
            ApiTokenRow.id == token_id,
            ApiTokenRow.partner_id == partner_id,
            ApiTokenRow.tenant_id.is_not_distinct_from(tenant_id),
        )
        token = tx.session.scalars(query.with_for_update()).one_or_none()
        own = token is not None and token.person_id is not None and token.person_id == actor.person_id
        if token is None or not (own or actor.may("user:write")):
            raise NotFoundError("There is no such token here.")
        if token.revoked_at is None:
            tx.session.execute(update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(revoked_at=tx.now))
            record_control(tx, "token.revoked", "token", token_id, partner_id=partner_id, tenant_id=tenant_id)


def list_tokens(
    database: Database,
    actor: Actor,
    *,
    partner_id: UUID,
    tenant: Tenant | None,
    limit: int = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> Slice[ApiTokenRow]:
    """Tokens of the tenant (or partner), newest first: one's own, with ``user:read`` all."""
    query = select(ApiTokenRow).where(
        ApiTokenRow.partner_id == partner_id,
        ApiTokenRow.tenant_id.is_not_distinct_from(tenant.id if tenant else None),
    )
    if not actor.may("user:read"):
        query = query.where(ApiTokenRow.person_id == actor.person_id)
    if cursor is not None:
        (after,) = read_cursor(cursor, UUID)
        query = query.where(ApiTokenRow.id < after)
    with control_transaction(database, actor) as tx:
        rows = tx.session.scalars(query.order_by(ApiTokenRow.id.desc()).limit(limit + 1)).all()
    return cut_page(rows, limit, lambda row: (row.id,))
