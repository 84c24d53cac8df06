"""What issuing says happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.issuing.content import InvoiceContent
from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedInvoice:
    """One invoice at the moment of issuing; its number is taken after this is published."""

    invoice_id: UUID
    legal_entity_id: UUID
    customer_id: UUID
    content: InvoiceContent


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicesIssued(DomainEvent):
    """Published inside the issuing transaction, before the numbers are taken. Receivables follow inline, jobs after COMMIT."""

    name: ClassVar[str] = "invoices.issued"
    invoices: tuple[IssuedInvoice, ...]
