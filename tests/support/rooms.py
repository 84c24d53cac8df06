"""Small controllers that stand for a room's, to try the shell with."""

from typing import Any

import structlog
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

SECRET = "s3cret-in-a-body"


class NoteIn(Struct, forbid_unknown_fields=True):
    text: str
    amount: int = 0
    more: dict[str, Any] = {}


class NoteController(Controller):
    """A room's controller as small as can be."""

    path = "/v1/notes"

    @get(sync_to_thread=True)
    def show(self, tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]) -> dict[str, Any]:
        return {"tenant": tenant.slug, "actor": actor.name, "kind": actor.kind}

    @post(sync_to_thread=True)
    def make(
        self,
        data: JSONBody[NoteIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> dict[str, Any]:
        actor.require("invoice:submit")
        if data.text == "crash":
            raise RuntimeError(f"a bug near {SECRET}")
        if data.text == "conflict":
            raise ConflictError("It is closed already; open a new one.", state="closed", nothing=None)
        if data.text == "slow":
            structlog.get_logger().info("working")
        with transaction(database, tenant, actor) as tx:
            return {"now": tx.now.isoformat(), "depth": len(data.more)}


class PageController(Controller):
    @get("/t/{tenant_slug:str}/page", sync_to_thread=True)
    def show(self, actor: NamedDependency[Actor], tenant: NamedDependency[Tenant]) -> str:
        return f"{actor.name} in {tenant.slug}"

    @post("/t/{tenant_slug:str}/page", sync_to_thread=True)
    def change(self, tenant: NamedDependency[Tenant]) -> str:
        return tenant.slug

    @post("/open", exclude_from_auth=True, sync_to_thread=False)
    def anyone(self) -> str:
        return "come in"
