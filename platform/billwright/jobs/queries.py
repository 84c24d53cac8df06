"""Job statements. Raw SQL, because the fair scan needs a recursive skip scan and SKIP LOCKED inside a lateral join."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billwright.jobs.handlers import Job
from billwright.jobs.plans import FRESH, PLANS, STANDARD
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.transaction import Tenant

# One index probe per (queue, tenant) that has waiting jobs, then at most K of each: a tenant's backlog of any length
# costs another tenant nothing, and what finds no room is not even locked. They take turns, as many at a time as their
# plan weighs: where a round has no room for all, nobody's old backlog pushes another's only job out. Reads control.job by
# ix_job_due. A wish is due by its tenant's clock, another try in real time: a sandbox clock that stands would never let it
# happen. Kinds that this version cannot do stay for one that can.
DUE: Final = text(
    """
    WITH RECURSIVE line AS (
        (SELECT queue, tenant_id FROM control.job
          WHERE state IN ('queued', 'retry') ORDER BY queue, tenant_id LIMIT 1)
        UNION ALL
        SELECT next.queue, next.tenant_id FROM line, LATERAL (
            SELECT queue, tenant_id FROM control.job
             WHERE state IN ('queued', 'retry') AND (queue, tenant_id) > (line.queue, line.tenant_id)
             ORDER BY queue, tenant_id LIMIT 1) next
    )
    SELECT due.id, due.tenant_id, due.kind, due.queue, tenant.plan, due.error_class IS NOT DISTINCT FROM 'lease' AS suspect
      FROM line
      JOIN control.tenant ON tenant.id = line.tenant_id AND tenant.state = 'active'
      LEFT JOIN unnest(CAST(:plans AS text[]), CAST(:weights AS bigint[]), CAST(:plan_leases AS bigint[]))
             AS plan (name, weight, leases) ON plan.name = tenant.plan
      LEFT JOIN unnest(CAST(:out_tenants AS uuid[]), CAST(:out_queues AS text[]), CAST(:out_leases AS bigint[]))
             AS under_way (tenant_id, queue, leases) ON under_way.tenant_id = line.tenant_id AND under_way.queue = line.queue
      LEFT JOIN unnest(CAST(:sized_queues AS text[]), CAST(:sizes AS bigint[])) AS largest (queue, jobs)
             ON largest.queue = line.queue
     CROSS JOIN LATERAL (
        SELECT id, tenant_id, kind, queue, priority, run_at, error_class FROM control.job
         WHERE state IN ('queued', 'retry') AND queue = line.queue AND tenant_id = line.tenant_id
           AND run_at <= greatest(tenant.clock_at, :now)
           AND run_at <= CASE state WHEN 'retry' THEN :now ELSE coalesce(tenant.clock_at, :now) END
           AND kind = ANY(CAST(:kinds AS text[]))
         ORDER BY priority DESC, run_at LIMIT least(
            :per_tenant * coalesce(plan.weight, 1),
            greatest(coalesce(plan.leases, :standard_leases) * CASE WHEN under_way.leases IS NULL THEN :fresh ELSE 1 END
                     - coalesce(under_way.leases, 0), 0) * coalesce(largest.jobs, 1))
         FOR UPDATE SKIP LOCKED) due
     WHERE (CAST(:queues AS text[]) IS NULL OR due.queue = ANY(CAST(:queues AS text[])))
       AND (CAST(:tenant AS uuid) IS NULL OR due.tenant_id = CAST(:tenant AS uuid))
     ORDER BY due.priority DESC,
              (row_number() OVER (PARTITION BY due.queue, due.tenant_id, due.priority ORDER BY due.run_at, due.id) - 1)
                / coalesce(plan.weight, 1),
              due.run_at, due.id
    """
)
# PostgreSQL keeps the plan of a statement that it has seen some times. One that it made while the table was small reads and
# sorts a backlog of 100,000 jobs in every round, until the table is analysed; by the index it is right at any size.
BY_INDEX: Final = text(
    """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_sort', 'off', true)
    """
)
_LEASE: Final = text(
    """
    UPDATE control.job SET state = 'leased', lease_id = lease.lease_id, leased_until = lease.until, attempts = attempts + 1,
           updated_at = :now
      FROM unnest(CAST(:ids AS uuid[]), CAST(:leases AS uuid[]), CAST(:untils AS timestamptz[])) AS lease (id, lease_id, until)
     WHERE job.id = lease.id
    """
)
_LEASED: Final = text(
    """
    SELECT job.id, job.kind, job.key, job.payload, job.attempts, job.trace_id, job.trace_context,
           tenant.id AS tenant_id, tenant.slug, tenant.name, tenant.partner_id, tenant.schema_name, tenant.role_name,
           tenant.state, tenant.clock_at, tenant.plan, job.updated_at, job.leased_until, now() AS moment
      FROM control.job JOIN control.tenant ON tenant.id = job.tenant_id
     WHERE job.lease_id = :lease AND job.state = 'leased' ORDER BY job.id
    """
)
_DONE: Final = text(
    """
    WITH finished AS (
        UPDATE control.job SET state = 'done', updated_at = :now, error = NULL
         WHERE lease_id = :lease AND state = 'leased' AND id = ANY(:ids) RETURNING key
    ), resolved AS (
        UPDATE control.job SET state = 'resolved', updated_at = :now
         WHERE state = 'dead' AND tenant_id = :tenant AND key IN (SELECT key FROM finished)
    )
    SELECT count(*) FROM finished
    """
)
_BACK: Final = text(
    """
    UPDATE control.job SET
        state = CASE WHEN :state = 'retry' AND EXISTS (
            SELECT 1 FROM control.job other WHERE other.tenant_id = job.tenant_id AND other.key = job.key
               AND other.state IN ('queued', 'retry')) THEN 'done' ELSE :state END,
        run_at = :run_at, lease_id = NULL, leased_until = NULL, error_class = :error_class, error = :error,
        traceback = :traceback, request = :request, response = :response, updated_at = :now,
        attempts = attempts - CASE WHEN CAST(:uncounted AS boolean) THEN 1 ELSE 0 END
     WHERE id = :id AND lease_id = :lease AND state = 'leased'
    """
)
# Of several silent workers with the same wish one is enough to try again. A job that silences its workers again and again
# is what kills them: it goes behind the others from the second time on, and becomes a dead letter. ``run_at`` of a sandbox
# tenant may lie ahead of real time.
EXPIRED: Final = text(
    """
    WITH silent AS (
        SELECT id, row_number() OVER (PARTITION BY tenant_id, key ORDER BY id) AS place FROM (
            SELECT id, tenant_id, key FROM control.job
             WHERE state = 'leased' AND leased_until < :now FOR UPDATE SKIP LOCKED) AS taken
    )
    UPDATE control.job SET
        state = CASE
            WHEN silent.place > 1 OR EXISTS (
                SELECT 1 FROM control.job other WHERE other.tenant_id = job.tenant_id AND other.key = job.key
                   AND other.state IN ('queued', 'retry')) THEN 'done'
            WHEN attempts >= :silent_max THEN 'dead' ELSE 'retry' END,
        run_at = CASE WHEN attempts > 1 THEN :now ELSE least(run_at, :now) END,
        lease_id = NULL, leased_until = NULL, error_class = 'lease',
        error = 'the worker did not answer in time', updated_at = :now
      FROM silent WHERE job.id = silent.id
    """
)
_UNLEASE: Final = text(
    """
    UPDATE control.job SET state = 'retry', lease_id = NULL, leased_until = NULL, attempts = attempts - 1,
           run_at = least(run_at, now())
     WHERE lease_id = :lease AND state = 'leased' AND NOT EXISTS (
            SELECT 1 FROM control.job other WHERE other.tenant_id = job.tenant_id AND other.key = job.key
               AND other.state IN ('queued', 'retry'))
    """
)
_OUT: Final = text(
    """
    SELECT queue, tenant_id, kind, count(*) AS jobs, count(DISTINCT lease_id) AS leases,
           count(DISTINCT lease_id) FILTER (WHERE error_class = 'lease') AS suspects
      FROM control.job WHERE state = 'leased' GROUP BY queue, tenant_id, kind
    """
)
_NEXT: Final = text(
    """
    SELECT min(run_at) FROM control.job
     WHERE state = 'queued' AND tenant_id = :tenant
    """
)
SILENT_MAX: Final = 10
LOOKS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class DueJob:
    """``suspect``: its last worker never answered; this job, or another one done with it, may be what ended that worker."""

    id: UUID
    tenant_id: UUID
    kind: str
    queue: str
    plan: str
    suspect: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a round asks for. ``sizes``: the largest batch of each queue's kinds, of which ``per_tenant`` jobs of each tenant
    and queue are looked at, times its plan's weight; ``out`` is what is under way.
    """

    kinds: Collection[str]
    sizes: Mapping[str, int]
    per_tenant: int
    out: Sequence["Out"] = ()
    queues: Sequence[str] | None = None
    tenant_id: UUID | None = None

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Of ``DUE``."""
        under_way: Counter[tuple[UUID, str]] = Counter()
        for each in self.out:
            under_way[each.tenant_id, each.queue] += each.leases
        return {
            "now": now,
            "per_tenant": self.per_tenant,
            "kinds": sorted(self.kinds),
            "queues": None if self.queues is None else list(self.queues),
            "tenant": self.tenant_id,
            "plans": list(PLANS),
            "weights": [plan.weight for plan in PLANS.values()],
            "plan_leases": [plan.leases for plan in PLANS.values()],
            "standard_leases": STANDARD.leases,
            "fresh": FRESH,
            "out_tenants": [tenant_id for tenant_id, _ in under_way],
            "out_queues": [queue for _, queue in under_way],
            "out_leases": list(under_way.values()),
            "sized_queues": list(self.sizes),
            "sizes": list(self.sizes.values()),
        }


def due_jobs(session: Session, now: datetime, asked: Asked) -> list[DueJob]:
    """Lock and return what may run and finds room by its tenant's plan.

    People's actions first, then tenants in turn, each oldest first.
    """
    session.execute(BY_INDEX)
    return [DueJob(*row) for row in session.execute(DUE, asked.parameters(now))]


def lease(session: Session, now: datetime, grants: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Give out leases: (job id, lease id, until)."""
    if grants:
        ids, leases, untils = (list(column) for column in zip(*grants, strict=True))
        session.execute(_LEASE, {"now": now, "ids": ids, "leases": leases, "untils": untils})


