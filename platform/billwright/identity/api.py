"""Identity over HTTP: who am I, API tokens, grants of partner staff, roles."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from billwright.identity.assign_role import assign_role, remove_role
from billwright.identity.caller import Caller
from billwright.identity.grant_access import grant_access, list_grants, revoke_access
from billwright.identity.make_token import NewToken, list_tokens, make_token, revoke_token
from billwright.identity.tables import ApiTokenRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page, Slice
from billwright.tenancy.answers import Cursor, Limit
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

Text = Annotated[str, Meta(min_length=1, max_length=500)]


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


class GrantIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Access of one of the partner's staff to a tenant; without ``person`` it is for the caller."""

    role: Text
    reason: Annotated[str, Meta(min_length=10, max_length=500)]
    hours: Annotated[int, Meta(ge=1, le=72)]
    person: str | None = None


class GrantMade(Struct, frozen=True):
    id: str


class GrantOut(Struct, frozen=True):
    id: str
    person: str
    email: str
    role: str
    reason: str
    granted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None


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

    @get(operation_id="whoAmI", sync_to_thread=False)
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

    @post(operation_id="makeToken", sync_to_thread=True)
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

    @get(operation_id="listTokens", sync_to_thread=True)
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

    @delete("/{token_id:str}", operation_id="revokeToken", sync_to_thread=True)
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

    @post(operation_id="makePartnerToken", sync_to_thread=True)
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

    @get(operation_id="listPartnerTokens", sync_to_thread=True)
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

    @delete("/{token_id:str}", operation_id="revokePartnerToken", sync_to_thread=True)
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


class GrantController(Controller):
    path = "/v1"
    tags = ("Identity",)

    @post("/partners/{partner:str}/tenants/{tenant_slug:str}/grants", operation_id="grantAccess", sync_to_thread=True)
    def give(
        self,
        tenant_slug: FromPath[str],
        data: JSONBody[GrantIn],
        database: NamedDependency[Database],
        caller: NamedDependency[Caller],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> GrantMade:
        """Let partner staff into a tenant, for a reason and at most 72 hours. The tenant sees it and can revoke it."""
        person_id = read("per", data.person) if data.person is not None else actor.person_id
        if person_id is None:
            raise InputInvalidError("This token acts for nobody in person; say whom to let in.", field="person")
        grant_id = grant_access(
            database,
            actor,
            partner_id=caller.partner.id,
            tenant_slug=tenant_slug,
            person_id=person_id,
            role=data.role,
            reason=data.reason,
            hours=data.hours,
            trace_id=trace_id,
        )
        return GrantMade(show("grt", grant_id))

    @get("/grants", operation_id="listGrants", sync_to_thread=True)
    def find(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> list[GrantOut]:
        """Who of the partner's staff was let in here, why, and until when."""
        return [
            GrantOut(
                show("grt", grant.id),
                person.name,
                person.email,
                grant.role,
                grant.reason,
                grant.granted_at,
                grant.expires_at,
                grant.revoked_at,
                grant.revoked_by,
            )
            for grant, person in list_grants(database, actor, tenant)
        ]

    @delete("/grants/{grant_id:str}", operation_id="revokeGrant", sync_to_thread=True)
    def revoke(
        self,
        grant_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """End a grant at once."""
        revoke_access(database, actor, read("grt", grant_id), tenant=tenant, trace_id=trace_id)


class RoleController(Controller):
    path = "/v1/people/{person_id:str}/roles/{role:str}"
    tags = ("Identity",)

    @put(operation_id="assignRole", status_code=204, sync_to_thread=True)
    def assign(
        self,
        person_id: FromPath[str],
        role: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """Give a person a role in this tenant; their sessions end."""
        assign_role(
            database,
            actor,
            read("per", person_id),
            role,
            partner_id=tenant.partner_id,
            tenant=tenant,
            trace_id=trace_id,
        )

    @delete(operation_id="removeRole", sync_to_thread=True)
    def remove(
        self,
        person_id: FromPath[str],
        role: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """Take a role away; the person's sessions end."""
        remove_role(
            database,
            actor,
            read("per", person_id),
            role,
            partner_id=tenant.partner_id,
            tenant=tenant,
            trace_id=trace_id,
        )


CONTROLLERS = (MeController, TokenController, PartnerTokenController, GrantController, RoleController)
