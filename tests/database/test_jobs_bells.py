"""Bells: who waits for work hears of it at once; a bell that nobody rang or heard loses nothing."""

import threading
from collections.abc import Iterator, Sequence

import pytest
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import SkipMessage
from redis import RedisError

from billwright.jobs.broker import declare_actor, dispatch_once, waker, work
from billwright.jobs.brokers.on_redis import DISPATCHER, RINGS_MAX, Beginning, BellBroker, BellConsumer
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

QUEUE = "billing"
LONG_S = 60.0
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def broker(redis_url: str) -> Iterator[BellBroker]:
    made = BellBroker(redis_url, [QUEUE])
    made.client.flushdb()
    yield made
    made.close()
    made.client.close()


def rings(broker: BellBroker, name: str) -> int:
    return int(broker.client.llen(broker.bell_key(name)))


def write(database: Database, tenant: Tenant, *keys: str) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.ring", key=key) for key in keys])


def nothing(_tx: Tx, _jobs: Sequence[Job]) -> None:
    """A job that is done at once."""


HANDLERS = Handlers.of(Handler(kind="billing.ring", in_transaction=nothing))


def test_a_ring_wakes_one_who_waits_and_is_heard_once(broker: BellBroker) -> None:
    heard: list[bool] = []
    waiting = threading.Thread(target=lambda: heard.append(broker.wait_for(QUEUE, LONG_S)))
    waiting.start()
    broker.ring_for(QUEUE)
    waiting.join()
    assert heard == [True]
    assert not broker.wait_for(QUEUE, 0.01)


def test_rings_that_nobody_heard_do_not_pile_up(broker: BellBroker) -> None:
    for _ in range(RINGS_MAX * 3):
        broker.ring()
    assert rings(broker, DISPATCHER) == RINGS_MAX


def test_one_round_answers_all_who_rang_before_it(broker: BellBroker) -> None:
    for _ in range(RINGS_MAX):
        broker.ring()
    assert broker.wait_for_ring(0.01)
    assert not broker.wait_for_ring(0.01)


def test_a_lease_handed_out_rings_its_queue(database: Database, tenant: Tenant, broker: BellBroker) -> None:
    write(database, tenant, "a", "b")
    assert len(dispatch_once(database, HANDLERS, broker)) == 2
    assert rings(broker, QUEUE) == 2


def test_a_lease_done_rings_the_dispatcher(database: Database, tenant: Tenant, broker: BellBroker) -> None:
    stop = threading.Event()
    declare_actor(broker, database, HANDLERS, stop)
    worker = threading.Thread(target=work, args=(broker, [QUEUE], 1, stop))
    worker.start()
    try:
        assert not broker.wait_for(DISPATCHER, 0.01)
        write(database, tenant, "a")
        dispatch_once(database, HANDLERS, broker)
        assert broker.wait_for(DISPATCHER, LONG_S)
    finally:
        stop.set()
        worker.join()


def test_an_idle_consumer_wakes_by_the_bell(database: Database, tenant: Tenant, broker: BellBroker) -> None:
    consumer = BellConsumer(broker, QUEUE, 1, int(LONG_S * 1000))
    found: list[object] = []
    looking = threading.Thread(target=lambda: found.extend((next(consumer), next(consumer))))
    looking.start()
    write(database, tenant, "a")
    dispatch_once(database, HANDLERS, broker)
    looking.join()
    assert any(each is not None for each in found)


def test_a_full_consumer_leaves_the_bell_to_others(database: Database, tenant: Tenant, broker: BellBroker) -> None:
    consumer = BellConsumer(broker, QUEUE, 1, int(LONG_S * 1000))
    write(database, tenant, "a", "b")
    dispatch_once(database, HANDLERS, broker)
    assert next(consumer) is not None
    assert next(consumer) is None
    assert rings(broker, QUEUE) == 2


def test_while_redis_is_away_ringing_is_no_error_and_waiting_says_so() -> None:
    away = BellBroker(NOWHERE, [QUEUE])
    away.ring()
    with pytest.raises(RedisError):
        away.wait_for(DISPATCHER, LONG_S)
    with pytest.raises(ConnectionClosed):
        next(BellConsumer(away, QUEUE, 1, 1))
    away.client.close()


def test_a_process_that_is_no_worker_can_ring(broker: BellBroker, redis_url: str) -> None:
    waker(redis_url)()
    assert rings(broker, DISPATCHER) == 1


def test_who_writes_jobs_rings_after_the_commit_and_not_before(
    database: Database, tenant: Tenant, broker: BellBroker
) -> None:
    rung: list[int] = []
    waking = database.waking(lambda: rung.append(rings(broker, DISPATCHER)))
    with transaction(waking, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.ring", key="rung")])
        assert rung == []
    assert len(rung) == 1
    with transaction(waking, tenant, SYSTEM):
        pass
    with pytest.raises(ValueError, match="undone"), transaction(waking, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.ring", key="undone")])
        raise ValueError("undone")
    assert len(rung) == 1


def test_outside_work_is_begun_by_one_when_its_message_went_to_another(broker: BellBroker, redis_url: str) -> None:
    """A worker that was silent so long that others have its messages finds that out before it begins, not after."""
    lease = new_id()
    broker.send(lease, QUEUE, outside=True)
    silent = next(BellConsumer(broker, QUEUE, 1, 1))
    assert silent is not None
    broker.client.zadd(f"{broker.namespace}:__heartbeats__", {broker.broker_id: 0})
    other = BellBroker(redis_url, [QUEUE])
    try:
        other.maintenance_chance = 1_000_000  # certainly
        taken = next(BellConsumer(other, QUEUE, 1, 1))
        assert taken is not None
        assert taken.args == silent.args == (str(lease),)
        beginning = Beginning()
        beginning.before_process_message(other, taken)
        with pytest.raises(SkipMessage):
            beginning.before_process_message(broker, silent)
        with pytest.raises(SkipMessage):
            beginning.before_process_message(other, taken)
    finally:
        other.close()
        other.client.close()


def test_work_in_the_database_is_begun_whoever_has_its_message(broker: BellBroker) -> None:
    """Its transaction tells; and Redis is not asked."""
    broker.send(new_id(), QUEUE)
    message = next(BellConsumer(broker, QUEUE, 1, 1))
    for _ in range(2):
        Beginning().before_process_message(broker, message)


def test_outside_work_that_was_begun_is_not_given_to_another(broker: BellBroker, redis_url: str) -> None:
    broker.send(new_id(), QUEUE, outside=True)
    Beginning().before_process_message(broker, next(BellConsumer(broker, QUEUE, 1, 1)))
    broker.client.zadd(f"{broker.namespace}:__heartbeats__", {broker.broker_id: 0})
    other = BellBroker(redis_url, [QUEUE])
    try:
        other.maintenance_chance = 1_000_000
        assert next(BellConsumer(other, QUEUE, 1, 1)) is None
        assert not broker.client.hlen(f"{broker.namespace}:{QUEUE}.msgs")
    finally:
        other.close()
        other.client.close()


def test_while_redis_is_away_no_outside_work_is_begun(broker: BellBroker) -> None:
    broker.send(new_id(), QUEUE, outside=True)
    message = next(BellConsumer(broker, QUEUE, 1, 1))
    away = BellBroker(NOWHERE, [QUEUE])
    with pytest.raises(SkipMessage):
        Beginning().before_process_message(away, message)
    away.client.close()
