"""Use case: somebody takes a dead job, is given it, or gives it back."""

from uuid import UUID

from billwright.audit.record import record
from billwright.checks.assign_exception import works_here
from billwright.jobs.snooze_dead import lock_dead
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def assign_job(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    job_id: UUID,
    *,
    person_id: UUID | None,
    trace_id: str | None = None,
) -> JobRow:
    """Give a dead job to a person who works in this tenant, or to nobody; return it as it stands.

    Raises:
        PermissionDeniedError: without ``job:retry``.
        NotFoundError: no such job of this tenant.
        ConflictError: it is not dead.
        InputInvalidError: the person has no role in this tenant.
    """
    actor.require("job:retry")
    if person_id is not None and not works_here(database, tenant, person_id):
        raise InputInvalidError("This person has no role here; name somebody who works in this tenant.", field="person")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = lock_dead(tx, job_id)
        if row.assignee_id != person_id:
            before, row.assignee_id = row.assignee_id, person_id
            after = {"assignee": person_id, "key": row.key}
            record(tx, "job.assigned", "job", row.id, before={"assignee": before}, after=after)
    return row
