"""What the jobs room asks of a broker, whatever it is made of."""

import threading
from abc import abstractmethod
from typing import Final
from uuid import UUID

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.common import iter_queue
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit

ACTOR: Final = "do_lease"
OUTSIDE: Final = "outside"


def middleware() -> list[Middleware]:
    """No retries, no results, no pipelines: PostgreSQL decides what runs again."""
    return [TimeLimit(), ShutdownNotifications()]


class LeaseBroker(dramatiq.Broker):
    """Carries the ids of leases, and a bell for the dispatcher.

    Messages may be lost, repeated or late, and the bell may be lost. A lease whose message still waits when its time is
    over was nobody's attempt; it keeps that message, so that none pile up.
    """

    leaving: threading.Event
    """Set when this worker ends: its consumers fetch nothing more, and give back what nobody has begun."""

    def send(self, lease_id: UUID, queue: str, *, outside: bool = False) -> None:
        """Hand a lease out. Whoever raises here may have sent it all the same.

        ``outside``: its work acts on another system, so two must not do it at once where the broker can help it.

        Raises:
            ConnectionClosed or the driver's error: the broker is away.
        """
        options = {OUTSIDE: True} if outside else {}
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=queue, actor_name=ACTOR, args=(str(lease_id),), kwargs={}, options=options
        )
        self.enqueue(message)

    @abstractmethod
    def ring(self) -> None:
        """Wake one dispatcher: something may be due. Never waits for a broker that is away, and raises nothing."""

    @abstractmethod
    def wait_for_ring(self, seconds: float) -> bool:
        """Whether a dispatcher was rung for, before or within ``seconds``.

        Raises:
            ConnectionClosed or the driver's error: the broker is away; nothing was waited for.
        """

    @abstractmethod
    def waiting(self) -> set[UUID]:
        """Leases whose message no worker has fetched yet. One caller at a time in the whole install.

        Raises:
            ConnectionClosed or the driver's error: the broker is away.
        """


def lease_of(body: bytes) -> UUID:
    """The lease that a message is about."""
    return UUID(dramatiq.Message.decode(body).args[0])


def give_back(worker: dramatiq.Worker) -> None:
    """Return to the broker what this worker fetched and no thread has begun: others do it now, and it was no attempt."""
    by_queue: dict[str, list[MessageProxy]] = {}
    for item in iter_queue(worker.work_queue):  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
        by_queue.setdefault(item.message.queue_name, []).append(item.message)
    for queue, messages in by_queue.items():
        worker.consumers[queue].requeue_messages(messages)
