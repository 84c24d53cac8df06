"""Who acts: a plain value, made by identity, written by audit, asked by every use case."""

from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from billwright.kernel.errors import PermissionDeniedError

ActorKind = Literal["person", "token", "system", "partner_staff", "operator"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that does a thing in one tenant (or for one partner).

    ``person_id`` is the natural person behind it: a token acts for the person who made it, so that nobody
    approves their own work by way of a token. ``permissions`` hold for the tenant at hand only.
    """

    kind: ActorKind
    name: str
    id: UUID | None = None
    person_id: UUID | None = None
    email: str | None = None
    permissions: frozenset[str] = field(default_factory=frozenset)
    acting_for: str | None = None
    grant_id: UUID | None = None
    address: str | None = None

    def may(self, permission: str) -> bool:
        return self.kind == "system" or permission in self.permissions

    def require(self, permission: str) -> None:
        """Refuse unless the actor holds ``permission`` (``object:verb``).

        Raises:
            PermissionDeniedError: it does not.
        """
        if not self.may(permission):
            raise PermissionDeniedError(
                f"This needs the permission {permission}; ask an administrator for a role that has it.",
                permission=permission,
            )


# Shown in time lines under the brand of a partner or firm: never our own name.
SYSTEM: Final = Actor(kind="system", name="System")
