"""What the workers do for intake: apply stored messages, try held ones again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from billwright.extension.loading import available_connectors
from billwright.intake.apply_messages import apply_stored
from billwright.intake.mapping import Connectors
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.transaction import Tx

SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {}
SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any, Any], None]]]] = {}


def handlers(connectors: Connectors | None = None) -> list[Handler]:
    """``intake.apply`` and ``intake.retry_held``, both with payload ``message_ids``. Default: all installed connectors."""
    known = available_connectors() if connectors is None else connectors

    def apply(tx: Tx, jobs: Sequence[Job]) -> None:
        apply_stored(tx, _message_ids(jobs), known)

    def retry_held(tx: Tx, jobs: Sequence[Job]) -> None:
        apply_stored(tx, _message_ids(jobs), known, states=("held", "received"))

    return [
        Handler(kind="intake.apply", in_transaction=apply, batch_max=20),
        Handler(kind="intake.retry_held", in_transaction=retry_held, batch_max=20),
    ]


def _message_ids(jobs: Sequence[Job]) -> list[UUID]:
    return [UUID(text) for job in jobs for text in job.payload["message_ids"]]
