"""What a tenant's plan means to the dispatcher: its share of a lease round, how much of it is under way, how much may wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``weight``: turns per lease round beside a tenant of weight one. What is not urgent to anybody is never refused by it.

    ``leases``: under way at once in one queue, so that whoever comes next waits for that many at most. ``intake_jobs``:
    deliveries of messages that may wait before the door says "later" (429).
    """

    weight: int
    leases: int
    intake_jobs: int

    @classmethod
    def of_weight(cls, weight: int) -> "Plan":
        return cls(weight=weight, leases=8 * weight, intake_jobs=5_000 * weight)


# Who has nothing under way in a queue may take so many times its leases at once: a few jobs that come together are not cut
# in two rounds beside somebody's backlog, which has its own under way all the time.
FRESH: Final = 2
STANDARD: Final = Plan.of_weight(1)
PLANS: Final[Mapping[str, Plan]] = {
    "standard": STANDARD, "business": Plan.of_weight(2), "enterprise": Plan.of_weight(4),
}  # fmt: skip


def plan_of(name: str) -> Plan:
    """A plan that this release does not know counts as the standard one."""
    return PLANS.get(name, STANDARD)
