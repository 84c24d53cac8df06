"""A sandbox tenant's clock: stands where it is put, so that months of work can be run in minutes."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import update

from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import ConflictError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction


def set_clock(database: Database, tenant: Tenant, moment: datetime | None) -> Tenant:
    """Put the tenant's clock to ``moment`` (none: back to the real time) and return the tenant as it is then.

    Raises:
        ConflictError: the tenant is no sandbox; its documents carry the real time.
    """
    with control_transaction(database, SYSTEM) as tx:
        statement = update(TenantRow).where(TenantRow.id == tenant.id, TenantRow.sandbox).values(clock_at=moment)
        if tx.session.scalars(statement.returning(TenantRow.id)).one_or_none() is None:
            raise ConflictError(f"{tenant.name} is no sandbox; its clock cannot be set.")
    return replace(tenant, clock_at=moment)
