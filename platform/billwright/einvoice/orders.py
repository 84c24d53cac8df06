"""What the checking process is asked and what it answers; both sides of the pipe know these and nothing else of each other."""

from typing import Final

import msgspec

from billwright.einvoice.findings import Report
from billwright.einvoice.installed import InstalledRules
from billwright.einvoice.model import Invoice

HEAD_BYTES: Final = 8
"""Length of each message before it, big-endian."""
READY: Final = b"ready\n"
"""The child's first word: from here on time is the document's."""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="order"):
    """``time_s``: processor seconds that may be used on it."""

    time_s: int


class CheckOrder(Order, frozen=True, kw_only=True, tag="check"):
    """``texts``: rules by hash that the process does not have yet; it keeps them. ``hybrid``: as if it were in a PDF."""

    body: bytes
    installed: tuple[InstalledRules, ...] = ()
    texts: dict[str, str] = {}
    read: bool = False
    hybrid: bool = False


class CompileOrder(Order, frozen=True, kw_only=True, tag="compile"):
    """Whether ``text`` is a rule set that runs."""

    text: str


class WriteOrder(Order, frozen=True, kw_only=True, tag="write"):
    """``invoice`` in a syntax: ubl or cii."""

    invoice: Invoice
    syntax: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One of the three; ``failed`` says why there is none."""

    report: Report | None = None
    written: bytes = b""
    failed: str = ""


ORDERS: Final = msgspec.msgpack.Decoder(CheckOrder | CompileOrder | WriteOrder)
ANSWERS: Final = msgspec.msgpack.Decoder(Answer)
ENCODER: Final = msgspec.msgpack.Encoder()
