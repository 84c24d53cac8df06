"""What the jobs room promises, on real processes: killed, cut off and flushed, nothing is lost and nothing is doubled."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from billwright.cli.embedded import Servers
from billwright.cli.embedded_process import free_port
from billwright.tenancy.database import Database, open_database
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from support.carriers import Carrier, RabbitCarrier, RedisCarrier, waiting
from support.processes import (
    PATIENCE_S,
    SHORT_LEASES,
    Processes,
    cut_connections,
    descendants,
    issuing_held_up,
    living,
    make_office,
    until,
)
from support.servers import fresh_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(servers: Servers, worker_number: int) -> Iterator[str]:
    """A database of this file's own: the processes work for every tenant that they find."""
    with fresh_database(servers.database_url, f"bw_processes_{worker_number}") as url:
        yield url


@pytest.fixture(scope="module")
def billing(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade_control(database.owner_engine)
    yield database.with_subscriptions(subscriptions())
    database.close()


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def carrier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    """A broker of this file's own: with RabbitMQ there is no Redis at all."""
    folder = tmp_path_factory.mktemp("carrier")
    made: Carrier = RedisCarrier(folder) if request.param == "redis" else RabbitCarrier(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def processes(url: str, carrier: Carrier, tmp_path: Path) -> Iterator[Processes]:
    started = Processes.on(url, carrier.url, tmp_path)
    yield started
    started.end()
    carrier.forget()
    started.tell()


def test_sixty_milestones_become_sixty_invoices(billing: Database, processes: Processes) -> None:
    office = make_office(billing, 60)
    processes.dispatcher()
    processes.worker()
    office.accept()
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()
    assert office.attempts() == 1


def test_another_worker_ends_what_a_killed_one_began(url: str, billing: Database, processes: Processes) -> None:
    office = make_office(billing, 30)
    processes.dispatcher(*SHORT_LEASES)
    killed = processes.worker()
    with issuing_held_up(url, office.tenant) as hold_up:
        office.accept()
        until(hold_up.stopped, lambda: f"a worker issues: {office.jobs()}")
        killed.kill()
        killed.wait()
        begun = office.leases()
    assert begun
    processes.worker()
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()


def test_two_dispatchers_go_on_where_a_killed_one_stopped(url: str, billing: Database, processes: Processes) -> None:
    office = make_office(billing, 30)
    killed = processes.dispatcher(*SHORT_LEASES)
    processes.worker()
    with issuing_held_up(url, office.tenant) as hold_up:
        office.accept()
        until(hold_up.stopped, lambda: f"a worker issues: {office.jobs()}")
        killed.kill()
        killed.wait()
    processes.dispatcher(*SHORT_LEASES)
    processes.dispatcher(*SHORT_LEASES)
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()


def test_leases_that_the_broker_forgot_come_back_by_themselves(
    billing: Database, processes: Processes, carrier: Carrier
) -> None:
    office = make_office(billing, 30)
    processes.dispatcher(*SHORT_LEASES)
    office.accept()
    until(lambda: bool(waiting(carrier)), "leases are handed out")
    carrier.forget()
    processes.worker()
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()
    assert office.attempts() > 1


def test_a_lease_waits_for_a_worker_however_long(billing: Database, processes: Processes, carrier: Carrier) -> None:
    """A queue that nobody serves fills neither the broker with messages nor the desk with dead letters.

    Two dispatchers: while one looks at what waits, the other takes nothing for lost.
    """
    office = make_office(billing, 5)
    processes.dispatcher("--lease-seconds-max", "1")
    processes.dispatcher("--lease-seconds-max", "1")
    office.accept()
    seen: set[datetime] = set()

    def renewed() -> bool:
        seen.update(office.leased_until())
        return len(seen) > 3

    until(renewed, "the lease was renewed again and again")
    assert office.leases() == waiting(carrier)
    assert office.attempts() == 1
    processes.worker()
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()


def test_the_broker_stops_loses_everything_and_comes_back(
    url: str, billing: Database, processes: Processes, carrier: Carrier
) -> None:
    """Jobs are taken in while it is away, and the work that was under way is not done again."""
    office, other = make_office(billing, 30), make_office(billing, 10)
    processes.dispatcher(*SHORT_LEASES)
    processes.worker()
    with issuing_held_up(url, office.tenant) as hold_up:
        office.accept()
        until(hold_up.stopped, lambda: f"a worker issues: {office.jobs()}")
        carrier.stop()
        other.accept()
        until(lambda: "dispatcher waits" in processes.output(), "the dispatcher notices")
    until(lambda: bool(office.numbers()), "what was under way is done without the broker")
    carrier.start()
    until(lambda: office.finished() and other.finished(), lambda: f"all billed: {office.jobs()} {other.jobs()}")
    office.assert_all_billed_once()
    other.assert_all_billed_once()
    assert 0 < processes.output().count("Consumer encountered a connection error") < len(("it", "once", "a", "minute"))


def test_a_signal_lets_the_work_under_way_end(
    url: str, billing: Database, processes: Processes, carrier: Carrier
) -> None:
    """Every lease that is still out then has its message in the broker, so that the next worker need not wait."""
    office = make_office(billing, 60)
    dispatcher, worker = processes.dispatcher(), processes.worker()
    with issuing_held_up(url, office.tenant) as hold_up:
        office.accept()
        until(hold_up.stopped, lambda: f"a worker issues: {office.jobs()}")
        dispatcher.terminate()
        worker.terminate()
        assert dispatcher.wait(PATIENCE_S) == 0
        assert worker.poll() is None
        assert office.numbers() == []
    assert worker.wait(PATIENCE_S) == 0
    assert office.numbers()
    assert office.leases() <= waiting(carrier)
    processes.dispatcher()
    processes.worker()
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()
    assert office.attempts() == 1


def test_cut_connections_to_postgresql_are_made_again(url: str, billing: Database, processes: Processes) -> None:
    office = make_office(billing, 30)
    dispatcher, worker = processes.dispatcher(*SHORT_LEASES), processes.worker()
    with issuing_held_up(url, office.tenant) as hold_up:
        office.accept()
        until(hold_up.stopped, lambda: f"a worker issues: {office.jobs()}")
        assert cut_connections(url, spared=[hold_up.backend]) >= 2
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    office.assert_all_billed_once()
    assert (dispatcher.poll(), worker.poll()) == (None, None)


@pytest.fixture
def home() -> Iterator[Path]:
    """Not tmp_path, whose parents pytest closes to other accounts: the usual case has an open parent."""
    folder = Path(tempfile.mkdtemp(prefix="billwright-up-"))
    yield folder
    shutil.rmtree(folder)


def start_and_end(everything: Processes, number: signal.Signals, status: int) -> None:
    up = everything.start("up")
    until(everything.ready, lambda: f"ready: {everything.output()}")
    found = [up.pid, *descendants(up.pid)]
    try:
        assert len(found) > len(("up", "PostgreSQL", "Redis", "api", "dispatcher", "worker"))
        assert everything.server_names() == ["web"]
        up.send_signal(number)
        assert up.wait(PATIENCE_S) == status
    finally:
        everything.end()
        until(lambda: living(found) == [], lambda: f"all ended but {living(found)}")
    assert not everything.ready()


def test_up_leaves_nothing_behind_when_stopped_or_killed(home: Path) -> None:
    """Twice on one home: the second start finds the data of the first."""
    everything = Processes.at_home(home, free_port(None))
    try:
        start_and_end(everything, signal.SIGINT, 0)
        start_and_end(everything, signal.SIGKILL, -signal.SIGKILL)
    finally:
        everything.end()
        everything.tell()
