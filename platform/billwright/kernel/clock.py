"""Clocks: UTC moments; tests, imports and sandbox tenants bring their own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class SetClock:
    """A clock that stands where it was set; ``moment`` may be moved."""

    moment: datetime

    def now(self) -> datetime:
        assert self.moment.tzinfo is not None
        return self.moment


@dataclass(frozen=True, slots=True)
class OffsetClock:
    """The machine's clock, wrong by ``offset``: for drills of what a host with a wrong clock does to the others."""

    offset: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset
