"""What is stuck, on one page: for whoever looks for a bill that does not move on, and for the button that mends it."""

from typing import Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide

from billwright.web.portal.queries_stuck import READ, causes
from billwright.web.portal.visit import Visit, provide_visit

NEEDS: Final = tuple(dict.fromkeys(needs for needs, _ in READ))


class StuckController(Controller):
    path = "/t/{slug:str}/stuck"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require(*NEEDS)
        with visit.reading() as tx:
            found = causes(tx, visit.may)
        return visit.page("stuck.html", room="stuck", title="What is stuck", causes=found)
