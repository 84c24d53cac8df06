"""The outermost layer of every request: trace id, security headers, one log line, metrics.

Nothing of a body, a query string, a header or a cookie is ever logged.
"""

import logging
import re
import secrets
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import Engine, event

from billwright.insight.metrics import Metrics
from billwright.kernel.settings import Settings
from billwright.web.security import default_headers
from billwright.web.services import Services

TRACEPARENT: Final = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
NO_TRACE: Final = "0" * 32
API: Final = "/v1/"
QUIET_ROUTES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
log: Final = structlog.get_logger("billwright.request")


@dataclass(slots=True)
class _Count:
    queries: int = 0


_count: ContextVar[_Count | None] = ContextVar("queries of this request", default=None)


def _count_query(*_arguments: Any) -> None:
    if (count := _count.get()) is not None:
        count.queries += 1


def count_queries(engine: Engine) -> None:
    """Have the queries of ``engine`` counted per request; safe to repeat."""
    if not event.contains(engine, "before_cursor_execute", _count_query):
        event.listen(engine, "before_cursor_execute", _count_query)


def configure_logging(settings: Settings) -> None:
    """Lines to stderr, as JSON objects or as text; the standard library's loggers go the same way."""
    level = logging.getLevelNamesMapping().get(settings.log_level, logging.INFO)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # Plain tracebacks: the pretty ones print local variables, and those hold secrets.
    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    if settings.log_json:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer] if settings.log_json else [*shared[:-1], renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    for name in ("alembic", "pikepdf", "weasyprint", "fontTools", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)  # their progress says nothing to an operator


def trace_of(headers: list[tuple[bytes, bytes]] | Any) -> str:
    """The caller's trace id (W3C ``traceparent``), or a new one: 32 hex digits."""
    for name, value in headers:
        if name == b"traceparent" and (found := TRACEPARENT.fullmatch(value)):
            trace_id = found.group(1).decode("ascii")
            if trace_id != NO_TRACE:
                return str(trace_id)
    return secrets.token_hex(16)


@cache
def _encoded_headers(https: bool, api: bool) -> list[tuple[bytes, bytes]]:
    headers = default_headers(https=https, api=api)
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class RequestShell:
    """Wraps the whole app, so that an address that leads nowhere gets the same headers and line as any other."""

    def __init__(self, app: ASGIApp, services: Services, metrics: Metrics) -> None:
        self.app = app
        self.services = services
        self.metrics = metrics
        count_queries(services.database.engine)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        trace_id = trace_of(scope["headers"])
        scope["state"]["trace_id"] = trace_id
        https = self.services.https or scope["scheme"] == "https"
        extra = [*_encoded_headers(https, scope["path"].startswith(API)), (b"x-trace-id", trace_id.encode())]
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in extra if each[0] not in present)]
            await send(message)

        count = _Count()
        _count.set(count)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            self._finish(scope, status, time.perf_counter() - started, count.queries)

    def _finish(self, scope: Any, status: int, seconds: float, queries: int) -> None:
        route = scope.get("path_template") or "unknown"
        access = scope["state"].get("access")
        tenant = access.tenant.slug if access is not None and access.tenant is not None else ""
        self.metrics.count_request(scope["method"], route, status, tenant, seconds)
        if route not in QUIET_ROUTES or status >= 400:
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                queries=queries,
                actor=access.actor.name if access is not None else None,
            )
