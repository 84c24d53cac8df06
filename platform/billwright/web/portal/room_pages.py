"""Unbilled work, messages, audit and access: reading rooms with few buttons."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.billing.pages import unbilled, unbilled_sums
from billwright.identity.grant_access import list_grants, revoke_access
from billwright.intake.queries import count_messages, get_message, list_messages
from billwright.intake.retry_messages import retry_messages
from billwright.kernel.ids import read
from billwright.web.portal import words
from billwright.web.portal.forms import Form, fields
from billwright.web.portal.queries_rooms import ROWS, audit_entries
from billwright.web.portal.visit import Visit, provide_visit

AUDIT_OBJECTS = ("invoice", "item", "messages", "exception", "payment", "dispute", "posting", "delivery", "document")


class RoomController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/unbilled", sync_to_thread=True)
    def show_unbilled(
        self,
        visit: NamedDependency[Visit],
        reason: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[str]:
        visit.require("item:read")
        with visit.reading() as tx:
            sums = unbilled_sums(tx)
            found = unbilled(tx, reason=reason, cursor=cursor)
        return visit.page(
            "unbilled.html", room="unbilled", title="Unbilled", found=found, sums=sums, reason=reason or ""
        )

    @get("/messages", sync_to_thread=True)
    def show_messages(
        self,
        visit: NamedDependency[Visit],
        status: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[str]:
        visit.require("message:read")
        with visit.reading() as tx:
            counts = count_messages(tx)
            chosen = status if status in words.MESSAGE else ("held" if counts.get("held") and status is None else "")
            found = list_messages(tx, limit=ROWS, cursor=cursor, state=chosen or None)
        return visit.page("messages.html", room="messages", title="Messages", found=found, counts=counts, chosen=chosen)

    @get("/messages/{message_id:str}", sync_to_thread=True)
    def show_message(self, visit: NamedDependency[Visit], message_id: FromPath[str]) -> Response[str]:
        visit.require("message:read")
        with visit.reading() as tx:
            row, data = get_message(tx, read("msg", message_id))
        return visit.page(
            "message.html", room="messages", title=f"Message {row.message_id}", row=row, data=bytes(data).decode()
        )

    @post("/messages/retry", sync_to_thread=True)
    def retry(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """Try the named held messages again, or all of them when none is named."""
        wanted = [read("msg", text) for text in fields(data, "message")]
        held = retry_messages(
            visit.database, visit.here, visit.actor, message_ids=wanted or None, trace_id=visit.trace_id
        )
        return visit.go(visit.url("messages"), f"{len(held)} held messages are tried again now.")

    @get("/audit", sync_to_thread=True)
    def show_audit(
        self,
        visit: NamedDependency[Visit],
        about: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[str]:
        visit.require("audit:read")
        chosen = about if about in AUDIT_OBJECTS else ""
        with visit.reading() as tx:
            found = audit_entries(tx, action=chosen, cursor=cursor)
        return visit.page("audit.html", room="audit", title="Audit", found=found, objects=AUDIT_OBJECTS, about=chosen)

    @get("/access", sync_to_thread=True)
    def show_access(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require("grant:read")
        with visit.reading():
            grants = list_grants(visit.database, visit.actor, visit.here)
        return visit.page("access.html", room="access", title="Access", grants=grants)

    @post("/access/{grant_id:str}/revoke", sync_to_thread=True)
    def revoke(self, visit: NamedDependency[Visit], grant_id: FromPath[str]) -> Response[str]:
        revoke_access(visit.database, visit.actor, read("grt", grant_id), tenant=visit.here, trace_id=visit.trace_id)
        mine = visit.actor.grant_id is not None and visit.actor.grant_id == read("grt", grant_id)
        return visit.go("/" if mine else visit.url("access"), "The grant is revoked; it opens nothing any more.")
