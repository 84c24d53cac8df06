"""How long and how often an endpoint is tried. About thirty attempts in five days; a warning after one."""

import random
from datetime import timedelta
from typing import Final

# As the Standard Webhooks specification suggests, spread so that endpoints which fail together are not asked together.
PAUSES_S: Final = (5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400)
JITTER: Final = 0.2
WARN_AFTER: Final = timedelta(days=1)
DISABLE_AFTER: Final = timedelta(days=5)
GIVE_UP_AFTER: Final = timedelta(days=5)
OLD_SECRET_FOR: Final = timedelta(days=1)


def pause(attempt: int) -> timedelta:
    """Before the next attempt; ``attempt`` counts those made, from one."""
    seconds = PAUSES_S[min(attempt, len(PAUSES_S)) - 1]
    return timedelta(seconds=seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311  # jitter, not a secret
