"""What the checks say happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from billwright.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsClean(DomainEvent):
    """No blocking finding is left on these drafts; approvals are next."""

    name: ClassVar[str] = "drafts.clean"
    invoice_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftBlocked(DomainEvent):
    """A draft stands on the exception desk."""

    name: ClassVar[str] = "draft.blocked"
    invoice_id: UUID
