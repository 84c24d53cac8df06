"""The outermost layer of every request: trace, security headers, one log line, metrics.

Nothing of a body, a query string, a header or a cookie is ever logged, nor put into a span.
"""

import logging
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry.trace import SpanKind
from sqlalchemy import Engine, event

from billwright.insight.metrics import Metrics
from billwright.kernel import tracing
from billwright.kernel.settings import Settings
from billwright.kernel.tracing import Origin, Tracing
from billwright.web.security import default_headers
from billwright.web.services import Services

API: Final = "/v1/"
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
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


def _name_trace(_logger: Any, _name: str, line: dict[str, Any]) -> dict[str, Any]:
    """Every line of a request or a job names its trace."""
    if "trace_id" not in line and (trace_id := tracing.trace_id()) is not None:
        line["trace_id"] = trace_id
    return line


def configure_logging(settings: Settings) -> None:
    """Lines to stderr, as JSON objects or as text; the standard library's loggers go the same way."""
    level = logging.getLevelNamesMapping().get(settings.log_level, logging.INFO)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _name_trace,
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


def caller_of(headers: list[tuple[bytes, bytes]] | Any) -> Origin | None:
    """The span that the caller names (W3C ``traceparent``); none where it names none, several, or nonsense."""
    named = [value for name, value in headers if name == b"traceparent"]
    return tracing.read_traceparent(named[0].decode("latin-1")) if len(named) == 1 else None


@cache
def _encoded_headers(https: bool, api: bool) -> list[tuple[bytes, bytes]]:
    headers = default_headers(https=https, api=api)
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class RequestShell:
    """Wraps the whole app, so that an address that leads nowhere gets the same headers and line as any other."""

    def __init__(self, app: ASGIApp, services: Services, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.app = app
        self.services = services
        self.metrics = metrics
        self.tracing = tracing
        count_queries(services.database.engine)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        recorded = None if scope["path"] in QUIET_ROUTES else self.tracing
        caller = caller_of(scope["headers"])
        with tracing.work("request", kind=SpanKind.SERVER, tracing=recorded, parent=caller) as trace_id:
            await self._answer(scope, receive, send, trace_id)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send, trace_id: str) -> None:
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
        if self.tracing is not None:
            _tell(scope["method"], route, status, access)


def _tell(method: str, route: str, status: int, access: Any) -> None:
    """What the span of a request says: a 5xx is our failure, a 4xx an answer. Strangers choose no name of a span."""
    method = method if method in METHODS else "_OTHER"
    facts: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
    }
    if access is not None and access.tenant is not None:
        facts["billwright.tenant"] = str(access.tenant.id)
    tracing.note(facts, name=f"{method} {route}")
    if status >= 500:
        tracing.failed(str(status))
    elif status >= 400:
        tracing.refused(str(status))
