"""A lease round: what is due, grouped into leases of one tenant and kind."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from billwright.jobs import queries
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction

PER_TENANT: Final = 100  # leases of one tenant and queue per round (K in the design)
OUT_MAX: Final = 400  # jobs under way per queue; the rest waits in PostgreSQL, where it is safe and fair
# Leases under way of one tenant and batched kind. While two are being done, what comes in the meantime gathers to one
# larger batch instead of many small ones: under load the cost per job falls by itself.
BATCHES_OUT_MAX: Final = 2


@dataclass(frozen=True, slots=True)
class Lease:
    id: UUID
    queue: str
    jobs: int


def claim(
    database: Database,
    handlers: Handlers,
    *,
    per_tenant: int = PER_TENANT,
    out_max: int = OUT_MAX,
    queues: Sequence[str] | None = None,
    tenant_id: UUID | None = None,
) -> list[Lease]:
    """Lease what is due and return the leases; an empty list when there is nothing to do."""
    with control_transaction(database, SYSTEM) as tx:
        out = queries.leases_out(tx.session)
        jobs_out: Counter[str] = Counter()
        batches_out: Counter[tuple[UUID, str]] = Counter()
        for each in out:
            jobs_out[each.queue] += each.jobs
            batches_out[each.tenant_id, each.kind] += each.leases
        due = queries.due_jobs(
            tx.session, tx.now, per_tenant=per_tenant, kinds=handlers.by_kind, queues=queues, tenant_id=tenant_id
        )
        groups: dict[tuple[UUID, str], list[queries.DueJob]] = defaultdict(list)
        for job in due:
            if jobs_out[job.queue] < out_max:
                jobs_out[job.queue] += 1
                groups[job.tenant_id, job.kind].append(job)
        leases: list[Lease] = []
        grants: list[tuple[UUID, UUID, datetime]] = []
        for (tenant, kind), jobs in groups.items():
            handler = handlers.by_kind[kind]
            until = queries.lease_until(tx.now, handler.lease_s)
            for start in range(0, len(jobs), handler.batch_max):
                if handler.batch_max > 1 and batches_out[tenant, kind] >= BATCHES_OUT_MAX:
                    break
                batches_out[tenant, kind] += 1
                part = jobs[start : start + handler.batch_max]
                lease = Lease(new_id(), part[0].queue, len(part))
                leases.append(lease)
                grants.extend((job.id, lease.id, until) for job in part)
        queries.lease(tx.session, tx.now, grants)
    return leases


def release_expired(database: Database) -> int:
    """Give the jobs of silent workers back; return how many."""
    with control_transaction(database, SYSTEM) as tx:
        return queries.expire_leases(tx.session, tx.now)


def release(database: Database, lease_id: UUID) -> None:
    """Take back a lease that could not be handed out (the broker is away)."""
    with control_transaction(database, SYSTEM) as tx:
        queries.unlease(tx.session, lease_id)
