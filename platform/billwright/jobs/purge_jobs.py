"""Use case of the house: forget jobs that are over. What waits, runs or is dead stays until somebody sees to it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from billwright.jobs.tables import OVER, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction

BATCH_ROWS_MAX: Final = 2_000


def purge_jobs(database: Database, *, kept: timedelta) -> bool:
    """Delete up to 2,000 jobs that were done or resolved longer than ``kept`` ago, of all tenants, oldest first.

    Returns:
        Whether there may be more: call again.
    """
    with control_transaction(database, SYSTEM) as tx:
        old = select(JobRow.id).where(OVER, JobRow.updated_at < tx.now - kept).order_by(JobRow.updated_at)
        batch = old.limit(BATCH_ROWS_MAX).with_for_update(skip_locked=True)
        gone = tx.session.scalars(delete(JobRow).where(JobRow.id.in_(batch)).returning(JobRow.id)).all()
    return len(gone) == BATCH_ROWS_MAX
