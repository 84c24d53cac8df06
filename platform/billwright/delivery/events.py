"""What delivery says happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRetryAsked(DomainEvent):
    """A person asked for another attempt; the room that owns the subject (invoice, reminder) makes the mail again."""

    name: ClassVar[str] = "delivery.retry_asked"
    delivery_id: UUID
    key: str
    subject_kind: str
    subject_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDelivered(DomainEvent):
    """The mail server took the invoice, or it was kept in the mailbox."""

    name: ClassVar[str] = "invoice.delivered"
    invoice_id: UUID
    delivery_id: UUID
