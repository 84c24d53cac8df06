"""What collections say happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpened(DomainEvent):
    """An amount of an invoice is contested."""

    name: ClassVar[str] = "dispute.opened"
    dispute_id: UUID
    invoice_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputesResolved(DomainEvent):
    """These disputes are over; ``invoice_ids`` are the invoices that they were about."""

    name: ClassVar[str] = "disputes.resolved"
    dispute_ids: tuple[UUID, ...]
    invoice_ids: tuple[UUID, ...]
