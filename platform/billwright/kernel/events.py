"""Domain events and who follows them.

An earlier room owns a frozen dataclass and publishes it in its transaction; the composition root says which jobs
follow it, and which handlers run inside the same transaction because their rows must exist if and only if it commits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """Base of all events. ``name`` is what webhooks and logs call it: ``invoice.issued``."""

    name: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job to be written: ``key`` is unique while the job is open, so the same wish is written once."""

    kind: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    run_at: datetime | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Event type to followers; ``jobs`` make rows, ``inline`` run in the publisher's transaction."""

    jobs: Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]] = field(default_factory=dict)
    inline: Mapping[type[DomainEvent], Sequence[Callable[[Any, Any], None]]] = field(default_factory=dict)
