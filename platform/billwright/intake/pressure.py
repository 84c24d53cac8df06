"""Back-pressure: the door says "later" while a tenant's deliveries wait in too long a line, before that harms others."""

import threading
import time
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from billwright.intake.errors import IntakeFullError
from billwright.jobs.plans import plan_of
from billwright.jobs.tables import JobRow
from billwright.tenancy.transaction import Tx

RETRY_AFTER_S: Final = 10
# A door that had room keeps some for a moment: asked once per tenant and process in that time, not with every delivery.
ROOM_HOLDS_S: Final = 0.5
QUEUE: Final = "intake"

_lock: Final = threading.Lock()
_had_room_s: Final[dict[UUID, float]] = {}
_TENANTS_MAX: Final = 10_000


def check_room(tx: Tx) -> None:
    """Refuse while as many deliveries wait as the tenant's plan lets wait. At most one statement, bounded by that number.

    Raises:
        IntakeFullError: says when to come again.
    """
    now = time.monotonic()
    with _lock:
        if now - _had_room_s.get(tx.tenant.id, -ROOM_HOLDS_S) < ROOM_HOLDS_S:
            return
    most = plan_of(tx.tenant.plan).intake_jobs
    line = select(JobRow.id).where(
        JobRow.queue == QUEUE, JobRow.tenant_id == tx.tenant.id, JobRow.state.in_(("queued", "retry"))
    )
    waiting = tx.session.scalar(select(func.count()).select_from(line.limit(most).subquery())) or 0
    if waiting >= most:
        raise IntakeFullError(
            f"{waiting} deliveries of this tenant wait to be worked off, and nothing of this one was stored. Send it again "
            f"in {RETRY_AFTER_S} seconds; larger batches are worked off faster than single messages.",
            retry_after_s=RETRY_AFTER_S,
        )
    with _lock:
        if len(_had_room_s) >= _TENANTS_MAX:
            _had_room_s.clear()
        _had_room_s[tx.tenant.id] = now
