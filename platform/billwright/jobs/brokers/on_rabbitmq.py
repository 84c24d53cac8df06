"""Leases over RabbitMQ. It pushes messages to the workers, so queues need no bell; the dispatcher's is a short queue.

pika's connections must not be used by two threads at once: each consumer has one (dramatiq's way), each thread that sends
leases has one (there is one such thread, the dispatcher's), and rings go out by a thread of their own.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final
from uuid import UUID

import dramatiq
import pika  # type: ignore[import-untyped]  # pika ships no types
import structlog
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware, SkipMessage
from pika.exceptions import AMQPError, ChannelClosedByBroker  # type: ignore[import-untyped]  # see above

from billwright.jobs.brokers.port import OUTSIDE, LeaseBroker, lease_of, middleware
from billwright.jobs.handlers import QUEUES

log = structlog.get_logger("billwright.jobs")
BELL: Final = "billwright.bell"
RINGS_MAX: Final = 8  # what is left of a busy hour wakes nobody more often than this
BELL_KEPT_MS: Final = 3_600_000  # a bell that no dispatcher listens to for so long is forgotten by RabbitMQ
LEAVING_S: Final = 0.2
# Unless the URL says otherwise. Half a minute of silence is a dead host; whoever waits longer for a step holds up others.
PATIENCE: Final = {"heartbeat": 15, "socket_timeout": 5, "stack_timeout": 8, "blocked_connection_timeout": 10}
TENDED_S: Final = 5.0  # how often the ringer answers heartbeats
AWAY_S: Final = 1.0
NO_SUCH_QUEUE: Final = 404
# It says each lost connection with a traceback; we say it once, in our words.
logging.getLogger("pika").setLevel(logging.CRITICAL)
AWAY: Final = (AMQPError, OSError, ConnectionClosed)


def parameters_of(url: str) -> list[Any]:
    """pika's parameters of each node (``;`` between them), impatient unless a URL's query says otherwise."""
    found = []
    for node in url.split(";"):
        parameters = pika.URLParameters(node)
        for name, seconds in PATIENCE.items():
            if f"{name}=" not in node.partition("?")[2]:
                setattr(parameters, name, seconds)
        found.append(parameters)
    return found


def answers(url: str, *, within_s: int) -> bool:
    """Whether RabbitMQ lets us in now."""
    nodes = parameters_of(url)
    for node in nodes:
        node.socket_timeout = node.stack_timeout = within_s
    try:
        pika.BlockingConnection(nodes).close()
    except AWAY:
        return False
    return True


class RabbitConsumer(_RabbitmqConsumer):
    """dramatiq's consumer; when the worker leaves it takes nothing more and gives back what nobody has begun.

    dramatiq and pika leave the methods untyped.
    """

    def __init__(self, broker: "RabbitBroker", queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]  # see above
        self._line: Any = self.connection
        self._leaving = broker.leaving
        self._cancelled = False
        self._held: dict[int, MessageProxy] = {}

    def __next__(self) -> Any:
        message = None
        if not self._leaving.is_set():
            message = super().__next__()  # type: ignore[no-untyped-call]  # see above
        if message is not None:
            self._held[message._tag] = message
        if not self._leaving.is_set():
            return message
        try:
            if not self._cancelled:
                self._cancelled = True
                self.channel.cancel()
            if message is not None:  # it came while the worker was told to leave
                self.requeue([message])
            self._line.process_data_events(LEAVING_S)  # acknowledgements of the work under way
        except (AMQPError, AssertionError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # see above
        return None

    def holds(self, message: MessageProxy) -> bool:
        """Whether RabbitMQ takes the message for ours: a new connection counts its tags from 1 again."""
        return self._held.get(message._tag) is message

    def ack(self, message: MessageProxy) -> None:
        """Once; what came over a connection that is lost is somebody else's by now."""
        if self.holds(message):
            del self._held[message._tag]
            super().ack(message)  # type: ignore[no-untyped-call]  # see above

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """At once, not when the connection closes: work under way may take long yet."""
        for message in messages:
            tag = message._tag
            if self.holds(message):
                del self._held[tag]
                self.known_tags.discard(tag)
                with suppress(AMQPError):  # whose connection is closed has returned everything
                    back = partial(self.channel.basic_nack, tag, requeue=True)
                    self.connection.add_callback_threadsafe(back)


