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
class DraftsEmptied(DomainEvent):
    """The last item left these drafts; they are void. Whatever waits on them is closed in the same transaction."""

    name: ClassVar[str] = "drafts.emptied"
    invoice_ids: tuple[UUID, ...]
