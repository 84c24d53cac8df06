"""The partner's home: all tenants with their figures and what changed, and the door into one of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery
from sqlalchemy import func, select

from billwright.identity.grant_access import HOURS_MAX, grant_access
from billwright.identity.permissions import GRANTABLE_ROLES
from billwright.insight.figures import DAYS
from billwright.insight.standing import NEEDS, Standing, standings_of
from billwright.jobs.tables import JobRow
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.directory import to_tenant
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright.web.auth import access_of
from billwright.web.portal.forms import Form, field, whole_number
from billwright.web.portal.visit import Visit, provide_partner_visit
from billwright_tenants.life_cycle import resume_tenant

TENANTS: Final = 100
SUSPEND: Final = "tenant:suspend"
ROOM: Final = re.compile(r"[a-z]+(\?[a-z]+=[a-z_]*)?")
"""Where the door may lead besides the start page: a room, with one filter at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRowView:
    """One tenant; ``standing`` is None for those who may not see it. ``inside``: whether the person may enter now.

    ``waiting``: how many jobs of a suspended tenant wait until it is opened again.
    """

    tenant: Tenant
    standing: Standing | None
    inside: bool
    waiting: int = 0


class PartnerController(Controller):
    include_in_schema = False
    dependencies = {"visit": Provide(provide_partner_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def start(
        self, request: Request[Any, Any, Any], visit: NamedDependency[Visit], q: FromQuery[str] = ""
    ) -> Response[str]:
        """To the tenant whose host it is or the only one there is; else the partner's home, or the choice."""
        of_host = access_of(request).tenant
        if of_host is not None:
            return visit.go(f"/t/{of_host.slug}/")
        if visit.may("tenant:read"):
            return _home(visit, q)
        if len(visit.places) == 1:
            return visit.go(f"/t/{visit.places[0].slug}/")
        return visit.page("choose.html", title="Tenants")

    @get("/p/{partner:str}", sync_to_thread=True)
    def home(self, partner: FromPath[str], visit: NamedDependency[Visit]) -> Response[str]:
        assert partner == visit.caller.partner.slug, "authentication lets nobody else through"
        return visit.go("/")

    @get("/enter/{slug:str}", sync_to_thread=True)
    def door(self, slug: FromPath[str], visit: NamedDependency[Visit], to: FromQuery[str] = "") -> Response[str]:
        """Straight in for members and with a live grant; else the form for one. ``to`` is the room that was meant."""
        if slug in {place.slug for place in visit.places}:
            return visit.go(f"/t/{slug}/{_room(to)}")
        visit.require("tenant:enter")
        tenant = _tenant(visit, slug)
        roles = sorted(GRANTABLE_ROLES - {"manager_approver", "finance_approver"})
        return visit.page(
            "enter.html", title=f"Enter {tenant.name}", tenant=tenant, roles=roles, hours_max=HOURS_MAX, to=_room(to)
        )

    @post("/enter/{slug:str}", sync_to_thread=True)
    def enter(self, slug: FromPath[str], visit: NamedDependency[Visit], data: Form) -> Response[str]:
        person = visit.caller.person
        assert person is not None
        grant_access(
            visit.database,
            visit.actor,
            partner_id=visit.caller.partner.id,
            tenant_slug=slug,
            person_id=person.id,
            role=field(data, "role"),
            reason=field(data, "reason"),
            hours=whole_number(data, "hours"),
            trace_id=visit.trace_id,
        )
        said = "You are in. The tenant sees this grant and can revoke it at any time."
        return visit.go(f"/t/{slug}/{_room(field(data, 'to'))}", said)

    @post("/enter/{slug:str}/resume", sync_to_thread=True)
    def resume(self, slug: FromPath[str], visit: NamedDependency[Visit]) -> Response[str]:
        """Open a suspended tenant again: its people come in, and its jobs go on where they stood."""
        visit.require(SUSPEND)
        tenant = resume_tenant(visit.database, visit.caller.partner.slug, slug, visit.actor, trace_id=visit.trace_id)
        return visit.go("/", f"{tenant.name} is open again; what waited goes on.")


def _waiting(visit: Visit, tenants: Sequence[Tenant]) -> dict[UUID, int]:
    """Tenant to how many of its jobs wait; one query, and none without tenants."""
    if not tenants:
        return {}
    query = (
        select(JobRow.tenant_id, func.count())
        .where(JobRow.tenant_id.in_([each.id for each in tenants]), JobRow.state.in_(("queued", "retry")))
        .group_by(JobRow.tenant_id)
    )
    with control_transaction(visit.database, visit.actor) as tx:
        return {row[0]: row[1] for row in tx.session.execute(query)}


def _tenants(visit: Visit, wanted: str) -> list[TenantRow]:
    query = select(TenantRow).where(TenantRow.partner_id == visit.caller.partner.id, TenantRow.state != "erased")
    if wanted.strip():
        query = query.where(TenantRow.name.icontains(wanted.strip()[:80], autoescape=True))
    with control_transaction(visit.database, visit.actor) as tx:
        return list(tx.session.scalars(query.order_by(TenantRow.name, TenantRow.id).limit(TENANTS)))


def _tenant(visit: Visit, slug: str) -> Tenant:
    query = select(TenantRow).where(TenantRow.slug == slug, TenantRow.partner_id == visit.caller.partner.id)
    with control_transaction(visit.database, visit.actor) as tx:
        row = tx.session.scalars(query).one_or_none()
    if row is None or row.state == "erased":
        raise NotFoundError("There is no such tenant here.")
    return to_tenant(row)


def _room(to: str) -> str:
    """``to`` if it is a room of a tenant, else its start page: nobody is led anywhere else."""
    return to if ROOM.fullmatch(to) else ""


def _home(visit: Visit, wanted: str) -> Response[str]:
    """Figures need no grant: one transaction of two statements per tenant, which read counts and sums, no content."""
    visit.require("tenant:read")
    inside = {place.slug for place in visit.places}
    tenants = [to_tenant(row) for row in _tenants(visit, wanted)]
    seen = standings_of(visit.database, visit.actor, tenants) if visit.may(NEEDS) else []
    standings = {each.tenant.id: each for each in seen}
    waiting = _waiting(visit, [each for each in tenants if each.state == "suspended"])
    rows = [
        TenantRowView(
            tenant=each,
            standing=standings.get(each.id),
            inside=each.slug in inside,
            waiting=waiting.get(each.id, 0),
        )
        for each in tenants
    ]
    return visit.page("partner.html", title="Tenants", rows=rows, q=wanted[:80], days=DAYS)
