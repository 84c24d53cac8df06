"""Leases over Redis, with bells: who waits for work is woken instead of asking again and again.

A bell is a short list; ringing pushes, waiting pops. The dispatcher has one, rung when a lease was done, for what follows
from it may be due; each queue has one, rung with every message put into it. Nothing depends on a bell: who hears none asks
by itself before long, so a lost one costs only time.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, cast
from uuid import UUID

import dramatiq
import structlog
from dramatiq import Message
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware, SkipMessage
from redis import RedisError

from billwright.jobs.brokers.port import OUTSIDE, LeaseBroker, lease_of, middleware
from billwright.jobs.handlers import QUEUES

log = structlog.get_logger("billwright.jobs")
DISPATCHER: Final = "dispatcher"
RINGS_MAX: Final = 8  # what is left of a busy hour wakes nobody more often than this
FULL_S: Final = 0.02
LEAVING_S: Final = 0.2
DRAMATIQ_PAUSE_MS: Final = 1  # its consumer would sleep after an empty look, whatever comes meanwhile
HEARTBEAT_MS: Final = 10_000
# dramatiq's own acknowledgement does not tell whether the message was still ours. The keys are those of its dispatch.lua.
TAKE: Final = """
if redis.call("srem", KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call("hdel", KEYS[2], ARGV[1])
return 1
"""


class BellConsumer(_RedisConsumer):
    """dramatiq's consumer, but for its sleep after an empty look, which grows to ``timeout``: here the bell ends it.

    When the worker leaves it gives back what it fetched and has not passed on, and goes on only to say that the worker
    lives, so that nobody else takes the work under way for lost. dramatiq leaves the methods of its consumers untyped.
    """

    def __init__(self, broker: "BellBroker", queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, DRAMATIQ_PAUSE_MS)  # type: ignore[no-untyped-call]  # see above
        self._bells = broker
        self._idle_s = timeout / 1000

    def __next__(self) -> Any:
        if self._bells.leaving.is_set():
            return self._leave()
        message = super().__next__()  # type: ignore[no-untyped-call]  # see above
        if message is None:
            self._wait()
        elif self._bells.leaving.is_set():  # it came while the worker was told to leave
            self.requeue([message])
            return None
        return message

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """What Redis cannot take now is fetched by others once the heartbeat of this worker is old."""
        returned = list(messages)
        try:
            super().requeue(returned)  # type: ignore[no-untyped-call]  # see above
        except RedisError as error:
            log.warning("messages not returned to Redis", error=str(error)[:300])
            return
        for _ in returned:
            self._bells.ring_for(self.queue_name)

    def _leave(self) -> None:
        cached, self.message_cache = self.message_cache, []
        if cached:
            self.requeue([MessageProxy(Message.decode(body)) for body in cached if body])
        try:
            self.broker.do_fetch(self.queue_name, 0)  # fetches none: a heartbeat
        except RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # see above
        time.sleep(LEAVING_S)

    def _wait(self) -> None:
        if self.outstanding_message_count >= self.prefetch:  # the bell is for those who have room
            time.sleep(FULL_S)  # nothing rings when this worker has room again; so it looks again soon
            return
        try:
            self._bells.wait_for(self.queue_name, self._idle_s)
        except RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # see above


class Beginning(Middleware):
    """Just before a lease is begun whose work acts outside: not if another has its message by now.

    A worker that was silent for ``HEARTBEAT_MS`` and lives finds its messages with others. Work in the database then loses
    the race and leaves no trace. A mail would go out twice: so its message is taken away when the work begins, and if the
    worker dies the lease ends in its time. While Redis cannot be asked nothing of the kind is begun.
    """

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        assert isinstance(broker, BellBroker)
        if not message.options.get(OUTSIDE):
            return
        try:
            ours = broker.take(message.queue_name, message.options["redis_message_id"])
        except RedisError as error:
            raise SkipMessage("Redis cannot be asked") from error
        if not ours:
            raise SkipMessage("given to another meanwhile")


class BellBroker(RedisBroker, LeaseBroker):
    """A broker whose consumers wait for their queue's bell."""

    def __init__(self, url: str, queues: Sequence[str]) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # dramatiq leaves this constructor untyped
            url=url,
            middleware=[*middleware(), Beginning()],
            heartbeat_timeout=HEARTBEAT_MS,
            maintenance_chance=100_000,
        )
        self.leaving = threading.Event()
        self._take = self.client.register_script(TAKE)
        for queue in queues:
            self.declare_queue(queue)

    @property
    def consumer_class(self) -> type[BellConsumer]:
        return BellConsumer

    def send(self, lease_id: UUID, queue: str, *, outside: bool = False) -> None:
        super().send(lease_id, queue, outside=outside)
        self.ring_for(queue)

    def take(self, queue: str, message_id: str) -> bool:
        """Acknowledge a message that was fetched here; whether nobody else was given it since.

        Raises:
            RedisError: Redis is away.
        """
        keys = [f"{self.namespace}:__acks__.{self.broker_id}.{queue}", f"{self.namespace}:{queue}.msgs"]
        return bool(self._take(keys=keys, args=[message_id]))

    def ring(self) -> None:
        self.ring_for(DISPATCHER)

    def wait_for_ring(self, seconds: float) -> bool:
        rung = self.wait_for(DISPATCHER, seconds)
        if rung:  # one round answers all who rang before it
            self.client.delete(self.bell_key(DISPATCHER))
        return rung

    def waiting(self) -> set[UUID]:
        """By the keys that dramatiq's dispatch.lua documents."""
        found: set[UUID] = set()
        for queue in QUEUES:
            key = f"{self.namespace}:{queue}"
            ids = self.client.lrange(key, 0, -1)
            bodies = cast("list[bytes | None]", self.client.hmget(f"{key}.msgs", ids)) if ids else []
            found |= {lease_of(body) for body in bodies if body}
        return found

    def bell_key(self, name: str) -> str:
        return f"{self.namespace}:bell:{name}"

    def ring_for(self, name: str) -> None:
        """Wake one who waits for ``name``; nobody else hears it. Redis being away is no error here."""
        key = self.bell_key(name)
        with suppress(RedisError), self.client.pipeline(transaction=False) as pipe:
            pipe.rpush(key, 1)
            pipe.ltrim(key, -RINGS_MAX, -1)
            pipe.execute()

    def wait_for(self, name: str, seconds: float) -> bool:
        """Whether ``name`` was rung, before or within ``seconds``.

        Raises:
            RedisError: Redis is away; nothing was waited for.
        """
        return self.client.blpop([self.bell_key(name)], timeout=seconds) is not None