class Beginning(Middleware):
    """Just before a lease is begun: not if RabbitMQ gave it to another meanwhile, and never twice at once outside.

    RabbitMQ hands all that is not acknowledged to others when a connection is lost, at once, though the worker lives. Work in
    the database then loses the race and leaves no trace. A mail would go out twice: so its message is acknowledged when
    the work begins, and if the worker dies the lease ends in its time.
    """

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - dramatiq's
        self._consumers = worker.consumers

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:  # noqa: ARG002 - dramatiq's
        consumer = self._consumers[message.queue_name].consumer
        if not isinstance(consumer, RabbitConsumer) or not consumer.holds(message):
            raise SkipMessage("given to another meanwhile")
        if message.options.get(OUTSIDE):
            try:
                consumer.ack(message)
            except ConnectionClosed as error:
                raise SkipMessage("given to another meanwhile") from error


class RabbitBroker(RabbitmqBroker, LeaseBroker):
    """Durable classic queues, confirmed delivery: who handed a lease out knows that RabbitMQ has it."""

    def __init__(self, url: str, queues: Sequence[str]) -> None:
        super().__init__(confirm_delivery=True, url=url, middleware=[*middleware(), Beginning()])
        self.parameters = parameters_of(url)
        self.leaving = threading.Event()
        self._ringer = Ringer(self.parameters)
        self._bell: tuple[Any, Any] | None = None
        self._rung = False
        for queue in queues:
            self.declare_queue(queue)

    @property
    def consumer_class(self) -> type[RabbitConsumer]:
        return RabbitConsumer

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        """Classic, whatever the virtual host prefers: looking at what waits must not count as deliveries."""
        arguments: dict[str, Any] = super()._build_queue_arguments(queue_name)  # type: ignore[no-untyped-call]  # see above
        return {**arguments, "x-queue-type": "classic"}

    def ring(self) -> None:
        self._ringer.ring()

    def wait_for_ring(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        try:
            connection = self._listening()
            connection.process_data_events(0)
            while not self._rung and (left := deadline - time.monotonic()) > 0:
                connection.process_data_events(left)
        except AMQPError:
            del self.connection
            raise
        rung, self._rung = self._rung, False
        return rung

    def _listening(self) -> Any:
        """The sending thread's connection, on which the bell is heard."""
        if self._bell is None or self._bell[0] is not self.connection or not self._bell[1].is_open:
            channel = self.connection.channel()
            declare_bell(channel)
            channel.basic_consume(BELL, self._hear, auto_ack=True)
            self._bell = (self.connection, channel)
        return self._bell[0]

    def _hear(self, *_: object) -> None:
        self._rung = True

    def waiting(self) -> set[UUID]:
        """All messages are fetched without being acknowledged; closing the channel puts each back into its place.

        For these milliseconds they are nobody's, so two callers at once would each miss what the other holds.
        """
        found: set[UUID] = set()
        try:
            for queue in QUEUES:
                found |= self._peek(queue)
        except AMQPError:
            del self.connection
            raise
        return found

    def _peek(self, queue: str) -> set[UUID]:
        found: set[UUID] = set()
        channel = self.connection.channel()
        try:
            for _ in range(channel.queue_declare(queue, passive=True).method.message_count):
                got, _, body = channel.basic_get(queue)
                if got is None or body is None:
                    break
                found.add(lease_of(body))
        except ChannelClosedByBroker as error:
            if error.reply_code != NO_SUCH_QUEUE:
                raise
        finally:
            if channel.is_open:
                channel.close()
        return found

    def close(self) -> None:
        self._ringer.close()
        super().close()


def declare_bell(channel: Any) -> None:
    arguments = {"x-max-length": RINGS_MAX, "x-expires": BELL_KEPT_MS, "x-queue-type": "classic"}
    channel.queue_declare(BELL, durable=True, arguments=arguments)


class Ringer:
    """Rings by a connection and a thread of its own, so that nobody who rings waits for RabbitMQ."""

    def __init__(self, parameters: list[Any]) -> None:
        self._parameters = parameters
        self._wanted = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
                    self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        self._closed = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(TENDED_S)

    def _run(self) -> None:
        line: _Line | None = None
        while not self._closed:
            rung = self._wanted.wait(TENDED_S)
            self._wanted.clear()
            try:
                if rung and not self._closed:
                    line = line or _Line(self._parameters)
                    line.publish()
                elif line is not None:
                    line.tend()
            except AWAY:
                _hang_up(line)
                line = None
                time.sleep(AWAY_S)  # this thread's own; whoever rings meanwhile does not wait
        _hang_up(line)


class _Line:
    """The ringer's connection; its thread alone uses it."""

    def __init__(self, parameters: list[Any]) -> None:
        self.connection = pika.BlockingConnection(parameters)
        self._channel = self.connection.channel()

    def publish(self) -> None:
        self.tend()
        self._channel.basic_publish("", BELL, b"")

    def tend(self) -> None:
        self.connection.process_data_events(0)


def _hang_up(line: _Line | None) -> None:
    if line is not None:
        with suppress(*AWAY):
            line.connection.close()
