"""What the dispatcher does besides dispatching: things that have no tenant's timer."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from billwright.intake.jobs import enqueue_scans
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.web.idempotency import purge_answers

PURGE_EVERY: Final = timedelta(hours=1)


def housekeeping(database: Database, settings: Settings) -> Callable[[], None]:
    """To be called about once a second: looks into the drop folder, and once an hour forgets old answers."""
    purge_at: datetime | None = None

    def each_second() -> None:
        nonlocal purge_at
        enqueue_scans(database, settings.drop)
        now = database.clock.now()
        if purge_at is None or now >= purge_at:
            purge_answers(database)
            purge_at = now + PURGE_EVERY

    return each_second
