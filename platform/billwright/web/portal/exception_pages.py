"""The exception desk: what is held, since when, why, who can mend it, and the mend."""

from typing import Any, Final

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.checks.assign_exception import assign_exception
from billwright.checks.pause_exception import pause_exception, resume_exception
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import ExceptionRow
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.ids import read
from billwright.web.portal.forms import Form, field, moment, person
from billwright.web.portal.listing_desk import EXCEPTIONS, can_be_checked, exceptions, roles_of_actor
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.queries_lists import people_here
from billwright.web.portal.visit import Visit, provide_visit

__all__ = ["ExceptionController", "roles_of_actor"]
ASSIGN: Final = "exception:assign"
SHOWN_AGAIN: Final = (InputInvalidError, ConflictError)
"""Refusals that the exception's page itself shows; others have their own page."""


class ExceptionController(Controller):
    path = "/t/{slug:str}/exceptions"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def show(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, EXCEPTIONS)

    @get("/{exception_id:str}", sync_to_thread=True)
    def show_one(self, visit: NamedDependency[Visit], exception_id: FromPath[str]) -> Response[str]:
        return exception_page(visit, exception_id)

    @post("/{invoice_id:str}/check", sync_to_thread=True)
    def check_again(
        self, request: Request[Any, Any, Any], visit: NamedDependency[Visit], invoice_id: FromPath[str]
    ) -> Response[str]:
        """Submit the draft to the checks again, and back to where the person was."""
        submit_draft(visit.database, visit.here, visit.actor, read("inv", invoice_id), trace_id=visit.trace_id)
        back = "exceptions" if "/exceptions" in request.headers.get("referer", "") else f"invoices/{invoice_id}"
        said = "The draft was submitted. The checks run now; what they still find comes back here."
        return visit.go(visit.back_to(back), said)

    @post("/{exception_id:str}/pause", sync_to_thread=True)
    def pause(self, visit: NamedDependency[Visit], exception_id: FromPath[str], data: Form) -> Response[str]:
        visit.require(ASSIGN)
        try:
            until = moment(data, "until")
            pause_exception(
                visit.database, visit.here, visit.actor, read("exc", exception_id), until=until,
                reason=field(data, "reason"), trace_id=visit.trace_id,
            )  # fmt: skip
        except SHOWN_AGAIN as refusal:
            return exception_page(visit, exception_id, refusal=refusal)
        return visit.go(_url(visit, exception_id), f"Its clock stands until {until:%Y-%m-%d}, 00:00 UTC.")

    @post("/{exception_id:str}/resume", sync_to_thread=True)
    def resume(self, visit: NamedDependency[Visit], exception_id: FromPath[str]) -> Response[str]:
        visit.require(ASSIGN)
        try:
            resume_exception(
                visit.database, visit.here, visit.actor, read("exc", exception_id), trace_id=visit.trace_id
            )
        except SHOWN_AGAIN as refusal:
            return exception_page(visit, exception_id, refusal=refusal)
        return visit.go(_url(visit, exception_id), "Its clock goes on.")

    @post("/{exception_id:str}/assign", sync_to_thread=True)
    def assign(self, visit: NamedDependency[Visit], exception_id: FromPath[str], data: Form) -> Response[str]:
        chosen = person(data, visit.actor.person_id)
        assign_exception(
            visit.database,
            visit.here,
            visit.actor,
            read("exc", exception_id),
            person_id=chosen,
            trace_id=visit.trace_id,
        )
        return visit.go(_url(visit, exception_id), "It is assigned." if chosen else "Nobody has it now; its role does.")


def exception_page(visit: Visit, exception_id: str, *, refusal: Exception | None = None) -> Response[str]:
    """One held thing with its clock: what is wrong, how it is mended, by whom and until when."""
    visit.require("exception:read")
    with visit.reading() as tx:
        query = exceptions().where(ExceptionRow.id == read("exc", exception_id))
        row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no exception {exception_id} here.")
    found: ExceptionRow = row.ExceptionRow
    is_open = found.closed_at is None
    return visit.page(
        "exception.html",
        room="exceptions",
        title=found.title,
        status=422 if refusal else 200,
        row=row,
        paused=is_open and found.paused_until is not None and found.paused_until > visit.now,
        people=people_here(visit) if is_open else {},
        refused=str(refusal) if refusal else "",
        may_mend=is_open and visit.may(ASSIGN),
        may_check=is_open and can_be_checked(row) and visit.may("invoice:submit"),
    )


def _url(visit: Visit, exception_id: str) -> str:
    return visit.url(f"exceptions/{exception_id}")
