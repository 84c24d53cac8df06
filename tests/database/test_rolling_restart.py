"""Processes are replaced one after another while they work: nobody notices, and no lease is lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import select

from billwright.cli.embedded import Servers
from billwright.cli.embedded_process import free_port
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.transaction import control_transaction
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from support.balancer import Balancer
from support.carriers import Carrier, RabbitCarrier, RedisCarrier
from support.processes import PATIENCE_S, Office, Processes, descendants, living, make_office, until
from support.servers import fresh_database

pytestmark = pytest.mark.slow
LEAVING = ("--leave-after-seconds", "2")
CALLERS = 3
ACCEPTED = 202
TROUBLE = ("error", "critical", "Traceback", "not returned", "lease lost", "job failed")


@pytest.fixture(scope="module")
def url(servers: Servers, worker_number: int) -> Iterator[str]:
    with fresh_database(servers.database_url, f"bw_rolling_{worker_number}") as url:
        yield url


@pytest.fixture(scope="module")
def billing(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade_control(database.owner_engine)
    yield database.with_subscriptions(subscriptions())
    database.close()


@pytest.fixture(params=[RedisCarrier, RabbitCarrier], ids=["redis", "rabbitmq"])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Carrier]:
    made: Carrier = request.param(tmp_path / "carrier")
    (tmp_path / "carrier").mkdir()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def processes(url: str, carrier: Carrier, tmp_path: Path) -> Iterator[Processes]:
    started = Processes.on(url, carrier.url, tmp_path)
    yield started
    started.end()
    started.tell()


def say(processes: Processes, what: str) -> list[str]:
    return [line for line in processes.output().splitlines() if what in line]


def replace(old: "Popen[bytes]", start: Callable[[], "Popen[bytes]"]) -> "Popen[bytes]":
    """The new one first, as Kubernetes does it; the old one ends by itself and in order."""
    new = start()
    old.terminate()
    assert old.wait(PATIENCE_S) == 0
    return new


def leases_that_ended_badly(office: Office) -> int:
    with control_transaction(office.database, SYSTEM) as tx:
        bad = select(JobRow.id).where(JobRow.tenant_id == office.tenant.id, JobRow.error_class.is_not(None))
        return len(tx.session.scalars(bad).all())


def test_all_processes_are_replaced_under_load(billing: Database, processes: Processes) -> None:
    """Two of each; each is replaced once. Every message is answered, every lease is done at the first attempt."""
    office = make_office(billing, 150)
    ports = [free_port(None), free_port(None)]
    apis = [processes.api(port, *LEAVING) for port in ports]
    balancer = Balancer(tuple(f"http://127.0.0.1:{port}" for port in ports), office.token())
    watching = threading.Thread(target=balancer.watch)
    watching.start()
    try:
        until(lambda: len(balancer.ready) == 2, lambda: f"both ready: {processes.output()}")
        workers = [processes.worker() for _ in range(2)]
        dispatchers = [processes.dispatcher() for _ in range(2)]
        with ThreadPoolExecutor(1) as thread:
            messages = [bytes(message) for message in office.acceptances()]
            answers = thread.submit(balancer.send, messages, CALLERS)
            until(lambda: bool(office.numbers()), "the first ones are billed")
            for number in range(2):
                workers[number] = replace(workers[number], processes.worker)
                dispatchers[number] = replace(dispatchers[number], processes.dispatcher)
                apis[number].terminate()
                assert apis[number].wait(PATIENCE_S) == 0
                apis[number] = processes.api(ports[number], *LEAVING)
                until(lambda: len(balancer.ready) == 2, lambda: f"both ready: {processes.output()}")
            assert answers.result() == [ACCEPTED] * len(messages)
    finally:
        balancer.stopped.set()
        watching.join()
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()
    assert office.attempts() == 1
    assert leases_that_ended_badly(office) == 0
    assert [line for word in TROUBLE for line in say(processes, word)] == []


def test_an_api_that_leaves_answers_what_it_has(url: str, billing: Database, redis_url: str, tmp_path: Path) -> None:
    """It says so first, closes what is kept, takes the last requests, and ends only after their answers."""
    office = make_office(billing, 2)
    processes = Processes.on(url, redis_url, tmp_path)
    base = f"http://127.0.0.1:{(port := free_port(None))}"
    headers = {"Authorization": f"Bearer {office.token()}", "Content-Type": "application/json"}
    first, last = (bytes(message) for message in office.acceptances())
    api = processes.api(port, *LEAVING)
    try:
        until(processes.ready, lambda: f"ready: {processes.output()}")
        with httpx.Client(base_url=base, headers=headers, timeout=60) as client, psycopg.connect(url) as locks:
            locks.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(Identifier(office.tenant.schema, "source_message")))
            with ThreadPoolExecutor(2) as threads:
                held = threads.submit(httpx.post, f"{base}/v1/messages", content=first, headers=headers, timeout=60)
                until(lambda: _stands(url, locks.info.backend_pid), "a request is under way")
                api.terminate()
                until(lambda: client.get("/health/ready").status_code == 503, "it says that it leaves")
                assert client.get("/health/ready").json()["status"] == "leaving"
                late = threads.submit(httpx.post, f"{base}/v1/messages", content=last, headers=headers, timeout=60)
                live = client.get("/health/live")
                assert (live.status_code, live.headers["connection"]) == (200, "close")
                until(lambda: not _listens(base), "it takes nothing new")
                assert api.poll() is None
                locks.rollback()
                assert [held.result().status_code, late.result().status_code] == [ACCEPTED, ACCEPTED]
        assert api.wait(PATIENCE_S) == 0
    finally:
        processes.end()
        processes.tell()


def test_a_killed_api_frees_its_port(url: str, billing: Database, redis_url: str, tmp_path: Path) -> None:
    """Its server processes end with it, whatever way it ends; else they would answer beside the next one."""
    processes = Processes.on(url, redis_url, tmp_path)
    base = f"http://127.0.0.1:{(port := free_port(None))}"
    api = processes.api(port, "--processes", "2")
    try:
        until(processes.ready, lambda: f"ready: {processes.output()}")
        found = descendants(api.pid)
        assert len(found) >= 2
        api.kill()
        until(lambda: living(found) == [], lambda: f"all ended but {living(found)}")
        assert not _listens(base)
    finally:
        processes.end()
        processes.tell()


def _stands(url: str, holder: int) -> bool:
    query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))"
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query, (holder,)).fetchone() == (True,)


def _listens(base: str) -> bool:
    try:
        httpx.get(f"{base}/health/live", timeout=5)
    except httpx.TransportError:
        return False
    return True
