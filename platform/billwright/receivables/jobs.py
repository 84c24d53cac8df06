"""What receivables follow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.issuing.events import InvoicesIssued
from billwright.jobs.handlers import Handler
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.receivables.open_receivables import open_receivables
from billwright.tenancy.transaction import Tx


def handlers() -> list[Handler]:
    return []


SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Tx, Any], None]]]] = {
    InvoicesIssued: (open_receivables,),
}
SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {}
