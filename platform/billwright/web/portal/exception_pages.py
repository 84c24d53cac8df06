"""The exception desk: what is held, since when, why, who can mend it, and the mend."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.checks.submit_draft import submit_draft
from billwright.kernel.ids import read
from billwright.web.portal.listing_desk import EXCEPTIONS, roles_of_actor
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.visit import Visit, provide_visit

__all__ = ["ExceptionController", "roles_of_actor"]


class ExceptionController(Controller):
    path = "/t/{slug:str}/exceptions"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def show(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, EXCEPTIONS)

    @post("/{invoice_id:str}/check", sync_to_thread=True)
    def check_again(
        self, request: Request[Any, Any, Any], visit: NamedDependency[Visit], invoice_id: FromPath[str]
    ) -> Response[str]:
        """Submit the draft to the checks again, and back to where the person was."""
        submit_draft(visit.database, visit.here, visit.actor, read("inv", invoice_id), trace_id=visit.trace_id)
        back = "exceptions" if "/exceptions" in request.headers.get("referer", "") else f"invoices/{invoice_id}"
        return visit.go(
            visit.url(back), "The draft was submitted. The checks run now; what they still find comes back here."
        )
