"""Pauses before another try: longer each time, and spread so that those which failed together do not come back together."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

SPREAD: Final = 0.2


def pause(pauses_s: Sequence[int], attempt: int) -> timedelta:
    """Before the next try; ``attempt`` counts those made, from one, and the last pause is that of all later ones."""
    seconds = pauses_s[min(attempt, len(pauses_s)) - 1]
    return timedelta(seconds=seconds * random.uniform(1 - SPREAD, 1 + SPREAD))  # noqa: S311  # spreading, not a secret
