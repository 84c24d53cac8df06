"""The port by which documents get the e-invoice of what was issued: the room that writes it lies beside theirs."""

from dataclasses import dataclass
from typing import Protocol

from billwright.issuing.content import InvoiceContent


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEinvoice:
    """``title``: the format in words. ``hybrid``: it goes into the PDF. ``faults``: why it must not be sent, as sentences;
    ``unchecked``: the rules could not be run, which says nothing about it."""

    format: str
    title: str
    xml: bytes
    hybrid: bool
    faults: tuple[str, ...] = ()
    unchecked: bool = False


class EinvoiceMaker(Protocol):
    """Writes and checks the e-invoice of frozen content, outside any transaction; None where none is wanted."""

    def __call__(self, content: InvoiceContent, number: str, /) -> MadeEinvoice | None: ...
