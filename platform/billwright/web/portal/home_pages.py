"""The start pages: a partner's tenants, a tenant's day, and search."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery

from billwright.approvals.pages import inbox
from billwright.billing.pages import unbilled_sums
from billwright.checks.pages import desk
from billwright.insight.figures import read_figures
from billwright.web.portal.exception_pages import roles_of_actor
from billwright.web.portal.navigation import APPROVE
from billwright.web.portal.queries_search import search
from billwright.web.portal.visit import Visit, provide_visit

FIRST = 6


class TodayController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def today(self, visit: NamedDependency[Visit]) -> Response[str]:
        """What waits for this person first, then how the firm stands."""
        roles = roles_of_actor(visit.actor)
        with visit.reading() as tx:
            figures = read_figures(tx)
            waiting = inbox(tx)[:FIRST] if visit.may(*APPROVE) else []
            held = desk(tx, owners=roles or None).rows[:FIRST] if visit.may("exception:read") else []
            sums = unbilled_sums(tx) if visit.may("item:read") else []
        return visit.page(
            "today.html", room="today", title="Today", figures=figures, waiting=waiting, held=held, sums_list=sums
        )

    @get("/search", sync_to_thread=True)
    def results(self, visit: NamedDependency[Visit], q: FromQuery[str] = "") -> Response[str]:
        visit.require("invoice:read")
        with visit.reading() as tx:
            found = search(tx, q)
        return visit.page("search.html", title=f"Search: {q[:80]}" if q else "Search", found=found, q=q[:80])

    @get("/search/hits", sync_to_thread=True)
    def hits(self, visit: NamedDependency[Visit], q: FromQuery[str] = "") -> Response[str]:
        """The list below the search field while somebody types."""
        visit.require("invoice:read")
        with visit.reading() as tx:
            found = search(tx, q)
        return visit.part("_hits.html", found=found, q=q[:80])
