"""Races with a known outcome: one transaction stands still until another is seen waiting for it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import select, text

from billwright.insight.invariants import check_invariants
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction
from support.pipeline import Firm

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
PATIENCE = 3000


@contextmanager
def beside(database: Database, run: Callable[[], object]) -> Iterator[Future[object]]:
    """Run ``run`` in a thread that must queue behind the caller's open transaction, or end before it."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        until_waiting(database, future)
        yield future


def until_waiting(database: Database, future: Future[object]) -> None:
    """Return when ``future`` waits for a lock, or is done."""
    for _ in range(PATIENCE):
        with database.owner_engine.connect() as connection:
            waiting = connection.execute(_WAITING).scalar_one()
        if waiting or future.done():
            return
        time.sleep(0.01)
    raise AssertionError("neither waiting nor done")


def work_off(firm: Firm, *kinds: str) -> int:
    """Do the due jobs whose kind starts with one of ``kinds``; the others stay where they are."""
    some = {kind: each for kind, each in firm.handlers.by_kind.items() if kind.startswith(kinds)}
    return drain(firm.database, Handlers(some), tenant_id=firm.tenant.id)


def failed_jobs(firm: Firm) -> list[tuple[str, str, str | None]]:
    """(kind, state, error) of the jobs of which an attempt failed."""
    with control_transaction(firm.database, SYSTEM) as tx:
        query = select(JobRow.kind, JobRow.state, JobRow.error).where(
            JobRow.tenant_id == firm.tenant.id, JobRow.error.is_not(None)
        )
        return [(row.kind, row.state, row.error) for row in tx.session.execute(query)]


def offenders(firm: Firm) -> list[tuple[str, str, str]]:
    """(invariant, subject, sentence) of all that breaks an invariant of the model."""
    return [
        (verdict.invariant.name, each.subject, each.sentence)
        for verdict in check_invariants(firm.database, firm.tenant)
        for each in verdict.offenders
    ]
