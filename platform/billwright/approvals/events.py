"""What approvals say happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicesApproved(DomainEvent):
    """All steps of the matrix are decided (or the matrix asked for none); issuing is next."""

    name: ClassVar[str] = "invoices.approved"
    invoice_ids: tuple[UUID, ...]
