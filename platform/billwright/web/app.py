"""The Litestar app: the shell in which the rooms' controllers answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from litestar import Controller, Litestar
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.static_files import create_static_files_router

from billwright.insight.metrics import Metrics
from billwright.kernel.tracing import Tracing
from billwright.web.auth import (
    Authentication,
    provide_actor,
    provide_caller,
    provide_tenant,
    provide_tenant_if_any,
    provide_trace_id,
)
from billwright.web.health import HealthController
from billwright.web.idempotency import Idempotency
from billwright.web.logging import RequestShell
from billwright.web.openapi import openapi_config
from billwright.web.problems import ProblemController, make_handler
from billwright.web.security import BodyCheck
from billwright.web.services import Services

STATIC: Final = Path(__file__).parent / "static"
OWN_CONTROLLERS: Final[tuple[type[Controller], ...]] = (HealthController, ProblemController)


def make_app(
    services: Services, controllers: Sequence[type[Controller] | Any], *, tracing: Tracing | None = None
) -> Litestar:
    """The app with the rooms' ``controllers`` mounted.

    Their handlers may ask for ``database``, ``settings``, ``tenant``, ``tenant_if_any``, ``actor``, ``caller``,
    ``trace_id``, ``services`` and whatever ``services.dependencies`` names. Everything is closed to strangers unless a route says
    ``exclude_from_auth=True``. ``tracing``: where the spans of requests go.
    """
    metrics = Metrics(services.database)
    app = Litestar(
        route_handlers=[*OWN_CONTROLLERS, *controllers, _static()],
        dependencies=_dependencies(services, metrics),
        middleware=[
            DefineMiddleware(Authentication, services=services),
            DefineMiddleware(BodyCheck),
            DefineMiddleware(Idempotency, services=services),
        ],
        exception_handlers={Exception: make_handler(services)},
        openapi_config=openapi_config(services),
        request_max_body_size=services.settings.body_bytes_max,
        on_shutdown=[tracing.close] if tracing is not None else [],
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = RequestShell(app.asgi_handler, services, metrics, tracing)
    return app


def _static() -> Any:
    """Our own scripts, styles and fonts: open to all, kept by browsers for an hour."""
    return create_static_files_router(
        path="/static",
        directories=[STATIC],
        include_in_schema=False,
        opt={"exclude_from_auth": True},
        cache_control=CacheControlHeader(public=True, max_age=3600),
    )


def _dependencies(services: Services, metrics: Metrics) -> dict[str, Provide]:
    def value(given: object) -> Provide:
        return Provide(lambda: given, sync_to_thread=False)

    return {
        "services": value(services),
        "settings": value(services.settings),
        "database": value(services.database),
        "metrics": value(metrics),
        "caller": Provide(provide_caller, sync_to_thread=False),
        "actor": Provide(provide_actor, sync_to_thread=False),
        "tenant": Provide(provide_tenant, sync_to_thread=False),
        "tenant_if_any": Provide(provide_tenant_if_any, sync_to_thread=False),
        "trace_id": Provide(provide_trace_id, sync_to_thread=False),
        **{name: value(given) for name, given in services.dependencies.items()},
    }
