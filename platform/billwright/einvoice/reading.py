"""What came of reading a document."""

from dataclasses import dataclass
from typing import Final

from billwright.einvoice.model import Invoice

NOT_CARRIED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is not what its place asks for; it is missing in the model."""

    where: str
    text: str
    problem: str


@dataclass(frozen=True, slots=True)
class Reading:
    """``not_carried``: elements with content for which EN 16931 has no term, as paths; at most 200 of them."""

    invoice: Invoice
    not_carried: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
