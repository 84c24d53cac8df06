"""Documents on real workers: a runaway beside others' documents, a worker that is killed or asked to stop while it makes one."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import select

from billwright.cli.embedded import Servers
from billwright.documents.tables import DocumentRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import DocumentSettings, TenantConfiguration, store_configuration
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from support.issued import desk, issue, state_of
from support.processes import Processes, descendants, living, make_office, until
from support.servers import fresh_database

pytestmark = pytest.mark.slow
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
SLOW = ENDLESS.replace("99999", "8", 1).replace("99999) %}{% endfor", "9) %}{% endfor") + "<p>{{ number }}</p>"


@pytest.fixture(scope="module")
def url(servers: Servers, worker_number: int) -> Iterator[str]:
    with fresh_database(servers.database_url, f"bw_documents_{worker_number}") as url:
        yield url


@pytest.fixture(scope="module")
def billing(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade_control(database.owner_engine)
    yield database.with_subscriptions(subscriptions())
    database.close()


@pytest.fixture
def processes(url: str, redis_url: str, tmp_path: Path) -> Iterator[Processes]:
    started = Processes.on(url, redis_url, tmp_path)
    yield started
    started.end()
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    started.tell()


def tenant_with(database: Database, template: str | None) -> Tenant:
    """A firm with one issued invoice whose document is asked for."""
    tenant = make_office(database, 0).tenant
    with transaction(database, tenant, SYSTEM) as tx:
        settings = DocumentSettings(template_html=template)
        store_configuration(tx, TenantConfiguration(documents=settings, deliver_by_mail=False))
    issue(database, tenant)
    return tenant


def made(database: Database, tenant: Tenant) -> bool:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return tx.session.scalars(select(DocumentRow.id)).one_or_none() is not None


def attempts(database: Database, tenant: Tenant) -> list[tuple[str, int]]:
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.state, JobRow.attempts).where(
            JobRow.tenant_id == tenant.id, JobRow.kind == "documents.render"
        )
        return [(row.state, row.attempts) for row in tx.session.execute(query)]


def tell(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def test_others_get_their_documents_while_a_runaway_is_stopped(billing: Database, processes: Processes) -> None:
    processes.environment["BILLWRIGHT_RENDER_CPU_S"] = "20"
    guilty = tenant_with(billing, ENDLESS)
    innocent = [tenant_with(billing, None) for _ in range(3)]
    processes.dispatcher()
    worker = processes.start("worker", "--queues", "documents", "--threads", "2")
    until(lambda: all(made(billing, each) for each in innocent), lambda: "the innocent have their documents")
    until(lambda: bool(desk(billing, guilty)), lambda: f"the guilty one is on the desk: {attempts(billing, guilty)}")
    (exception,) = desk(billing, guilty)
    assert exception.code == "document_stopped"
    assert state_of(billing, guilty) == ("issued", "document_failed")
    until(lambda: attempts(billing, guilty) == [("dead", 1)], lambda: "its job is a dead letter")
    assert worker.poll() is None


def test_the_processes_of_a_killed_worker_end_and_another_worker_makes_the_document(
    billing: Database, processes: Processes
) -> None:
    tenant = tenant_with(billing, SLOW)
    processes.dispatcher("--lease-seconds-max", "30")
    worker = processes.start("worker", "--queues", "documents", "--threads", "2")
    until(lambda: len(descendants(worker.pid)) >= 2, lambda: "its processes run")
    theirs = descendants(worker.pid)
    worker.kill()
    worker.wait()
    until(lambda: not living(theirs), lambda: "they ended with it")
    assert not made(billing, tenant)
    processes.start("worker", "--queues", "documents", "--threads", "2")
    until(lambda: made(billing, tenant), lambda: f"the document is made: {attempts(billing, tenant)}", within_s=180)
    assert desk(billing, tenant) == []


def test_a_worker_that_is_asked_to_stop_finishes_the_document_in_hand(billing: Database, processes: Processes) -> None:
    tenant = tenant_with(billing, SLOW)
    dispatcher = processes.dispatcher()
    worker = processes.start("worker", "--queues", "documents", "--threads", "2", "--stop-within-seconds", "120")
    until(lambda: len(descendants(worker.pid)) >= 2, lambda: "its processes run")
    theirs = descendants(worker.pid)
    dispatcher.send_signal(signal.SIGTERM)
    for pid in (worker.pid, *theirs):  # as a terminal or a service manager tells the whole group
        tell(pid)
    worker.wait(120)
    assert worker.returncode == 0
    assert made(billing, tenant)
    assert attempts(billing, tenant) == [("done", 1)]
    until(lambda: not living(theirs), lambda: "its processes ended with it")
