"""The exception desk: what is held, since when, why, who can mend it, and the mend."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.checks.pages import desk, waiting_by_owner
from billwright.checks.submit_draft import submit_draft
from billwright.identity.permissions import TENANT_ROLES
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read
from billwright.web.portal.visit import Visit, provide_visit

MINE = "mine"


def roles_of_actor(actor: Actor) -> frozenset[str]:
    """Roles whose whole work the actor may do."""
    return frozenset(role for role, permissions in TENANT_ROLES.items() if permissions <= actor.permissions)


class ExceptionController(Controller):
    path = "/t/{slug:str}/exceptions"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def show(
        self,
        visit: NamedDependency[Visit],
        owner: FromQuery[str | None] = None,
        kind: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[str]:
        visit.require("exception:read")
        roles = roles_of_actor(visit.actor)
        technical = {"technical": True, "business": False}.get(kind or "")
        with visit.reading() as tx:
            counts = waiting_by_owner(tx)
            mine = sum(count for role, count in counts.items() if role in roles)
            chosen = owner or (MINE if mine else "all")
            owners = {MINE: roles, "all": None}.get(chosen, frozenset({chosen}))
            found = desk(tx, owners=owners, technical=technical, cursor=cursor)
        return visit.page(
            "exceptions.html",
            room="exceptions",
            title="Exceptions",
            found=found,
            counts=counts,
            mine=mine if roles else None,
            chosen=chosen,
            kind=kind if technical is not None else "",
        )

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
