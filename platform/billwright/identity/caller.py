"""Who is calling, before it is known what they may do where: plain values."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Person:
    """A person of one partner's world."""

    id: UUID
    partner_id: UUID
    email: str
    name: str
    locale: str


@dataclass(frozen=True, slots=True)
class Partner:
    id: UUID
    slug: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who proved who they are, by a session cookie or an API token.

    ``roles`` are those that person holds where a token is bound (its tenant, or the partner), or at the partner for a
    session. ``scopes`` narrow a token further; ``None`` for a session. ``csrf`` is the session's, for forms.
    """

    kind: Literal["session", "token"]
    partner: Partner
    person: Person | None
    roles: frozenset[str]
    tenant_id: UUID | None = None
    token_id: UUID | None = None
    token_name: str | None = None
    scopes: frozenset[str] | None = None
    csrf: str | None = None
    session_sha256: str | None = None
    address: str | None = None

    @property
    def name(self) -> str:
        if self.person is None:
            return self.token_name or "token"
        return f"{self.person.name} ({self.token_name})" if self.token_name else self.person.name
