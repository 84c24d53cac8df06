"""A worker that is told to stop gives back at once what it fetched and has not begun; leases end by one hand at a time."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from dramatiq.errors import ConnectionClosed
from sqlalchemy import func, select, text, update

from billwright.jobs.broker import EXPIRY_LOCK, declare_actor, dispatch_once, expire, work
from billwright.jobs.brokers.choose import answers, make_broker
from billwright.jobs.brokers.port import LeaseBroker
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction
from support.carriers import Carrier, RabbitCarrier, RedisCarrier
from support.processes import until

QUEUE = "billing"
KEYS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(scope="module", params=[RedisCarrier, RabbitCarrier], ids=["redis", "rabbitmq"])
def carrier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    made: Carrier = request.param(tmp_path_factory.mktemp("carrier"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def broker(carrier: Carrier, database: Database) -> Iterator[LeaseBroker]:
    """The dispatcher's; what other tests left behind is over."""
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(JobRow).where(JobRow.state == "leased").values(state="done"))
    made = make_broker(carrier.url, [QUEUE])
    yield made
    made.close()
    carrier.forget()


class Held:
    """Jobs that are under way until they are let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.let_go = threading.Event()
        self.handlers = Handlers.of(Handler(kind="billing.hold", in_transaction=self.hold))

    def hold(self, _tx: Tx, jobs: Sequence[Job]) -> None:
        self.begun += [job.key for job in jobs]
        self.let_go.wait()


def write(database: Database, tenant: Tenant, *keys: str) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.hold", key=key) for key in keys])


def jobs(database: Database, tenant: Tenant) -> list[tuple[str, int, str | None]]:
    """State, attempts and what went wrong, of each."""
    with control_transaction(database, SYSTEM) as tx:
        found = select(JobRow.state, JobRow.attempts, JobRow.error_class).where(JobRow.tenant_id == tenant.id)
        return [(row.state, row.attempts, row.error_class) for row in tx.session.execute(found)]


def hired(
    database: Database, carrier: Carrier, held: Held, stop: threading.Event, *, threads: int = 1
) -> threading.Thread:
    """A worker, which fetches twice as many leases as it has threads."""
    broker = make_broker(carrier.url, [QUEUE])
    declare_actor(broker, database, held.handlers, stop)
    thread = threading.Thread(target=work, args=(broker, [QUEUE], threads, stop))
    thread.start()
    return thread


def test_what_nobody_began_goes_back_at_once_and_is_done_elsewhere(
    database: Database, tenant: Tenant, carrier: Carrier, broker: LeaseBroker
) -> None:
    held, other = Held(), Held()
    stop, stop_other = threading.Event(), threading.Event()
    write(database, tenant, *KEYS)
    assert len(dispatch_once(database, held.handlers, broker)) == len(KEYS)
    leaving = hired(database, carrier, held, stop)
    until(lambda: len(broker.waiting()) == len(KEYS) - 2, "one is begun, another fetched")
    stop.set()
    until(lambda: len(broker.waiting()) == len(KEYS) - 1, "the other is back while the first goes on")
    assert leaving.is_alive()
    other.let_go.set()
    staying = hired(database, carrier, other, stop_other)
    until(lambda: len(other.begun) == len(KEYS) - 1, "others do it meanwhile")
    held.let_go.set()
    leaving.join()
    until(lambda: jobs(database, tenant) == [("done", 1, None)] * len(KEYS), "each was done at its first attempt")
    stop_other.set()
    staying.join()
    assert len(held.begun) == 1
    assert sorted(held.begun + other.begun) == sorted(KEYS)


def test_a_lease_that_waits_does_not_expire_and_one_that_was_forgotten_does(
    database: Database, tenant: Tenant, carrier: Carrier, broker: LeaseBroker, clock: SetClock
) -> None:
    write(database, tenant, "a")
    dispatch_once(database, Held().handlers, broker)
    for _ in range(3):
        clock.moment += timedelta(seconds=61)
        assert expire(database, broker) == 0
    assert [state for state, _, _ in jobs(database, tenant)] == ["leased"]
    assert len(broker.waiting()) == 1
    carrier.forget()
    clock.moment += timedelta(seconds=61)
    assert expire(database, broker) == 1
    assert jobs(database, tenant) == [("retry", 1, "lease")]


def test_leases_expire_by_one_dispatcher_at_a_time(database: Database, tenant: Tenant, broker: LeaseBroker) -> None:
    """The second does nothing: what the first holds in its hands while it looks, the second would take for lost."""
    write(database, tenant, "a")
    dispatch_once(database, Held().handlers, broker)
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(JobRow).values(leased_until=func.now() - timedelta(days=9999)))
    with database.owner_engine.begin() as first:
        first.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": EXPIRY_LOCK})
        assert expire(database, broker) == 0
        assert [state for state, _, _ in jobs(database, tenant)] == ["leased"]


def test_a_broker_that_nobody_knows_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsInvalidError, match="amqp://") as refused:
        make_broker("kafka://me:secret@host/", [])
    assert "secret" not in str(refused.value)


def test_the_second_node_of_a_rabbitmq_is_asked_when_the_first_is_away(tmp_path: Path) -> None:
    carrier = RabbitCarrier(tmp_path)
    carrier.start()
    try:
        url = f"amqp://guest:guest@127.0.0.1:1/;{carrier.url}"
        broker, lease = make_broker(url, [QUEUE]), new_id()
        broker.send(lease, QUEUE)
        assert broker.waiting() == {lease}
        assert answers(url, within_s=2)
        broker.close()
    finally:
        carrier.stop()
    assert not answers(url, within_s=2)


@pytest.mark.parametrize(("outside", "begun"), [(True, 1), (False, 2)], ids=["outside", "in the database"])
def test_a_lost_connection_does_not_let_two_act_outside_at_once(
    database: Database, tenant: Tenant, tmp_path: Path, outside: bool, begun: int
) -> None:
    """RabbitMQ gives to others what a lost connection held, though the worker lives and goes on.

    In the database that is harmless: the second finds the lease done, and leaves no trace.
    """
    carrier, held, stop = RabbitCarrier(tmp_path), Held(), threading.Event()
    carrier.start()
    broker = make_broker(carrier.url, [QUEUE])
    if outside:
        held.handlers = Handlers.of(Handler(kind="billing.hold", outside=partial(act_outside, held)))
    try:
        write(database, tenant, "a")
        dispatch_once(database, held.handlers, broker)
        worker = hired(database, carrier, held, stop, threads=3)
        until(lambda: held.begun == ["a"], "it is under way")
        carrier.restart()
        write(database, tenant, "b")
        until(lambda: bool(dispatched(database, held, broker)), "the dispatcher is connected again")
        until(lambda: "b" in held.begun and held.begun.count("a") == begun, "the worker is, too")
        held.let_go.set()
        until(lambda: {state for state, _, _ in jobs(database, tenant)} == {"done"}, "all is done")
        stop.set()
        worker.join()
        assert sorted(held.begun) == ["a"] * begun + ["b"]
        assert {attempts for _, attempts, _ in jobs(database, tenant)} == {1}
    finally:
        held.let_go.set()
        stop.set()
        broker.close()
        carrier.stop()


def act_outside(held: Held, _tenant: Tenant, job: Job) -> None:
    held.begun.append(job.key)
    held.let_go.wait()


def dispatched(database: Database, held: Held, broker: LeaseBroker) -> int:
    try:
        return len(dispatch_once(database, held.handlers, broker))
    except ConnectionClosed:
        return 0
