"""Use cases: a person has a dead job done again, or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from billwright.audit.record import record
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

UNIQUE_VIOLATION: Final = "23505"
MANY_MAX: Final = 1_000


def retry_dead(
    database: Database, tenant: Tenant, actor: Actor, job_id: UUID, *, trace_id: str | None = None
) -> JobRow:
    """Queue a dead job again, now and with fresh attempts; return it as it stands.

    A job that is not dead is left as it is, so that asking twice does no more than asking once. If the same work waits
    already under another job, that one does it, and this one is ``resolved``.

    Raises:
        PermissionDeniedError: without ``job:retry``.
        NotFoundError: no such job of this tenant.
    """
    actor.require("job:retry")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        query = select(JobRow).where(JobRow.id == job_id, JobRow.tenant_id == tenant.id).with_for_update()
        row = tx.session.scalars(query).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no job {show('job', job_id)} here.")
        if row.state == "dead":
            before = {"state": "dead", "attempts": row.attempts, "error": row.error}
            state = "queued" if _queue_again(tx, row) else _resolve(tx, row)
            tx.session.refresh(row)
            record(tx, "job.retried", "job", row.id, before=before, after={"state": state, "key": row.key})
    return row


@dataclass(frozen=True, slots=True)
class Retried:
    """``left``: dead jobs that match and were not taken this time."""

    queued: int
    resolved: int
    left: int


def retry_many(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    job_ids: Sequence[UUID] | None = None,
    kind: str | None = None,
    error_class: str | None = None,
    trace_id: str | None = None,
) -> Retried:
    """Queue up to 1,000 dead jobs again, oldest first: those named, or all that match. One transaction, one audit entry.

    Raises:
        PermissionDeniedError: without ``job:retry``.
    """
    actor.require("job:retry")
    where = [JobRow.tenant_id == tenant.id, JobRow.state == "dead"]
    where += [JobRow.id.in_(job_ids)] if job_ids is not None else []
    where += [JobRow.kind == kind] if kind is not None else []
    where += [JobRow.error_class == error_class] if error_class is not None else []
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        rows = tx.session.scalars(
            select(JobRow).where(*where).order_by(JobRow.id).limit(MANY_MAX).with_for_update()
        ).all()
        queued = sum(_queue_again(tx, row) or not _resolve(tx, row) for row in rows)
        left = tx.session.scalar(select(func.count()).where(*where)) or 0
        if rows:
            after = {"queued": queued, "resolved": len(rows) - queued, "kind": kind, "error_class": error_class,
                     "first": rows[0].id, "last": rows[-1].id}  # fmt: skip
            record(tx, "jobs.retried", "job", rows[0].id if len(rows) == 1 else None, after=after)
    return Retried(queued, len(rows) - queued, left)


def _queue_again(tx: Tx, row: JobRow) -> bool:
    """False when a job with the same key waits already; the index decides, so that a race has one winner."""
    statement = update(JobRow).where(JobRow.id == row.id)
    try:
        with tx.session.begin_nested():
            tx.session.execute(
                statement.values(state="queued", attempts=0, run_at=tx.now, snoozed_until=None, updated_at=tx.now),
                execution_options={"synchronize_session": False},
            )
    except IntegrityError as error:
        violation = error.orig
        name = getattr(getattr(violation, "diag", None), "constraint_name", None)
        if getattr(violation, "sqlstate", None) != UNIQUE_VIOLATION or name != "uq_job_waiting_key":
            raise
        return False
    return True


def _resolve(tx: Tx, row: JobRow) -> str:
    statement = update(JobRow).where(JobRow.id == row.id).values(state="resolved", updated_at=tx.now)
    tx.session.execute(statement, execution_options={"synchronize_session": False})
    return "resolved"
