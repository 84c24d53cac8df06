"""The baseline of the portal's bench: a Litestar page that renders the portal's shell for a made-up visit, without a query."""

import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from granian.constants import Interfaces, Loops
from granian.server import Server as Granian
from litestar import Litestar, Request, Response, get

from billwright.identity.caller import Caller, Partner, Person
from billwright.identity.permissions import TENANT_ROLES
from billwright.kernel.actor import Actor
from billwright.kernel.brand import Brand
from billwright.tenancy.database import open_database
from billwright.tenancy.transaction import Tenant
from billwright.web.portal.visit import Place, Visit

HERE = UUID(int=1)


def create_app() -> Litestar:
    database = open_database("postgresql://nobody@127.0.0.1:1/none")  # nothing connects

    def visit(request: Request[Any, Any, Any]) -> Visit:
        person = Person(HERE, HERE, "everything@bench.example", "Everything", "en")
        caller = Caller(
            kind="session", partner=Partner(HERE, "bench", "Bench"), person=person, roles=frozenset(), csrf="x"
        )
        permissions = frozenset[str]().union(*(TENANT_ROLES[role] for role in ("auditor", "manager_approver")))
        return Visit(
            database=database,
            request=request,
            caller=caller,
            actor=Actor(kind="person", name="Everything", id=HERE, person_id=HERE, permissions=permissions),
            tenant=Tenant(HERE, "bench", "Bench Firm", HERE, "t_bench", "bw_t_bench"),
            brand=Brand(name="Bench", slug="bench"),
            base="/t/bench",
            places=(Place("bench", "Bench Firm"),),
            now=datetime(2026, 3, 2, tzinfo=UTC),
            trace_id="",
            https=False,
        )

    @get("/alive", sync_to_thread=False)
    def alive() -> str:
        return "ok"

    @get("/", sync_to_thread=True)
    def page(request: Request[Any, Any, Any]) -> Response[str]:
        return visit(request).page("shell.html", room="today", title="Shell")

    return Litestar([alive, page], openapi_config=None)


if __name__ == "__main__":
    Granian(
        "_bare_page:create_app", factory=True, address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.ASGI,
        loop=Loops.uvloop, workers=1, log_enabled=False,
    ).serve()  # fmt: skip
