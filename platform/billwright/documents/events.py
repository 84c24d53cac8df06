"""What documents say happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRendered(DomainEvent):
    """The invoice's PDF is stored; delivery is next."""

    name: ClassVar[str] = "invoice.rendered"
    invoice_id: UUID
    document_id: UUID
