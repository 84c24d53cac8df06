"""What receivables say happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivablesOpened(DomainEvent):
    """New receivables; collections set their timers. ``customers`` are (legal entity, customer, currency) triples."""

    name: ClassVar[str] = "receivables.opened"
    customers: tuple[tuple[UUID, UUID, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditsApplied(DomainEvent):
    """Credit notes took something off invoices: ``pairs`` of (credit note, invoice); ``settled``: nothing is owed there."""

    name: ClassVar[str] = "credits.applied"
    pairs: tuple[tuple[UUID, UUID], ...]
    settled: frozenset[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicesCredited(DomainEvent):
    """Balances that reached zero by credit notes."""

    name: ClassVar[str] = "invoices.credited"
    invoice_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivablesSettled(DomainEvent):
    """Balances that reached zero by payment."""

    name: ClassVar[str] = "receivables.settled"
    invoice_ids: tuple[UUID, ...]