@dataclass(frozen=True, slots=True)
class Leased:
    """A lease as it stands; ``moment`` is the database's clock, ``since`` when it was given."""

    tenant: Tenant
    jobs: list[Job]
    since: datetime
    until: datetime
    moment: datetime


def leased_jobs(session: Session | Connection, lease_id: UUID) -> Leased | None:
    """The jobs of one lease and their tenant; none when the lease was lost or done."""
    rows = session.execute(_LEASED, {"lease": lease_id}).all()
    if not rows:
        return None
    first = rows[0]
    tenant = Tenant(
        id=first.tenant_id,
        slug=first.slug,
        name=first.name,
        partner_id=first.partner_id,
        schema=first.schema_name,
        role=first.role_name,
        state=first.state,
        clock_at=first.clock_at,
        plan=first.plan,
    )
    jobs = [
        Job(
            id=row.id,
            kind=row.kind,
            key=row.key,
            payload=row.payload,
            attempts=row.attempts,
            trace_id=row.trace_id,
            trace_context=row.trace_context,
        )
        for row in rows
    ]
    return Leased(tenant, jobs, first.updated_at, first.leased_until, first.moment)


def mark_done(
    session: Session | Connection, now: datetime, tenant_id: UUID, lease_id: UUID, ids: Sequence[UUID]
) -> int:
    """Finish jobs and resolve older dead ones of the same key; return how many were still ours."""
    parameters = {"now": now, "lease": lease_id, "ids": list(ids), "tenant": tenant_id}
    return int(session.execute(_DONE, parameters).scalar_one())


