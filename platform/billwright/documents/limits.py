"""What one document may take, and the names of the limits as people and figures call them."""

from dataclasses import dataclass
from typing import Final, Literal

MIB: Final = 1024**2
Limit = Literal["processor", "clock", "memory", "pages", "size", "nesting", "crash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one document. Measured: an invoice of 3,000 lines, some 180 pages, takes 20 s of a core and 490 MiB.

    What counts is processor time, ``cpu_s``; on the clock it is ``clock_factor`` times as much, so that a busy machine stops no
    healthy document. ``memory_bytes`` is what a process may have of its own, what it shares with its nursery included.
    """

    cpu_s: int = 30
    clock_factor: int = 3
    memory_bytes: int = 768 * MIB
    pages: int = 1_000
    pdf_bytes: int = 64 * MIB

    @property
    def clock_s(self) -> int:
        return self.clock_factor * self.cpu_s
