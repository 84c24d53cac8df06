"""Use case: a dead job rests until a day, because its cause is known and somebody else mends it."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

SNOOZE_MAX: Final = timedelta(days=90)


def snooze_dead(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    job_id: UUID,
    *,
    until: datetime,
    reason: str,
    trace_id: str | None = None,
) -> JobRow:
    """Nobody need look until then. A retry, or the success of the same key, ends it.

    Raises:
        PermissionDeniedError: without ``job:retry``.
        NotFoundError: no such job of this tenant.
        ConflictError: it is not dead.
        InputInvalidError: no reason, or an end that is past or more than 90 days away.
    """
    actor.require("job:retry")
    if len(reason.strip()) < 3:
        raise InputInvalidError("Say in a few words what is waited for.", field="reason")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        if until.tzinfo is None or not tx.now < until <= tx.now + SNOOZE_MAX:
            raise InputInvalidError("Choose a moment with its zone that lies ahead, at most 90 days.", field="until")
        row = lock_dead(tx, job_id)
        row.snoozed_until, row.note = until, reason.strip()[:500]
        record(tx, "job.snoozed", "job", row.id, after={"until": until, "key": row.key}, reason=row.note)
    return row


def lock_dead(tx: Tx, job_id: UUID) -> JobRow:
    """The dead job, locked.

    Raises:
        NotFoundError: no such job of this tenant.
        ConflictError: it is not dead.
    """
    query = select(JobRow).where(JobRow.id == job_id, JobRow.tenant_id == tx.tenant.id).with_for_update()
    row = tx.session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no job {show('job', job_id)} here.")
    if row.state != "dead":
        raise ConflictError(f"This job is {row.state}; there is nothing to mend.")
    return row
