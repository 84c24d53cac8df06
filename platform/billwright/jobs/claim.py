"""A lease round: what is due, grouped into leases of one tenant and kind."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from billwright.jobs import queries
from billwright.jobs.handlers import Handler, Handlers
from billwright.jobs.plans import FRESH, plan_of
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import OffsetClock, SystemClock
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import ControlTx, control_transaction

PER_TENANT: Final = 200  # jobs of one tenant and queue per round (K in the design), times its plan's weight
OUT_MAX: Final = 400  # leases under way per queue; the rest waits in PostgreSQL, where it is safe and fair
# Leases under way of one tenant and batched kind. While two are being done, what comes in the meantime gathers to one
# larger batch instead of many small ones: under load the cost per job falls by itself.
BATCHES_OUT_MAX: Final = 2
# A batch whose worker never answered may hold the job that ended it (a plugin that holds the interpreter, or takes all
# memory). Its jobs are tried alone, one of a tenant and kind at a time and beside the healthy batches, so that only the
# guilty one fails on; its lease is short, so that it is known in minutes.
SUSPECTS_OUT_MAX: Final = 1
SUSPECT_LEASE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Lease:
    id: UUID
    kind: str
    jobs: int

    @property
    def queue(self) -> str:
        return self.kind.partition(".")[0]


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
        room = _Room(out_max, out)
        now = lease_now(tx)
        asked = queries.Asked(
            kinds=handlers.by_kind,
            sizes=handlers.sizes,
            per_tenant=per_tenant,
            out=out,
            queues=room.open_queues(handlers.queues if queues is None else queues),
            tenant_id=tenant_id,
        )
        due = queries.due_jobs(tx.session, now, asked)
        groups: dict[tuple[UUID, str, bool], list[list[queries.DueJob]]] = defaultdict(list)
        for job in due:
            handler = handlers.by_kind[job.kind]
            alone = job.suspect and handler.batch_max > 1
            parts = groups[job.tenant_id, job.kind, alone]
            if parts and not alone and len(parts[-1]) < handler.batch_max:
                parts[-1].append(job)
            elif room.take(job, handler, alone=alone):
                parts.append([job])
        leases: list[Lease] = []
        grants: list[tuple[UUID, UUID, datetime]] = []
        for (_, kind, alone), parts in groups.items():
            lease_s = handlers.by_kind[kind].lease_s
            until = queries.lease_until(now, min(lease_s, SUSPECT_LEASE_S) if alone else lease_s)
            for part in parts:
                lease = Lease(new_id(), kind, len(part))
                leases.append(lease)
                grants.extend((job.id, lease.id, until) for job in part)
        queries.lease(tx.session, now, grants)
    return leases


class _Room:
    """How many leases may still be handed out: per queue, per tenant and queue by its plan, and per tenant and kind."""

    def __init__(self, out_max: int, out: Sequence[queries.Out]) -> None:
        self._out_max = out_max
        self._queues: Counter[str] = Counter()
        self._tenants: Counter[tuple[UUID, str]] = Counter()
        self._kinds: Counter[tuple[UUID, str, bool]] = Counter()
        for each in out:
            self._queues[each.queue] += each.leases
            self._tenants[each.tenant_id, each.queue] += each.leases
            self._kinds[each.tenant_id, each.kind, False] += each.leases - each.suspects
            self._kinds[each.tenant_id, each.kind, True] += each.suspects
        self._busy = frozenset(self._tenants)

    def open_queues(self, queues: Collection[str]) -> list[str]:
        return [queue for queue in queues if self._queues[queue] < self._out_max]

    def take(self, job: queries.DueJob, handler: Handler, *, alone: bool) -> bool:
        """Whether there is room for one more lease; it is taken then. ``alone``: for a job that is tried by itself."""
        leases_max = handler.leases_max or (BATCHES_OUT_MAX if handler.batch_max > 1 else None)
        leases_max = SUSPECTS_OUT_MAX if alone else leases_max
        if (
            self._queues[job.queue] >= self._out_max
            or self._tenants[job.tenant_id, job.queue] >= plan_of(job.plan).leases * self._burst(job)
            or (leases_max is not None and self._kinds[job.tenant_id, job.kind, alone] >= leases_max)
        ):
            return False
        self._queues[job.queue] += 1
        self._tenants[job.tenant_id, job.queue] += 1
        self._kinds[job.tenant_id, job.kind, alone] += 1
        return True

    def _burst(self, job: queries.DueJob) -> int:
        return 1 if (job.tenant_id, job.queue) in self._busy else FRESH


def lease_now(tx: ControlTx) -> datetime:
    """The moment by which leases are given and end: the database's, for hosts' clocks differ and leap.

    A clock that a test or an import brought stands for it.
    """
    if by_database(tx.database):
        moment: datetime = tx.session.execute(select(func.now())).scalar_one()
        return moment
    return tx.now


def by_database(database: Database) -> bool:
    """Whether leases go by the database's clock."""
    return isinstance(database.clock, SystemClock | OffsetClock)


def release_expired(database: Database) -> int:
    """Give the jobs of silent workers back; return how many."""
    with control_transaction(database, SYSTEM) as tx:
        return queries.expire_leases(tx.session, lease_now(tx))


def release(database: Database, lease_id: UUID) -> None:
    """Take back a lease that could not be handed out (the broker is away)."""
    with control_transaction(database, SYSTEM) as tx:
        queries.unlease(tx.session, lease_id)
