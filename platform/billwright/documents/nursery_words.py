"""What a worker and its nursery say to each other; apart, for the worker must not load what the nursery loads."""

import struct
from typing import Final

FORK: Final = b"f"
"""With an open socket: fork a process that serves it; the answer is its ``ID`` and a handle (pidfd)."""
WAIT: Final = b"w"
"""Before an ``ID``: wait for the end of that process; the answer is an ``END``."""
ID: Final = struct.Struct("!i")
END: Final = struct.Struct("!iq")
"""Exit status (negative: the signal) and peak memory in bytes."""
