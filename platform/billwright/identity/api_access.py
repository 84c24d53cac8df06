"""Access over HTTP: partner staff let in for a while, and the roles of people."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from billwright.identity.assign_role import assign_role, remove_role
from billwright.identity.caller import Caller
from billwright.identity.grant_access import grant_access, list_grants, revoke_access
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

Text = Annotated[str, Meta(min_length=1, max_length=500)]


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


class GrantController(Controller):
    path = "/v1"
    tags = ("Identity",)

    @post(
        "/partners/{partner:str}/tenants/{tenant_slug:str}/grants",
        operation_id="grantAccess",
        summary="Let partner staff in",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
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

    @get("/grants", operation_id="listGrants", summary="List grants", sync_to_thread=True, responses=refusals())
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

    @delete(
        "/grants/{grant_id:str}",
        operation_id="revokeGrant",
        summary="End a grant",
        sync_to_thread=True,
        responses=refusals(404),
    )
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

    @put(
        operation_id="assignRole",
        summary="Give a role",
        status_code=204,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
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

    @delete(
        operation_id="removeRole", summary="Take a role away", sync_to_thread=True, responses=refusals(404, 409, 422)
    )
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


CONTROLLERS = (GrantController, RoleController)
