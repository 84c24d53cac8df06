"""For load balancers and Prometheus: alive, ready, metrics."""

from typing import Any

from anyio.to_thread import run_sync
from litestar import Controller, MediaType, Request, Response, get
from litestar.di import NamedDependency

from billwright.insight.health import check_ready
from billwright.insight.metrics import Metrics
from billwright.kernel.errors import NotFoundError
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class HealthController(Controller):
    include_in_schema = False
    opt = {"exclude_from_auth": True}  # noqa: RUF012 - Litestar's way

    @get("/health/live", sync_to_thread=False)
    def live(self) -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @get("/health/ready", sync_to_thread=True)
    def ready(self, database: NamedDependency[Database], settings: NamedDependency[Settings]) -> Response[Any]:
        """It can answer requests: 200, or 503 with what is missing. ``degraded``: it can, but jobs wait."""
        checks = check_ready(database, settings.broker)
        unavailable = any(check.needed for check in checks if not check.ok)
        degraded = any(not check.ok for check in checks)
        body = {
            "status": "unavailable" if unavailable else "degraded" if degraded else "ok",
            "checks": {check.name: "ok" if check.ok else check.problem for check in checks},
        }
        return Response(body, status_code=503 if unavailable else 200)

    @get("/metrics", media_type=MediaType.TEXT)
    async def metrics(self, request: Request[Any, Any, Any], metrics: NamedDependency[Metrics]) -> Response[bytes]:
        """Prometheus' text format. Scraped inside the cluster only: tenants' names are in it."""
        if any(name in request.headers for name in FORWARDED):
            raise NotFoundError("There is nothing here.")
        return Response(await run_sync(metrics.render), media_type="text/plain; version=0.0.4")