def give_back(session: Session, now: datetime, lease_id: UUID, job_id: UUID, **columns: Any) -> None:
    """End a failed attempt: ``state`` retry or dead, with ``run_at`` and what went wrong. ``uncounted``: it was none."""
    defaults: dict[str, Any] = dict.fromkeys(("error_class", "error", "traceback", "request", "response"))
    defaults["uncounted"] = False
    _return_to_line(session, _BACK, {**defaults, **columns, "now": now, "lease": lease_id, "id": job_id})


def expire_leases(session: Session, now: datetime) -> int:
    """Give jobs of workers that went silent to others."""
    return _return_to_line(session, EXPIRED, {"now": now, "silent_max": SILENT_MAX})


def unlease(session: Session, lease_id: UUID) -> None:
    """Take a lease back that nobody was told of; it does not count as an attempt."""
    _return_to_line(session, _UNLEASE, {"lease": lease_id})


def _return_to_line(session: Session, statement: TextClause, parameters: dict[str, Any]) -> int:
    """Put leased jobs back where one key waits once; return how many rows changed.

    The same wish may be written between the statement's look and its own write: the unique index then stops the
    statement, and a second look sees the row. Each turn means that somebody else's wish was committed.
    """
    for _ in range(LOOKS_MAX - 1):
        try:
            with session.begin_nested():
                return _changed(session, statement, parameters)
        except IntegrityError:
            continue
    return _changed(session, statement, parameters)


def _changed(session: Session, statement: TextClause, parameters: dict[str, Any]) -> int:
    return int(session.execute(statement, parameters).rowcount)  # type: ignore[attr-defined]  # CursorResult of an UPDATE


@dataclass(frozen=True, slots=True)
class Out:
    """What is under way of one kind for one tenant; ``suspects`` of the leases hold a job whose last worker never answered."""

    queue: str
    tenant_id: UUID
    kind: str
    jobs: int
    leases: int
    suspects: int


def leases_out(session: Session) -> list[Out]:
    """Jobs and leases under way, by queue, tenant and kind."""
    return [Out(*row) for row in session.execute(_OUT)]


def next_run_at(session: Session, tenant_id: UUID) -> datetime:
    """When the tenant's next job is due by its own clock; another try of a failed one keeps to real time.

    Raises:
        NotFoundError: none waits.
    """
    moment: datetime | None = session.execute(_NEXT, {"tenant": tenant_id}).scalar_one()
    if moment is None:
        raise NotFoundError("No job waits.")
    return moment


def lease_until(now: datetime, seconds: int) -> datetime:
    return now + timedelta(seconds=seconds)
