"""Figures and reports over HTTP: the same definitions as on the pages."""

from typing import Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from billwright.identity.caller import Caller
from billwright.insight.api_schemas import (
    FirstPassesOut,
    PaymentsOut,
    StageOut,
    StandingOut,
    TenantStandingOut,
    UnbilledOut,
)
from billwright.insight.changes import read_standing
from billwright.insight.first_passes import read_causes, read_weeks
from billwright.insight.payments import read_paid
from billwright.insight.stalls import read_stalls
from billwright.insight.standing import list_standings
from billwright.insight.unbilled import read_unbilled
from billwright.kernel.actor import Actor
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

READ: Final = "report:read"


class ReportController(Controller):
    path = "/v1/reports"
    tags = ("Reports",)

    @get(
        "/standing",
        operation_id="showStanding",
        summary="Show how the firm stands",
        responses=refusals(),
        sync_to_thread=True,
    )
    def standing(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> StandingOut:
        """First-pass accuracy, DSO, unbilled, open and overdue amounts, exceptions, what is stuck, and the last 24 hours."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return StandingOut.of(*read_standing(tx))

    @get(
        "/stages",
        operation_id="showStages",
        summary="Show where invoices stall",
        responses=refusals(),
        sync_to_thread=True,
    )
    def stages(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> list[StageOut]:
        """Time per stage of the invoices issued in the last 90 days, and what stands in each stage now."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return [StageOut.of(each) for each in read_stalls(tx)]

    @get(
        "/unbilled",
        operation_id="showUnbilled",
        summary="Show what is unbilled, and why",
        responses=refusals(),
        sync_to_thread=True,
    )
    def unbilled(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> list[UnbilledOut]:
        """Sums of everything earned that is not on an issued invoice, by the first thing that it waits for."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return [UnbilledOut.of(each) for each in read_unbilled(tx)]

    @get(
        "/payments",
        operation_id="showPaymentSpeed",
        summary="Show how fast customers pay",
        responses=refusals(),
        sync_to_thread=True,
    )
    def payments(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> list[PaymentsOut]:
        """DSO, days to pay and open amounts by age, per currency."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return [PaymentsOut.of(each) for each in read_paid(tx)]

    @get(
        "/first-passes",
        operation_id="showFirstPasses",
        summary="Show how many invoices were right at first",
        responses=refusals(),
        sync_to_thread=True,
    )
    def first_passes(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> FirstPassesOut:
        """Invoices of the last 90 days by week, those that nothing stopped, and what stopped the others."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return FirstPassesOut.of(read_weeks(tx), read_causes(tx))


class PartnerReportController(Controller):
    path = "/v1/partners/{partner:str}/standings"
    tags = ("Reports",)

    @get(
        operation_id="listStandings",
        summary="List how tenants stand",
        responses=refusals(404, 422),
        sync_to_thread=True,
    )
    def standings(
        self,
        partner: FromPath[str],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        caller: NamedDependency[Caller],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[TenantStandingOut]:
        """The partner's tenants by name: counts and sums of each, no content; needs `health:read`, no grant."""
        assert partner == caller.partner.slug, "authentication lets nobody else through"
        found = list_standings(database, actor, caller.partner.id, limit=limit, cursor=cursor)
        return Page([TenantStandingOut.of(each) for each in found.rows], found.next_cursor)


CONTROLLERS: tuple[type[Controller], ...] = (ReportController, PartnerReportController)
