"""Figures to places in a drawing: plain numbers for the templates' SVG, which needs no script and no library.

Every chart says its values in words as well; colour carries nothing that a label does not.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

SPARK_WIDTH: Final = 120
SPARK_HEIGHT: Final = 28


def spark(counts: Sequence[int]) -> str:
    """The points of a line through ``counts``, at least two, in a box of 120 by 28."""
    top = max(1, *counts)
    step = Decimal(SPARK_WIDTH) / (len(counts) - 1)
    places = (f"{place * step:.1f},{26 - 24 * number / Decimal(top):.1f}" for place, number in enumerate(counts))
    return " ".join(places)


def share(value: int | Decimal, most: int | Decimal, width: int = 100) -> Decimal:
    """``value`` as a length of ``width`` where ``most`` is all of it; what is there at all can be seen (1 at least)."""
    if value <= 0 or most <= 0:
        return Decimal(0)
    return max(Decimal(1), (Decimal(value) * width / Decimal(most)).quantize(Decimal("0.1")))


def span(value: timedelta | None) -> str:
    """A length of time in one unit: ``12 min``, ``5 h``, ``3.4 days``; empty for none."""
    if value is None:
        return ""
    if value < timedelta(hours=1):
        return f"{max(value, timedelta()) // timedelta(minutes=1)} min"
    if value < timedelta(days=2):
        return f"{value // timedelta(hours=1)} h"
    return f"{Decimal(value // timedelta(hours=1)) / 24:.1f} days"
