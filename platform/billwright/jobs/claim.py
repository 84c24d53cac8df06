"""A lease round: what is due, grouped into leases of one tenant and kind."""

from collections import defaultdict
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
        due = queries.due_jobs(
            tx.session, tx.now, per_tenant=per_tenant, kinds=handlers.by_kind, queues=queues, tenant_id=tenant_id
        )
        groups: dict[tuple[UUID, str], list[queries.DueJob]] = defaultdict(list)
        for job in due:
            if out.get(job.queue, 0) < out_max:
                out[job.queue] = out.get(job.queue, 0) + 1
                groups[job.tenant_id, job.kind].append(job)
        leases: list[Lease] = []
        grants: list[tuple[UUID, UUID, datetime]] = []
        for (_, kind), jobs in groups.items():
            handler = handlers.by_kind[kind]
            until = queries.lease_until(tx.now, handler.lease_s)
            for start in range(0, len(jobs), handler.batch_max):
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
