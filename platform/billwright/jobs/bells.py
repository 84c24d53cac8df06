"""Bells in Redis: who waits for work is woken instead of asking again and again.

A bell is a short list; ringing pushes, waiting pops. The dispatcher has one, rung when a lease was done, for what follows
from it may be due; each queue has one, rung with every message put into it. Nothing depends on a bell: who hears none asks
by itself before long, so a lost one costs only time.
"""

import time
from contextlib import suppress
from typing import Any, Final

from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from redis import RedisError

DISPATCHER: Final = "dispatcher"
RINGS_MAX: Final = 8  # what is left of a busy hour wakes nobody more often than this
FULL_S: Final = 0.02
DRAMATIQ_PAUSE_MS: Final = 1  # its consumer would sleep after an empty look, whatever comes meanwhile


def bell_key(broker: RedisBroker, name: str) -> str:
    return f"{broker.namespace}:bell:{name}"


def ring(broker: RedisBroker, name: str) -> None:
    """Wake one who waits for ``name``; nobody else hears it. Redis being away is no error here."""
    key = bell_key(broker, name)
    with suppress(RedisError), broker.client.pipeline(transaction=False) as pipe:
        pipe.rpush(key, 1)
        pipe.ltrim(key, -RINGS_MAX, -1)
        pipe.execute()


def wait_for_bell(broker: RedisBroker, name: str, seconds: float) -> bool:
    """Whether ``name`` was rung, before or within ``seconds``.

    Raises:
        RedisError: Redis is away; nothing was waited for.
    """
    return broker.client.blpop([bell_key(broker, name)], timeout=seconds) is not None


class BellConsumer(_RedisConsumer):
    """dramatiq's consumer, but for its sleep after an empty look, which grows to ``timeout``: here the bell ends it.

    dramatiq leaves the methods of its consumers untyped.
    """

    def __init__(self, broker: RedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, DRAMATIQ_PAUSE_MS)  # type: ignore[no-untyped-call]  # see above
        self._idle_s = timeout / 1000

    def __next__(self) -> Any:
        message = super().__next__()  # type: ignore[no-untyped-call]  # see above
        if message is None:
            self._wait()
        return message

    def _wait(self) -> None:
        if self.outstanding_message_count >= self.prefetch:  # the bell is for those who have room
            time.sleep(FULL_S)  # nothing rings when this worker has room again; so it looks again soon
            return
        try:
            wait_for_bell(self.broker, self.queue_name, self._idle_s)
        except RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # see above


class BellBroker(RedisBroker):
    """A broker whose consumers wait for their queue's bell."""

    @property
    def consumer_class(self) -> type[BellConsumer]:
        return BellConsumer
