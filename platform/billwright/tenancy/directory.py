"""Finding tenants and partners in the control plane."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction


def to_tenant(row: TenantRow) -> Tenant:
    return Tenant(
        id=row.id,
        slug=row.slug,
        name=row.name,
        partner_id=row.partner_id,
        schema=row.schema_name,
        role=row.role_name,
        state=row.state,
        clock_at=row.clock_at,
        plan=row.plan,
    )


def find_tenant(session: Session, *, slug: str | None = None, tenant_id: UUID | None = None) -> Tenant:
    """The tenant by slug or id.

    Raises:
        NotFoundError: there is none.
    """
    condition = TenantRow.slug == slug if slug is not None else TenantRow.id == tenant_id
    row = session.scalars(select(TenantRow).where(condition)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no tenant {slug or tenant_id}.")
    return to_tenant(row)


def load_tenant(database: Database, slug: str) -> Tenant:
    with control_transaction(database, SYSTEM) as tx:
        return find_tenant(tx.session, slug=slug)


def list_tenants(database: Database, *, partner: str | None = None) -> Sequence[Tenant]:
    """All tenants, or one partner's, by slug."""
    query = select(TenantRow).order_by(TenantRow.slug)
    if partner is not None:
        query = query.join(PartnerRow, PartnerRow.id == TenantRow.partner_id).where(PartnerRow.slug == partner)
    with control_transaction(database, SYSTEM) as tx:
        return [to_tenant(row) for row in tx.session.scalars(query)]


def find_partner(session: Session, slug: str) -> PartnerRow:
    """The partner by slug.

    Raises:
        NotFoundError: there is none.
    """
    row = session.scalars(select(PartnerRow).where(PartnerRow.slug == slug)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no partner {slug!r}.")
    return row
