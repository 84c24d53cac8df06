"""Use case of the house: forget jobs that are over. What waits, runs or is dead stays until somebody sees to it.

Of an erased tenant nobody will: its open jobs end as ``resolved`` with a sentence, and are forgotten like the others.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select, update

from billwright.jobs.tables import OVER, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import control_transaction

BATCH_ROWS_MAX: Final = 2_000
OPEN: Final = ("queued", "retry", "leased", "dead")
ERASED: Final = "The tenant was erased before this was done; it is not done any more."


def purge_jobs(database: Database, *, kept: timedelta) -> bool:
    """Delete up to 2,000 jobs that were done or resolved longer than ``kept`` ago, of all tenants, oldest first.

    Returns:
        Whether there may be more: call again.
    """
    ended = _end_erased(database)
    with control_transaction(database, SYSTEM) as tx:
        old = select(JobRow.id).where(OVER, JobRow.updated_at < tx.now - kept).order_by(JobRow.updated_at)
        batch = old.limit(BATCH_ROWS_MAX).with_for_update(skip_locked=True)
        gone = tx.session.scalars(delete(JobRow).where(JobRow.id.in_(batch)).returning(JobRow.id)).all()
    return BATCH_ROWS_MAX in {len(gone), ended}


def _end_erased(database: Database) -> int:
    """End up to 2,000 open jobs of erased tenants; return how many. Nobody would ever lease them, or look at the dead ones."""
    with control_transaction(database, SYSTEM) as tx:
        erased = select(TenantRow.id).where(TenantRow.state == "erased")
        batch = select(JobRow.id).where(JobRow.tenant_id.in_(erased), JobRow.state.in_(OPEN)).limit(BATCH_ROWS_MAX)
        statement = update(JobRow).where(JobRow.id.in_(batch.with_for_update(skip_locked=True)))
        values = {"state": "resolved", "error_class": "erased", "error": ERASED, "lease_id": None, "leased_until": None}
        ended = tx.session.scalars(
            statement.values(values | {"updated_at": tx.now}).returning(JobRow.id),
            execution_options={"synchronize_session": False},
        )
        return len(ended.all())
