"""Identity over HTTP: who am I, and API tokens; grants and roles are in ``api_access``."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from billwright.identity.api_access import CONTROLLERS as ACCESS
from billwright.identity.caller import Caller
from billwright.identity.make_token import NewToken, list_tokens, make_token, revoke_token
from billwright.identity.tables import ApiTokenRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page, Slice
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant


class MeOut(Struct, frozen=True):
    """Who the caller is and what they may do here."""

    name: str
    email: str | None
    kind: str
    partner: str
    tenant: str | None
    acting_for: str | None
    permissions: list[str]


class TokenIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be made. ``scopes`` are permissions that you have; ``days`` is its life, 1 to 366."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=100)]
    days: Annotated[int, Meta(ge=1, le=366)]


class TokenMade(Struct, frozen=True):
    """``token`` is shown this once."""

    id: str
    token: str
    scopes: list[str]
    expires_at: datetime


class TokenOut(Struct, frozen=True):
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def _made(token: NewToken) -> TokenMade:
    return TokenMade(show("tok", token.id), token.secret, list(token.scopes), token.expires_at)


def _page(found: Slice[ApiTokenRow]) -> Page[TokenOut]:
    rows = [
        TokenOut(
            show("tok", row.id), row.name, row.scopes, row.created_at, row.expires_at, row.last_used_at, row.revoked_at
        )
        for row in found.rows
    ]
    return Page(rows, found.next_cursor)


class MeController(Controller):
    path = "/v1/me"
    tags = ("Identity",)

    @get(operation_id="whoAmI", summary="Show who I am", sync_to_thread=False, responses=refusals())
    def show_me(
        self,
        caller: NamedDependency[Caller],
        actor: NamedDependency[Actor],
        tenant_if_any: NamedDependency[Tenant | None],
    ) -> MeOut:
        """Who the token or session is, here: with a tenant's permissions or the partner's."""
        return MeOut(
            name=actor.name,
            email=actor.email,
            kind=actor.kind,
            partner=caller.partner.slug,
            tenant=tenant_if_any.slug if tenant_if_any else None,
            acting_for=actor.acting_for,
            permissions=sorted(actor.permissions),
        )


class TokenController(Controller):
    path = "/v1/tokens"
    tags = ("Identity",)

    @post(operation_id="makeToken", summary="Make a token", sync_to_thread=True, responses=refusals(409, 422))
    def make(
        self,
        data: JSONBody[TokenIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> TokenMade:
        """Make an API token for this tenant. It acts for you and is shown once."""
        made = make_token(
            database,
            actor,
            partner_id=tenant.partner_id,
            tenant=tenant,
            name=data.name,
            scopes=frozenset(data.scopes),
            days=data.days,
            trace_id=trace_id,
        )
        return _made(made)

    @get(operation_id="listTokens", summary="List tokens", sync_to_thread=True, responses=refusals(422))
    def find(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[TokenOut]:
        """Your tokens of this tenant, newest first; with `user:read` everybody's."""
        found = list_tokens(database, actor, partner_id=tenant.partner_id, tenant=tenant, limit=limit, cursor=cursor)
        return _page(found)

    @delete(
        "/{token_id:str}",
        operation_id="revokeToken",
        summary="Revoke a token",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def revoke(
        self,
        token_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """Revoke a token at once."""
        revoke_token(
            database, actor, read("tok", token_id), partner_id=tenant.partner_id, tenant=tenant, trace_id=trace_id
        )


class PartnerTokenController(Controller):
    path = "/v1/partners/{partner:str}/tokens"
    tags = ("Identity",)

    @post(
        operation_id="makePartnerToken",
        summary="Make a token of the partner",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def make(
        self,
        data: JSONBody[TokenIn],
        database: NamedDependency[Database],
        caller: NamedDependency[Caller],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> TokenMade:
        """Make an API token for the partner's systems. It acts for you and is shown once."""
        made = make_token(
            database,
            actor,
            partner_id=caller.partner.id,
            tenant=None,
            name=data.name,
            scopes=frozenset(data.scopes),
            days=data.days,
            trace_id=trace_id,
        )
        return _made(made)

    @get(
        operation_id="listPartnerTokens",
        summary="List tokens of the partner",
        sync_to_thread=True,
        responses=refusals(404, 422),
    )
    def find(
        self,
        database: NamedDependency[Database],
        caller: NamedDependency[Caller],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[TokenOut]:
        """Your partner tokens, newest first; with `user:read` everybody's."""
        found = list_tokens(database, actor, partner_id=caller.partner.id, tenant=None, limit=limit, cursor=cursor)
        return _page(found)

    @delete(
        "/{token_id:str}",
        operation_id="revokePartnerToken",
        summary="Revoke a token of the partner",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def revoke(
        self,
        token_id: FromPath[str],
        database: NamedDependency[Database],
        caller: NamedDependency[Caller],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """Revoke a token at once."""
        revoke_token(
            database, actor, read("tok", token_id), partner_id=caller.partner.id, tenant=None, trace_id=trace_id
        )


CONTROLLERS = (MeController, TokenController, PartnerTokenController, *ACCESS)
