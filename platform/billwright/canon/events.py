"""What canon says happened."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from billwright.extension.canonical import Payment
from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractsTouched(DomainEvent):
    """Facts of these contracts changed: what is billable on them must be looked at again."""

    name: ClassVar[str] = "contracts.touched"
    contract_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersTouched(DomainEvent):
    """Customers arrived or changed: their contracts must be looked at again."""

    name: ClassVar[str] = "customers.touched"
    customer_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReceived(DomainEvent):
    """Money came in; receivables applies it. ``customer_id`` is none when the source did not say who paid."""

    name: ClassVar[str] = "payment.received"
    payment: Payment
    customer_id: UUID | None
    milestone_ids: tuple[UUID, ...]
    message_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesLoaded(DomainEvent):
    """Exchange rates of new days are known: what waited for one can be looked at again."""

    name: ClassVar[str] = "rates.loaded"
    source: str
    first_on: date
    last_on: date
