"""Two of each process at once: whatever only one may do, PostgreSQL decides who; a worker does its own queues alone."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text

from billwright.jobs.broker import declare_actor, dispatch_once, work
from billwright.jobs.brokers.choose import make_broker
from billwright.jobs.claim import claim
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.purge_jobs import purge_jobs
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction
from billwright_migrations.run import upgrade_control, upgrade_tenant
from support.processes import until
from support.servers import fresh_database

Result = TypeVar("Result")
TWO = 2
JOBS = 120
OF_EACH = 5


def at_once(act: Callable[[], Result]) -> list[Result]:
    """What each of two threads got that started together."""
    start = threading.Barrier(TWO)

    def run(_: int) -> Result:
        start.wait()
        return act()

    with ThreadPoolExecutor(TWO) as threads:
        return list(threads.map(run, range(TWO)))


def nothing(_tx: Tx, _jobs: Sequence[Job]) -> None:
    """A job that is done at once."""


HANDLERS = Handlers.of(
    *(Handler(kind=f"{queue}.idle", in_transaction=nothing, batch_max=10) for queue in ("documents", "connectors"))
)


def write(database: Database, tenant: Tenant, kind: str, count: int) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind=kind, key=f"{kind}:{number}") for number in range(count)])


def states(database: Database, tenant: Tenant) -> Counter[tuple[str, str]]:
    with control_transaction(database, SYSTEM) as tx:
        found = select(JobRow.queue, JobRow.state).where(JobRow.tenant_id == tenant.id)
        return Counter((row.queue, row.state) for row in tx.session.execute(found))


def are_done(database: Database, tenant: Tenant, queue: str) -> bool:
    return states(database, tenant)[queue, "done"] == OF_EACH


def test_two_lease_rounds_at_once_give_no_job_twice(database: Database, tenant: Tenant) -> None:
    write(database, tenant, "documents.idle", JOBS)
    rounds = at_once(lambda: claim(database, HANDLERS, tenant_id=tenant.id))
    leases = [lease for leases in rounds for lease in leases]
    with control_transaction(database, SYSTEM) as tx:
        held = select(JobRow.lease_id, func.count().label("jobs")).where(
            JobRow.tenant_id == tenant.id, JobRow.state == "leased"
        )
        rows = {row.lease_id: row.jobs for row in tx.session.execute(held.group_by(JobRow.lease_id))}
        most = tx.session.scalar(select(func.max(JobRow.attempts)).where(JobRow.tenant_id == tenant.id))
    assert rows == {lease.id: lease.jobs for lease in leases}
    assert rows
    assert most == 1


def test_two_who_forget_old_jobs_share_them(database: Database, tenant: Tenant, clock: SetClock) -> None:
    write(database, tenant, "documents.idle", JOBS)
    with control_transaction(database, SYSTEM) as tx:
        for job in tx.session.scalars(select(JobRow).where(JobRow.tenant_id == tenant.id)):
            job.state, job.updated_at = "done", clock.now() - timedelta(days=40)
    assert at_once(lambda: purge_jobs(database, kept=timedelta(days=30))) == [False, False]
    assert not states(database, tenant)


@pytest.fixture
def empty_url(database_url: str, worker_number: int) -> Iterator[str]:
    with fresh_database(database_url, f"bw_two_{worker_number}") as url:
        yield url


def test_two_migrations_at_once_queue(empty_url: str) -> None:
    """The control plane, then one new tenant's schema: the second finds the work done."""
    database = open_database(empty_url)
    try:
        at_once(lambda: upgrade_control(database.owner_engine))
        with database.owner_engine.begin() as connection:
            connection.execute(text("CREATE SCHEMA t_two"))

        def upgrade() -> str | None:
            with database.owner_engine.begin() as connection:
                upgrade_tenant(connection, "t_two", "billwright_app")
                return MigrationContext.configure(connection).get_current_revision()

        first, second = at_once(upgrade)
        assert first == second is not None
    finally:
        database.close()


def test_a_worker_does_its_own_queues_alone(database: Database, tenant: Tenant, redis_url: str) -> None:
    """Documents take a processor and connectors wait for others: each has processes of its own."""
    queues = ("documents", "connectors")
    for queue in queues:
        write(database, tenant, f"{queue}.idle", OF_EACH)
    dispatcher = make_broker(redis_url, queues)
    dispatch_once(database, HANDLERS, dispatcher)
    for queue in queues:
        stop, broker = threading.Event(), make_broker(redis_url, [queue])
        declare_actor(broker, database, HANDLERS, stop)
        worker = threading.Thread(target=work, args=(broker, [queue], 1, stop))
        worker.start()
        until(partial(are_done, database, tenant, queue), f"{queue} are done")
        stop.set()
        worker.join()
        left = queues[queues.index(queue) + 1 :]
        assert sum(states(database, tenant)[other, "leased"] for other in left) == OF_EACH * len(left)
    dispatcher.close()
