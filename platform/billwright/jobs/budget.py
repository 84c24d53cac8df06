"""How many retries another system gets: a few a second and a share of what it answers, so that a half-dead one is not hammered.

A breaker opens when a system answers nothing. One that answers every second call never opens it, and retries alone would
double its load. A budget of ``RETRIES_MAX`` refills by one each ``EACH`` and by a tenth of one with each answer; a retry that
finds it empty gets the next free place in a line, so that none is asked in vain.

All of it is one moment per system, ``full_at``: when the budget will be full again if nothing else happens (virtual scheduling
as in the generic cell rate algorithm, ITU-T I.371). Finagle and Linkerd by default let a fifth of the requests be tried again,
and ten a second in any case, over ten seconds; accounting systems and mail servers take less.
"""

import random
from datetime import datetime, timedelta
from typing import Final

RETRIES_MAX: Final = 10
EACH: Final = timedelta(seconds=1)
EARNED: Final = EACH / 10
LINE_MAX: Final = timedelta(hours=1)
"""A longer line is not made, as no back-off is longer: who comes then gets any moment of this hour's second half."""


def spend(full_at: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """One retry: ``full_at`` after it, and the moment before which it may not run."""
    start = max(full_at or now, now)
    place = start + EACH - RETRIES_MAX * EACH
    if place > now + LINE_MAX:
        return start, now + LINE_MAX * random.uniform(0.5, 1.0)  # noqa: S311  # spreading, not a secret
    return start + EACH, max(place, now)


def earn(full_at: datetime | None, now: datetime) -> datetime | None:
    """``full_at`` after an answer; none when the budget is full."""
    if full_at is None or full_at - EARNED <= now:
        return None
    return full_at - EARNED


def retries_left(full_at: datetime | None, now: datetime) -> int:
    """Retries that may run at once; below zero: how many stand in line."""
    if full_at is None or full_at <= now:
        return RETRIES_MAX
    return RETRIES_MAX + (now - full_at) // EACH
