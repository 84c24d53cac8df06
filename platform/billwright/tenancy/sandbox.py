"""A sandbox tenant's clock: stands where it is put, so that months of work can be run in minutes."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import update

from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction


def set_clock(database: Database, tenant: Tenant, moment: datetime | None) -> Tenant:
    """Put the tenant's clock to ``moment`` (none: back to the real time) and return the tenant as it is then."""
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == tenant.id).values(clock_at=moment))
    return replace(tenant, clock_at=moment)
