"""Dramatiq carries leases' ids from dispatchers to workers and nothing else. Losing them all loses no work, only time."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import dramatiq
import structlog
from sqlalchemy import func, literal, select, update
from sqlalchemy.exc import DBAPIError

from billwright.jobs import queries
from billwright.jobs.brokers.choose import make_broker
from billwright.jobs.brokers.port import ACTOR, LeaseBroker, give_back
from billwright.jobs.claim import Lease, claim, lease_now, release
from billwright.jobs.failures import classify
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction

log = structlog.get_logger("billwright.jobs")
TIME_LIMIT_MS: Final = 600_000
EXPIRE_EVERY_S: Final = 1.0
# Between two rounds, at least and (after one that found nothing, unless a worker rings) at most.
BUSY_S: Final = 0.03
QUICK_S: Final = (
    0.005  # after one whose leases hold as much as they may, or that found nothing: then a ring is waited for
)
IDLE_S: Final = 0.1
IDLE_MAX_S: Final = 1.0  # how seldom it asks in the end when nobody rings and nothing is due
# How often a worker looks into a queue whose bell nobody rings: for messages that a dead worker left behind.
IDLE_WORKER_MS: Final = 500
BROKER_AWAY_S: Final = 1.0
# A worker whose database is away asks again after these pauses; then the lease expires and another round decides.
DATABASE_AWAY_S: Final = (0.2, 1.0, 2.0, 4.0, 8.0)
# Shorter than the supervisor's patience and the grace period of a container.
STOP_WITHIN_S: Final = 15
EXPIRY_LOCK: Final = 727_002  # of PostgreSQL's advisory locks; 727_001 is the migrations'
SAID_AGAIN_S: Final = 60.0


def declare_actor(broker: LeaseBroker, database: Database, handlers: Handlers, stop: threading.Event) -> None:
    """Register the one actor on ``broker``. Delivered at least once; a repeat finds the lease done.

    The dispatcher is told of work that was done: what follows from it need not wait for its next round.
    """

    @dramatiq.actor(broker=broker, actor_name=ACTOR, time_limit=TIME_LIMIT_MS)
    def _do_lease(lease_id: str) -> None:
        for pause in DATABASE_AWAY_S:
            try:
                if do_lease(database, handlers, UUID(lease_id)):
                    broker.ring()
            except DBAPIError as error:
                if classify(error) != "transient":
                    raise
                log.warning("worker waits for the database", lease=lease_id, error=_first_line(error))
                if stop.wait(pause):
                    return
            else:
                return


def dispatch_once(database: Database, handlers: Handlers, broker: LeaseBroker) -> list[Lease]:
    """One lease round; return what was handed out. A broker that is away costs time, never work."""
    leases = claim(database, handlers)
    for position, lease in enumerate(leases):
        try:
            broker.send(lease.id, lease.queue, outside=handlers.by_kind[lease.kind].outside is not None)
        except Exception:
            for unsent in leases[position:]:
                release(database, unsent.id)
            raise
    return leases


def expire(database: Database, broker: LeaseBroker) -> int:
    """Give the jobs of silent workers back; return how many.

    A lease whose message no worker has fetched yet goes on waiting: nobody was silent, it was no attempt, and another
    message would only pile up behind the first. While the broker is away nothing expires, for nothing could be handed
    out. One dispatcher at a time: see ``LeaseBroker.waiting``.
    """
    with control_transaction(database, SYSTEM) as tx:
        now = lease_now(tx)
        late = (JobRow.state == "leased", JobRow.leased_until < now)
        if tx.session.scalar(select(JobRow.id).where(*late).limit(1)) is None:
            return 0
        if not tx.session.scalar(select(func.pg_try_advisory_xact_lock(EXPIRY_LOCK))):
            return 0
        length = JobRow.leased_until - JobRow.updated_at
        waiting = update(JobRow).where(*late, JobRow.lease_id.in_(broker.waiting()))
        tx.session.execute(waiting.values(leased_until=literal(now) + length, updated_at=now))
        return queries.expire_leases(tx.session, now)


def waker(url: str) -> Callable[[], None]:
    """What rings the dispatcher's bell, for processes that write jobs and are no workers.

    Not again while the last ring still echoes: the dispatcher that it woke looks again within that time.
    """
    broker = make_broker(url, [])
    rung_s = [-math.inf]

    def wake() -> None:
        now_s = time.monotonic()
        if now_s - rung_s[0] >= BUSY_S:
            rung_s[0] = now_s
            broker.ring()

    return wake


def dispatch(
    database: Database,
    handlers: Handlers,
    broker: LeaseBroker,
    stop: threading.Event,
    *,
    each_second: Callable[[], object] = lambda: None,
) -> None:
    """Run lease rounds until ``stop``. Any number of dispatchers may run: SKIP LOCKED keeps them apart.

    ``each_second`` is called about once a second for what has no clock of its own (folders that people drop files into).
    """
    expire_at = time.monotonic()
    idle_s = IDLE_S
    while not stop.is_set():
        try:
            if time.monotonic() >= expire_at:
                expire_at = time.monotonic() + EXPIRE_EVERY_S
                expire(database, broker)
                each_second()
            handed_out = dispatch_once(database, handlers, broker)
            stop.wait(BUSY_S if handed_out and not _full(handlers, handed_out) else QUICK_S)
            idle_s = IDLE_S if handed_out else min(idle_s * 1.5, IDLE_MAX_S)
            if not handed_out and broker.wait_for_ring(idle_s - QUICK_S):
                idle_s = IDLE_S
        except Exception as error:
            log.warning("dispatcher waits", error=_first_line(error))
            stop.wait(BROKER_AWAY_S)


def _full(handlers: Handlers, leases: Sequence[Lease]) -> bool:
    """Whether waiting would gather nothing: what could be leased together was, and there may be more of it."""
    return any(lease.jobs >= handlers.by_kind[lease.kind].batch_max for lease in leases)


def _first_line(error: Exception) -> str:
    """Without the statement, its parameters and the link that SQLAlchemy adds."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


class Seldom(logging.Filter):
    """Lets a sentence pass once a minute. dramatiq has a thread per queue, each of which says every 3 s that the broker is away."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._said.get(str(record.msg), -SAID_AGAIN_S) < SAID_AGAIN_S:
            return False
        self._said[str(record.msg)] = now
        return True


def work(
    broker: LeaseBroker,
    queues: Sequence[str],
    threads: int,
    stop: threading.Event,
    *,
    stop_within_s: int = STOP_WITHIN_S,
) -> None:
    """Consume ``queues`` with ``threads`` threads until ``stop``; jobs under way are finished.

    What was fetched and not begun goes back to the broker at once, for the workers that stay. What is not finished after
    ``stop_within_s`` is left: its message goes to another when this process is gone, and it is done again.
    """
    worker = dramatiq.Worker(broker, queues=set(queues), worker_threads=threads, worker_timeout=IDLE_WORKER_MS)
    worker.start()
    seldom = Seldom()
    for consumer in worker.consumers.values():
        consumer.logger.addFilter(seldom)
    try:
        stop.wait()
    finally:
        broker.leaving.set()
        give_back(worker)
        worker.stop(timeout=stop_within_s * 1000)
        broker.close()
