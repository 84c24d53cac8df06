"""What billing says happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsChanged(DomainEvent):
    """Drafts were made, or their content changed; they are submitted to the checks."""

    name: ClassVar[str] = "drafts.changed"
    invoice_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFailed:
    """A trigger could not say what is billable on a contract. ``sentence`` names it and says why."""

    contract_id: UUID
    customer_id: UUID | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggersAsked(DomainEvent):
    """The triggers of ``contract_ids`` were asked; those of ``failed`` could not all answer, the others did."""

    name: ClassVar[str] = "triggers.asked"
    contract_ids: tuple[UUID, ...]
    failed: tuple[TriggerFailed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsReleased(DomainEvent):
    """What a credit note or a void took back of items of these contracts is open again; they are looked at."""

    name: ClassVar[str] = "items.released"
    contract_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapReached(DomainEvent):
    """A contract's cap came to ``percent`` of its limit; said once for each percent and limit. Minor units of ``currency``.

    ``used_minor`` is billed or ready to be billed, ``written_down_minor`` and ``held_minor`` are over the cap.
    """

    name: ClassVar[str] = "cap.reached"
    contract_id: UUID
    contract_number: str
    customer_id: UUID | None
    cap: str
    percent: int
    limit_minor: int
    used_minor: int
    written_down_minor: int
    held_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsEmptied(DomainEvent):
    """The last item left these drafts; they are void. Whatever waits on them is closed in the same transaction."""

    name: ClassVar[str] = "drafts.emptied"
    invoice_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldbackReleased(DomainEvent):
    """Parts of the receivables of these invoices that were retained will fall due."""

    name: ClassVar[str] = "holdback.released"
    invoice_ids: tuple[UUID, ...]
