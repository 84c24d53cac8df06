"""Spans to a collector, by OTLP over HTTP, in the background. Imported only where one is named.

A collector that is away harms nothing and is said once; spans that come meanwhile are dropped.
"""

import atexit
import logging
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from billwright.kernel import tracing
from billwright.kernel.tracing import Tracing

SEND_WITHIN_S: Final = 3.0
"""One delivery with its repetitions."""
SPANS_WAITING_MAX: Final = 8_192
SPANS_PER_DELIVERY: Final = 512
DELIVER_EVERY_MS: Final = 2_000
log = structlog.get_logger("billwright.tracing")


def record_to(
    address: str, headers: Mapping[str, str], *, process: str, percent: int, hosts: frozenset[str]
) -> Tracing:
    """Record ``percent`` of the traces, chosen by their identifiers: every process records the same ones.

    What a caller wishes about being recorded does not count. ``hosts``: systems that are told our trace.
    """
    session = requests.Session()
    session.trust_env = False  # the way to the collector is the one that the operator named, whatever proxies there are
    exporter = _Courier(
        OTLPSpanExporter(endpoint=address, headers=dict(headers), timeout=SEND_WITHIN_S, session=session),
        urlsplit(address).hostname or "",
    )
    release = version("billwright")
    service = {
        "service.name": f"billwright-{process}",
        "service.version": release,
        "service.instance.id": tracing.new_trace_id(),
    }
    provider = TracerProvider(
        resource=Resource(service),
        sampler=TraceIdRatioBased(percent / 100),
        id_generator=_OurTraceIds(),
        shutdown_on_exit=False,
    )
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=SPANS_WAITING_MAX,
        max_export_batch_size=SPANS_PER_DELIVERY,
        schedule_delay_millis=DELIVER_EVERY_MS,
    )
    provider.add_span_processor(processor)
    close = _Close(provider, exporter)
    atexit.register(close)
    return Tracing(provider.get_tracer("billwright", release), hosts, close)


class _OurTraceIds(RandomIdGenerator):
    """A trace bears the identifier that answers, logs and audit entries name."""

    def generate_trace_id(self) -> int:
        try:
            return int(tracing.trace_id() or "", 16) or super().generate_trace_id()
        except ValueError:
            return super().generate_trace_id()


class _Reason(logging.Filter):
    """Keeps what OpenTelemetry says of a delivery instead of saying it every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.last = record.getMessage()
        return False


_REASON: Final = _Reason()


class _Courier(SpanExporter):
    """Says once when the collector takes nothing, and once when it does again."""

    def __init__(self, inner: OTLPSpanExporter, host: str) -> None:
        self._inner = inner
        self._host = host
        self._away = False
        self.closing = False
        for name in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal"):
            logging.getLogger(name).addFilter(_REASON)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._away and self.closing:
            return SpanExportResult.FAILURE
        result = self._inner.export(spans)
        away = result is not SpanExportResult.SUCCESS
        if away and not self._away:
            log.warning(
                "the collector takes no spans; they are dropped until it does", host=self._host, why=_REASON.last[:300]
            )
        elif self._away and not away:
            log.info("the collector takes spans again", host=self._host)
        self._away = away
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry leaves it untyped

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class _Close:
    """Delivers what is left, once; a collector that is away costs one more delivery's time. Not in a forked child."""

    def __init__(self, provider: TracerProvider, courier: _Courier) -> None:
        self._provider = provider
        self._courier = courier
        self._process = os.getpid()
        self._closed = False

    def __call__(self) -> None:
        if self._closed or os.getpid() != self._process:
            return
        self._closed = self._courier.closing = True
        self._provider.shutdown()
