"""Doing a lease. Safe to call twice: the second call finds the lease done and does nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Connection, update

from billwright.jobs import queries
from billwright.jobs.breaker import NOT_ANSWERED, Breaker, Systems, put_off, systems_of
from billwright.jobs.claim import by_database
from billwright.jobs.failures import judge
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.spans import in_span, tell
from billwright.jobs.tables import JobRow
from billwright.kernel import tracing
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_statements, control_transaction, transaction

log = structlog.get_logger("billwright.jobs")


class _UnansweredError(Exception):
    """Another system did not answer; its budget of retries has a place for this job from ``not_before`` on.

    ``probed``: the job only asked whether it is back.
    """

    def __init__(self, error: Exception, not_before: datetime, *, probed: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.not_before, self.probed = error, not_before, probed


class LeaseLostError(Exception):
    """Somebody else has the job by now; this attempt must leave no trace."""


def do_lease(database: Database, handlers: Handlers, lease_id: UUID) -> int:
    """Do all jobs of a lease; return how many were done. Failures are judged and recorded, never raised."""
    with control_statements(database) as connection:
        leased = queries.leased_jobs(connection, lease_id)
        if leased is None:
            return 0
        _renew(database, connection, lease_id, leased)
    tenant, jobs = leased.tenant, leased.jobs
    if tenant.state != "active":
        with control_transaction(database, SYSTEM) as tx:
            queries.unlease(tx.session, lease_id)
        return 0
    handler = handlers.by_kind[jobs[0].kind]
    if handler.outside is not None:
        systems = systems_of(handlers)
        return sum(_attempt(database, tenant, handler, lease_id, [job], systems=systems) for job in jobs)
    if len(jobs) > 1 and _attempt(database, tenant, handler, lease_id, jobs, last=False):
        return len(jobs)
    return sum(_attempt(database, tenant, handler, lease_id, [job]) for job in jobs)


def _renew(database: Database, connection: Connection, lease_id: UUID, leased: queries.Leased) -> None:
    """A lease that waited for a worker longer than half its length begins anew, lest it expire during the work."""
    now = leased.moment if by_database(database) else database.clock.now()
    length = leased.until - leased.since
    if now - leased.since > length / 2:
        ours = (JobRow.lease_id == lease_id, JobRow.state == "leased")
        connection.execute(update(JobRow).where(*ours).values(leased_until=now + length, updated_at=now))


@in_span
def _attempt(
    database: Database,
    tenant: Tenant,
    handler: Handler,
    lease_id: UUID,
    jobs: Sequence[Job],
    *,
    last: bool = True,
    systems: Systems | None = None,
) -> int:
    """One attempt; 1 when it succeeded. ``last``: a failure is recorded (else the jobs are tried again apart)."""
    ids = [job.id for job in jobs]
    try:
        if handler.outside is not None:
            _act(database, tenant, handler, jobs[0], systems or {})
            with control_statements(database) as connection:
                done = queries.mark_done(connection, database.clock.now(), tenant.id, lease_id, ids)
            if done != len(ids):  # the act stands, and whoever has the job now finds it done: handlers look first
                raise LeaseLostError(str(lease_id))
        else:
            assert handler.in_transaction is not None
            with transaction(database, tenant, SYSTEM, trace_id=tracing.trace_id()) as work:
                handler.in_transaction(work, jobs)
                done = queries.mark_done(work.session, database.clock.now(), tenant.id, lease_id, ids)
                if done != len(ids):
                    raise LeaseLostError(str(lease_id))
    except LeaseLostError:
        log.warning("lease lost", lease=str(lease_id), tenant=tenant.slug)
        return 0
    except _UnansweredError as unanswered:
        _record_failure(database, tenant, handler, lease_id, jobs[0], unanswered.error, unanswered)
        return 0
    except Exception as error:
        if last:
            _record_failure(database, tenant, handler, lease_id, jobs[0], error)
        return 0
    return 1


def _act(database: Database, tenant: Tenant, handler: Handler, job: Job, systems: Systems) -> None:
    """The call to another system, through its breaker where the handler names one."""
    assert handler.outside is not None
    again = job.attempts < handler.attempts_max
    if handler.breaker is None:
        try:
            handler.outside(tenant, job)
        except NOT_ANSWERED as error:
            if not again:
                raise
            key = f"queue:{job.kind.partition('.')[0]}"
            raise _UnansweredError(error, put_off(database, tenant, key)) from error
        return
    breaker = Breaker(database, tenant, handler.breaker(job), systems)
    breaker.enter()
    try:
        handler.outside(tenant, job)
    except NOT_ANSWERED as error:
        not_before = breaker.failed(error, again=again or breaker.probes)
        raise _UnansweredError(error, not_before, probed=breaker.probes) from error
    except Exception:
        breaker.answered()
        raise
    breaker.answered()


def _record_failure(
    database: Database,
    tenant: Tenant,
    handler: Handler,
    lease_id: UUID,
    job: Job,
    error: Exception,
    unanswered: _UnansweredError | None = None,
) -> None:
    probed = unanswered is not None and unanswered.probed
    with control_transaction(database, SYSTEM) as tx:
        now = tx.now
        verdict = judge(
            error,
            attempts=job.attempts - probed,
            attempts_max=handler.attempts_max,
            now=now,
            not_before=unanswered.not_before if unanswered else None,
        )
        queries.give_back(
            tx.session,
            now,
            lease_id,
            job.id,
            state=verdict.state,
            run_at=verdict.run_at,
            error_class=verdict.failure,
            error=verdict.error,
            traceback=verdict.traceback,
            request=verdict.request,
            response=verdict.response,
            uncounted=verdict.failure == "later" or probed,
        )
    tell(verdict.failure, error)
    if verdict.failure == "later":
        return
    log.warning(
        "job failed", tenant=tenant.slug, kind=job.kind, key=job.key, failure=verdict.failure, state=verdict.state,
        error=verdict.error.partition("\n")[0][:300], trace_id=job.trace_id,
    )  # fmt: skip
