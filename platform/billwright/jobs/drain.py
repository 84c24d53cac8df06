"""Doing all due jobs in this process: tests, imports, small tools. The same leases and attempts as the workers."""

from uuid import UUID

from billwright.jobs.claim import claim
from billwright.jobs.handlers import Handlers
from billwright.jobs.work import do_lease
from billwright.tenancy.database import Database


def drain(database: Database, handlers: Handlers, *, tenant_id: UUID | None = None, rounds_max: int = 10_000) -> int:
    """Do what is due, and what becomes due by it, until nothing is. Return how many jobs were done."""
    done = 0
    for _ in range(rounds_max):
        leases = claim(database, handlers, tenant_id=tenant_id)
        if not leases:
            return done
        for lease in leases:
            done += do_lease(database, handlers, lease.id)
    raise RuntimeError(f"jobs make jobs without end: {done} done")
