"""Dramatiq on Redis: messages carry a lease's id and nothing else. Losing them all loses no work, only time."""

import threading
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import ShutdownNotifications, TimeLimit

from billwright.jobs.claim import Lease, claim, release, release_expired
from billwright.jobs.handlers import Handlers
from billwright.jobs.work import do_lease
from billwright.tenancy.database import Database

log = structlog.get_logger("billwright.jobs")
ACTOR: Final = "do_lease"
TIME_LIMIT_MS: Final = 600_000
EXPIRE_EVERY_S: Final = 1.0
IDLE_S: Final = 0.1
BUSY_S: Final = 0.01
BROKER_AWAY_S: Final = 1.0


def make_broker(redis_url: str, queues: Sequence[str]) -> dramatiq.Broker:
    """A broker that knows ``queues``; no retries of its own: PostgreSQL decides what runs again."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]  # dramatiq leaves this constructor untyped
        url=redis_url,
        middleware=[TimeLimit(), ShutdownNotifications()],
        heartbeat_timeout=10_000,
        maintenance_chance=100_000,
    )
    for queue in queues:
        broker.declare_queue(queue)
    return broker


def declare_actor(broker: dramatiq.Broker, database: Database, handlers: Handlers) -> None:
    """Register the one actor on ``broker``. Delivered at least once; a repeat finds the lease done."""

    @dramatiq.actor(broker=broker, actor_name=ACTOR, time_limit=TIME_LIMIT_MS)
    def _do_lease(lease_id: str) -> None:
        do_lease(database, handlers, UUID(lease_id))


def send(broker: dramatiq.Broker, lease: Lease) -> None:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=lease.queue, actor_name=ACTOR, args=(str(lease.id),), kwargs={}, options={}
    )
    broker.enqueue(message)


def dispatch_once(database: Database, handlers: Handlers, broker: dramatiq.Broker) -> int:
    """One lease round; return how many leases were handed out. A broker that is away costs time, never work."""
    leases = claim(database, handlers)
    for position, lease in enumerate(leases):
        try:
            send(broker, lease)
        except Exception:
            for unsent in leases[position:]:
                release(database, unsent.id)
            raise
    return len(leases)


def dispatch(
    database: Database,
    handlers: Handlers,
    broker: dramatiq.Broker,
    stop: threading.Event,
    *,
    each_second: Callable[[], object] = lambda: None,
) -> None:
    """Run lease rounds until ``stop``. Any number of dispatchers may run: SKIP LOCKED keeps them apart.

    ``each_second`` is called about once a second for what has no clock of its own (folders that people drop files into).
    """
    expire_at = 0.0
    clock = 0.0
    while not stop.is_set():
        pause = IDLE_S
        try:
            if clock >= expire_at:
                release_expired(database)
                each_second()
                expire_at = clock + EXPIRE_EVERY_S
            if dispatch_once(database, handlers, broker):
                pause = BUSY_S
        except Exception as error:
            log.warning("dispatcher waits", error=f"{type(error).__name__}: {error}"[:300])
            pause = BROKER_AWAY_S
        stop.wait(pause)
        clock += pause


def work(broker: dramatiq.Broker, queues: Sequence[str], threads: int, stop: threading.Event) -> None:
    """Consume ``queues`` with ``threads`` threads until ``stop``; jobs under way are finished."""
    worker = dramatiq.Worker(broker, queues=set(queues), worker_threads=threads, worker_timeout=200)
    worker.start()
    try:
        stop.wait()
    finally:
        worker.stop(timeout=30_000)
        broker.close()
