"""What workers can do: handlers by job kind, registered by the composition root, never global."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from billwright.kernel.tracing import Tracing
from billwright.tenancy.transaction import Tenant, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A leased job. ``payload`` holds identifiers and little else."""

    id: UUID
    kind: str
    key: str
    payload: Mapping[str, Any]
    attempts: int
    trace_id: str | None = None
    trace_context: str | None = None

    def uuid(self, name: str) -> UUID:
        return UUID(str(self.payload[name]))


QUEUES: Final = ("intake", "billing", "documents", "connectors", "collections", "webhooks", "housekeeping")

InTransaction = Callable[[Tx, Sequence[Job]], None]
Outside = Callable[[Tenant, Job], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """How one kind of job is done.

    ``in_transaction`` handlers get up to ``batch_max`` jobs of one tenant and their work commits together with ``done``;
    when a batch raises, its jobs run again one by one, so that a bad one harms no other. ``outside`` handlers act on other
    systems: they open their own transactions around the act (intent, act, outcome) and must be safe to run twice.
    ``leases_max``: how many leases of one tenant may be under way, where its plan's share would be too many.
    ``breaker`` names the other system that an outside job calls: see ``jobs/breaker.py``. ``tracing``: where spans go.
    """

    kind: str
    in_transaction: InTransaction | None = None
    outside: Outside | None = None
    batch_max: int = 1
    attempts_max: int = 8
    lease_s: int = 60
    leases_max: int | None = None
    breaker: Callable[[Job], str] | None = None
    tracing: Tracing | None = None

    def __post_init__(self) -> None:
        assert (self.in_transaction is None) != (self.outside is None), self.kind
        assert self.kind.partition(".")[0] in QUEUES, self.kind
        assert self.outside is None or self.batch_max == 1, self.kind


@dataclass(frozen=True, slots=True)
class Handlers:
    """All handlers of this install."""

    by_kind: Mapping[str, Handler] = field(default_factory=dict)

    @classmethod
    def of(cls, *handlers: Handler) -> "Handlers":
        by_kind = {handler.kind: handler for handler in handlers}
        assert len(by_kind) == len(handlers), "two handlers of one kind"
        return cls(by_kind)

    def traced(self, tracing: Tracing | None) -> "Handlers":
        return Handlers.of(*(replace(each, tracing=tracing) for each in self.by_kind.values()))

    @property
    def sizes(self) -> dict[str, int]:
        """Queue to the largest batch of its kinds."""
        found: dict[str, int] = {}
        for handler in self.by_kind.values():
            queue = handler.kind.partition(".")[0]
            found[queue] = max(found.get(queue, 1), handler.batch_max)
        return found

    @property
    def queues(self) -> frozenset[str]:
        return frozenset(kind.partition(".")[0] for kind in self.by_kind)
