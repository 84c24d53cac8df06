"""What the benches of jobs share: tenants without schemas to speak of, processes that do next to nothing, and counting."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import exists, func, literal_column, or_, select, update

from bench import _harness as harness
from billwright.jobs.enqueue import enqueue
from billwright.jobs.tables import WAITING, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_statements, control_transaction, transaction

TESTS = harness.ROOT / "tests"
AT_ONCE = 2_000
LOOK_EVERY_S = 0.02
KIND_THAT_WAITS = "webhooks.bench"


@contextmanager
def crew(settings: Settings, *commands: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of ``bench._job_process``, ended with the block."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BILLWRIGHT_HOME": str(settings.home),
        "BILLWRIGHT_MASTER_KEY": harness.MASTER_KEY,
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench._job_process", *command],
            cwd=TESTS,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def write(database: Database, tenant: Tenant, kind: str, number: int, *, prefix: str = "") -> None:
    for start in range(0, number, AT_ONCE):
        with transaction(database, tenant, SYSTEM) as tx:
            enqueue(tx, (JobSpec(kind=kind, key=f"{prefix}{n}") for n in range(start, min(start + AT_ONCE, number))))


def left(database: Database, kind: str) -> int:
    with control_transaction(database, SYSTEM) as tx:
        query = select(func.count()).where(JobRow.kind == kind, JobRow.state.in_(("queued", "retry", "leased")))
        return tx.session.scalar(query) or 0


def anything_left(database: Database, kind: str, tenant: Tenant | None = None) -> bool:
    """Of all, or of one tenant. By the partial indexes: looking must cost next to nothing, however many are done already."""
    mine = (JobRow.kind == kind, *((JobRow.tenant_id == tenant.id,) if tenant else ()))
    waiting = exists().where(*mine, WAITING)
    leased = exists().where(*mine, JobRow.state == literal_column("'leased'"))
    with control_statements(database) as connection:
        return bool(connection.execute(select(or_(waiting, leased))).scalar_one())


def until_done(database: Database, kind: str, *, within_s: float = 600) -> float:
    """Seconds until none is left."""
    started = time.perf_counter()
    while anything_left(database, kind):
        if time.perf_counter() - started > within_s:
            raise TimeoutError(f"{left(database, kind)} jobs of {kind} are left")
        time.sleep(LOOK_EVERY_S)
    return time.perf_counter() - started


def forget(database: Database, tenant: Tenant) -> None:
    """What the tenant still wants is wanted no more: the next pair begins without it."""
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(JobRow).where(JobRow.tenant_id == tenant.id, WAITING).values(state="done"))
    while anything_left(database, KIND_THAT_WAITS, tenant):
        time.sleep(LOOK_EVERY_S)


def waits(database: Database, tenant: Tenant, since: datetime) -> list[float]:
    """Seconds from being written to being done, of the tenant's jobs since then."""
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.created_at, JobRow.updated_at).where(
            JobRow.tenant_id == tenant.id, JobRow.state == "done", JobRow.created_at >= since
        )
        return [(row.updated_at - row.created_at).total_seconds() for row in tx.session.execute(query)]


def warm(database: Database, tenant: Tenant, kind: str) -> None:
    """Until the processes work: their start is not what is measured."""
    write(database, tenant, kind, 20, prefix=f"warm-{time.time()}-")
    until_done(database, kind)
