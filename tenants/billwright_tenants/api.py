"""Onboarding over HTTP, for a partner's people and systems."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from billwright.kernel.actor import Actor
from billwright.kernel.ids import show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.kernel.settings import Settings
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.web.problems import problem_of, respond
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.errors import BlueprintInvalidError
from billwright_tenants.life_cycle import list_partner_tenants, resume_tenant, show_tenant, suspend_tenant
from billwright_tenants.reading import structural_problems


class TenantOut(Struct, frozen=True):
    """A tenant. ``state``: active or suspended."""

    id: str
    slug: str
    name: str
    state: str
    plan: str
    sandbox: bool
    created_at: datetime

    @classmethod
    def of(cls, row: TenantRow) -> "TenantOut":
        return cls(
            show("ten", row.id), row.slug, row.name, row.state, row.plan, row.clock_at is not None, row.created_at
        )


class AppliedOut(Struct, frozen=True):
    """What applying did; ``changes`` is empty when everything was so already."""

    tenant: str
    id: str
    created: bool
    changes: list[str]
    dry_run: bool


class SuspendIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=3, max_length=500)]


def explain(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """A blueprint that does not fit gets all its problems told, not only the first."""
    body = request.scope["state"].get("body")
    if isinstance(body, bytes) and request.route_handler.name == "apply_tenant":
        try:
            problems = structural_problems(msgspec.json.decode(body), Blueprint)
        except (msgspec.DecodeError, RecursionError):
            problems = []
        if problems:
            return respond(request, problem_of(BlueprintInvalidError(problems)))
    return respond(request, problem_of(error))


_NOT_NEW: Final = {
    200: ResponseSpec(AppliedOut, description="It was there and is as the blueprint says; or a dry run.")
}


class TenantController(Controller):
    path = "/v1/partners/{partner:str}/tenants"
    tags = ("Onboarding",)
    exception_handlers = {ValidationException: explain}  # noqa: RUF012 - Litestar's way

    @post(
        operation_id="applyTenant",
        name="apply_tenant",
        summary="Apply a blueprint",
        sync_to_thread=True,
        responses=_NOT_NEW | refusals(404, 409, 422),
    )
    def apply(
        self,
        partner: FromPath[str],
        data: JSONBody[Blueprint],
        database: NamedDependency[Database],
        settings: NamedDependency[Settings],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[AppliedOut]:
        """Create a tenant from its blueprint, or bring an existing one to it: 201 or 200. All or nothing."""
        applied = apply_blueprint(
            database, partner, data, actor, master_key=settings.master_key, dry_run=dry_run, trace_id=trace_id
        )
        body = AppliedOut(
            applied.tenant.slug, show("ten", applied.tenant.id), applied.created, applied.changes, dry_run
        )
        created = applied.created and not dry_run
        headers = {"Location": f"/v1/partners/{partner}/tenants/{applied.tenant.slug}"} if created else {}
        return Response(body, status_code=201 if created else 200, headers=headers)

    @get(operation_id="listTenants", summary="List tenants", sync_to_thread=True, responses=refusals(404, 422))
    def find(
        self,
        partner: FromPath[str],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[TenantOut]:
        """The partner's tenants, oldest first."""
        found = list_partner_tenants(database, partner, actor, limit=limit, cursor=cursor)
        return Page([TenantOut.of(row) for row in found.rows], found.next_cursor)

    @get(
        "/{tenant_slug:str}",
        operation_id="showTenant",
        summary="Show a tenant",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show(
        self,
        partner: FromPath[str],
        tenant_slug: FromPath[str],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
    ) -> TenantOut:
        """One tenant."""
        return TenantOut.of(show_tenant(database, partner, tenant_slug, actor))

    @post(
        "/{tenant_slug:str}/suspend",
        operation_id="suspendTenant",
        summary="Suspend a tenant",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def suspend(
        self,
        partner: FromPath[str],
        tenant_slug: FromPath[str],
        data: JSONBody[SuspendIn],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> TenantOut:
        """Shut a tenant for everyone at once. Nothing is lost; its jobs wait."""
        suspend_tenant(database, partner, tenant_slug, actor, reason=data.reason, trace_id=trace_id)
        return TenantOut.of(show_tenant(database, partner, tenant_slug, actor))

    @post(
        "/{tenant_slug:str}/resume",
        operation_id="resumeTenant",
        summary="Resume a tenant",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def resume(
        self,
        partner: FromPath[str],
        tenant_slug: FromPath[str],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> TenantOut:
        """Open a suspended tenant again."""
        resume_tenant(database, partner, tenant_slug, actor, trace_id=trace_id)
        return TenantOut.of(show_tenant(database, partner, tenant_slug, actor))


CONTROLLERS = (TenantController,)
