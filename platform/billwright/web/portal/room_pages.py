"""Unbilled work, audit and access: reading rooms with few buttons."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.identity.grant_access import revoke_access
from billwright.kernel.ids import read
from billwright.web.portal.listing_invoices import UNBILLED
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listing_records import ACCESS, AUDIT
from billwright.web.portal.visit import Visit, provide_visit


class RoomController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/unbilled", sync_to_thread=True)
    def show_unbilled(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, UNBILLED)

    @get("/audit", sync_to_thread=True)
    def show_audit(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, AUDIT)

    @get("/access", sync_to_thread=True)
    def show_access(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, ACCESS)

    @post("/access/{grant_id:str}/revoke", sync_to_thread=True)
    def revoke(self, visit: NamedDependency[Visit], grant_id: FromPath[str]) -> Response[str]:
        revoke_access(visit.database, visit.actor, read("grt", grant_id), tenant=visit.here, trace_id=visit.trace_id)
        mine = visit.actor.grant_id is not None and visit.actor.grant_id == read("grt", grant_id)
        return visit.go("/" if mine else visit.url("access"), "The grant is revoked; it opens nothing any more.")
