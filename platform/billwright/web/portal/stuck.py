"""What is stuck: every way in which a bill does not move on, in one shape for the page. Each cause names what it is, who owns
it, why it stands, how it is mended, and the button or place that mends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

FIRST: Final = 5
"""Things shown of each cause, the oldest first; the rest are a link away."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A button that mends a thing at once: what it says, where it posts to in the tenant, what it sends along."""

    label: str
    path: str
    needs: tuple[str, ...]
    """Any of these permissions offers it; the use case decides."""
    sends: Mapping[str, str] = field(default_factory=dict)
    icon: str = "refresh-cw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing that stands. ``path`` is its page in the tenant, ``owner`` a role (empty: whoever runs the other system).

    ``real``: ``since`` is of real time, also beside a sandbox's clock.
    """

    label: str
    path: str
    owner: str
    reason: str
    remedy: str
    since: datetime | None = None
    amount: tuple[int, str] | None = None
    deed: Deed | None = None
    real: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """``count`` things of one kind, the first of them in ``things``; ``path`` leads to all of them."""

    key: str
    title: str
    sentence: str
    path: str
    count: int
    things: Sequence[Thing]

    @property
    def more(self) -> int:
        return self.count - len(self.things)
