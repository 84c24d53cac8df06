"""Suspend, resume and list tenants."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update

from billwright.audit.record import record_control
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_partner, to_tenant
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import ControlTx, Tenant, control_transaction


def suspend_tenant(
    database: Database, partner_slug: str, slug: str, actor: Actor, *, reason: str, trace_id: str | None = None
) -> Tenant:
    """Shut the tenant for everyone: its people, tokens, webhooks and jobs; nothing is lost. Safe to repeat.

    Raises:
        PermissionDeniedError: no ``tenant:suspend``.
        NotFoundError: no such tenant of this partner.
        InputInvalidError: no reason of 3 to 500 characters.
    """
    if not 3 <= len(reason.strip()) <= 500:
        raise InputInvalidError("Say why, in 3 to 500 characters.", field="reason")
    return _set_state(database, partner_slug, slug, actor, "suspended", reason.strip(), trace_id)


def resume_tenant(
    database: Database, partner_slug: str, slug: str, actor: Actor, *, trace_id: str | None = None
) -> Tenant:
    """Open a suspended tenant again; raises as ``suspend_tenant``."""
    return _set_state(database, partner_slug, slug, actor, "active", None, trace_id)


def _set_state(
    database: Database, partner_slug: str, slug: str, actor: Actor, state: str, reason: str | None, trace_id: str | None
) -> Tenant:
    actor.require("tenant:suspend")
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        row = _find(tx, partner_slug, slug, lock=True)
        if row.state not in {"active", "suspended"}:
            raise ConflictError(f"{row.name} is {row.state}.")
        if row.state != state:
            tx.session.execute(update(TenantRow).where(TenantRow.id == row.id).values(state=state))
            action = "tenant.suspended" if state == "suspended" else "tenant.resumed"
            record_control(tx, action, "tenant", row.id, partner_id=row.partner_id, tenant_id=row.id, reason=reason)
            tx.session.refresh(row)
        return to_tenant(row)


def _find(tx: ControlTx, partner_slug: str, slug: str, *, lock: bool = False) -> TenantRow:
    partner = find_partner(tx.session, partner_slug)
    query = select(TenantRow).where(TenantRow.slug == slug, TenantRow.partner_id == partner.id)
    row = tx.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None or row.state == "erased":
        raise NotFoundError(f"There is no tenant {slug!r} here.")
    return row


def show_tenant(database: Database, partner_slug: str, slug: str, actor: Actor) -> TenantRow:
    """One tenant of the partner.

    Raises:
        PermissionDeniedError: no ``tenant:read``.
        NotFoundError: no such tenant of this partner.
    """
    actor.require("tenant:read")
    with control_transaction(database, actor) as tx:
        return _find(tx, partner_slug, slug)


def list_partner_tenants(
    database: Database, partner_slug: str, actor: Actor, *, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> Slice[TenantRow]:
    """The partner's tenants, oldest first; raises as ``show_tenant``."""
    actor.require("tenant:read")
    with control_transaction(database, actor) as tx:
        partner = find_partner(tx.session, partner_slug)
        query = select(TenantRow).where(TenantRow.partner_id == partner.id, TenantRow.state != "erased")
        if cursor is not None:
            (after,) = read_cursor(cursor, UUID)
            query = query.where(TenantRow.id > after)
        rows: Sequence[TenantRow] = tx.session.scalars(query.order_by(TenantRow.id).limit(limit + 1)).all()
    return cut_page(rows, limit, lambda row: (row.id,))
