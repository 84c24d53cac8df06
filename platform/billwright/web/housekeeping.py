"""What the dispatcher does besides dispatching: things that have no tenant's timer."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from billwright.intake.jobs import enqueue_scans
from billwright.jobs.purge_jobs import purge_jobs
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.web.idempotency import purge_answers

PURGE_EVERY: Final = timedelta(hours=1)


def housekeeping(database: Database, settings: Settings) -> Callable[[], None]:
    """To be called about once a second: looks into the drop folder, and once an hour forgets old answers and jobs.

    Jobs go in batches, one per call, so that dispatching never waits for a long one.
    """
    purge_at: datetime | None = None
    more = False
    kept = timedelta(days=settings.jobs_kept_days)

    def each_second() -> None:
        nonlocal purge_at, more
        enqueue_scans(database, settings.drop)
        now = database.clock.now()
        if purge_at is None or now >= purge_at:
            purge_answers(database)
            purge_at, more = now + PURGE_EVERY, True
        if more:
            more = purge_jobs(database, kept=kept)

    return each_second
