"""The composition root: which jobs follow which events, which handlers the workers have, which controllers answer."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from billwright.jobs.handlers import Handler, Handlers
from billwright.kernel.events import DomainEvent, JobSpec, Subscriptions

# In the order in which work flows. A room without jobs.py or api.py simply lacks it.
ROOMS_WITH_JOBS: Final = (
    "intake", "billing", "checks", "approvals", "issuing",
)  # fmt: skip


def subscriptions() -> Subscriptions:
    """All rooms' followers, earlier rooms first."""
    jobs: dict[type[DomainEvent], list[Callable[[Any], Sequence[JobSpec]]]] = defaultdict(list)
    inline: dict[type[DomainEvent], list[Callable[[Any, Any], None]]] = defaultdict(list)
    for room in ROOMS_WITH_JOBS:
        module = import_module(f"billwright.{room}.jobs")
        for event, followers in getattr(module, "SUBSCRIBED_JOBS", {}).items():
            jobs[event].extend(followers)
        for event, handlers in getattr(module, "SUBSCRIBED_INLINE", {}).items():
            inline[event].extend(handlers)
    return Subscriptions(jobs=dict(jobs), inline=dict(inline))


def spine_handlers() -> Handlers:
    """From a stored message to an issued invoice: everything that needs the database alone."""
    handlers: list[Handler] = []
    for room in ("intake", "billing", "checks", "approvals", "issuing"):
        handlers.extend(import_module(f"billwright.{room}.jobs").handlers())
    return Handlers.of(*handlers)
