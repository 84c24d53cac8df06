"""What posting says happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePosted(DomainEvent):
    """All ERP connections of the tenant hold the invoice and the read-back agrees."""

    name: ClassVar[str] = "invoice.posted"
    invoice_id: UUID
