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
class DraftsEmptied(DomainEvent):
    """The last item left these drafts; they are void. Whatever waits on them is closed in the same transaction."""

    name: ClassVar[str] = "drafts.emptied"
    invoice_ids: tuple[UUID, ...]
