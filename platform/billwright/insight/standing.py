"""How the tenants of a partner stand: figures and changes of each, which are counts and sums and need no grant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select, tuple_

from billwright.insight.changes import Changes, read_standing
from billwright.insight.figures import Figures
from billwright.kernel.actor import Actor
from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.tenancy.database import Database
from billwright.tenancy.directory import to_tenant
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction

NEEDS: Final = "health:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One tenant at this moment."""

    tenant: Tenant
    figures: Figures
    changes: Changes


def list_standings(
    database: Database, actor: Actor, partner_id: UUID, *, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> Slice[Standing]:
    """The partner's tenants by name with how each stands; two statements per tenant besides one for the list.

    Raises:
        PermissionDeniedError: without ``health:read``.
        InputInvalidError: ``cursor`` is not of this list.
    """
    actor.require(NEEDS)
    query = select(TenantRow).where(TenantRow.partner_id == partner_id, TenantRow.state != "erased")
    if cursor is not None:
        query = query.where(tuple_(TenantRow.name, TenantRow.id) > tuple_(*read_cursor(cursor, str, UUID)))
    with control_transaction(database, actor) as tx:
        rows = tx.session.scalars(query.order_by(TenantRow.name, TenantRow.id).limit(limit + 1)).all()
    page = cut_page(rows, limit, lambda row: (row.name, row.id))
    return Slice(standings_of(database, actor, [to_tenant(row) for row in page.rows]), page.next_cursor)


def standings_of(database: Database, actor: Actor, tenants: Sequence[Tenant]) -> list[Standing]:
    """How each of ``tenants`` stands. The actor may do nothing inside: reading sums is all that happens there.

    Raises:
        PermissionDeniedError: without ``health:read``.
    """
    actor.require(NEEDS)
    counting = Actor(kind=actor.kind, name=actor.name, id=actor.id, person_id=actor.person_id)
    found = []
    for tenant in tenants:
        with transaction(database, tenant, counting, read_only=True) as tx:
            figures, changes = read_standing(tx)
        found.append(Standing(tenant=tenant, figures=figures, changes=changes))
    return found
