"""Which trace the work at hand belongs to: one identifier for answers, logs, audit entries and jobs, and for spans if anybody
collects them.

The identifier is a W3C trace id (32 hex digits). A span is one piece of work in it; the composition root says where spans
are recorded (``Tracing``), and without it nothing here costs more than a variable. Spans leave the install, so that they hold
identifiers, kinds, counts, states and names of classes, and never a name of a customer or person, an amount, a body, an
address of a mailbox, or the text of an error. Source: W3C Trace Context (Recommendation of 23 November 2021).
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from billwright.kernel.errors import DomainError

OUTCOME: Final = "billwright.outcome"
HEADER: Final = "traceparent"
# A later version may append fields; version ff is forbidden.
_TRACEPARENT: Final = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.DOTALL)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)

Facts = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Origin:
    """A span that may lie in another process: what asked for the work at hand."""

    trace_id: str
    span_id: str

    def text(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"

    def context(self) -> SpanContext:
        return SpanContext(int(self.trace_id, 16), int(self.span_id, 16), is_remote=True, trace_flags=_SAMPLED)


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where spans are recorded. ``hosts``: other systems that are told our trace, in lower case."""

    tracer: Tracer
    hosts: frozenset[str] = field(default_factory=frozenset)
    close: Callable[[], None] = lambda: None
    """Deliver what was recorded, in a few seconds at most; nothing is recorded any more."""


@dataclass(slots=True)
class _Here:
    """``span`` is none where nobody records; ``ended``: somebody said how it ends."""

    trace_id: str
    tracing: Tracing | None = None
    span: Span | None = None
    ended: bool = False


_here: ContextVar[_Here | None] = ContextVar("the trace of the work at hand", default=None)


def new_trace_id() -> str:
    return secrets.token_hex(16)


def trace_id() -> str | None:
    """Of the work at hand; none outside of any."""
    here = _here.get()
    return here.trace_id if here is not None else None


def trace_or_new(given: str | None) -> str:
    """What a unit of work is named by: ``given``, else the work at hand's, else a new one."""
    return given or trace_id() or new_trace_id()


def read_traceparent(text: str) -> Origin | None:
    """What a caller or a job names; none when it is not well-formed, for then it must be ignored."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (found[1] == "00" and found[4]) or not int(found[2], 16) or not int(found[3], 16):
        return None
    return Origin(found[2], found[3])


def read_origins(text: str | None) -> tuple[Origin, ...]:
    """The spans that a job keeps, each once, in order."""
    if not text:
        return ()
    return tuple(dict.fromkeys(each for part in text.split(" ") if (each := read_traceparent(part))))


@contextmanager
def work(
    name: str,
    *,
    kind: SpanKind,
    tracing: Tracing | None,
    trace_id: str | None = None,
    parent: Origin | None = None,
    links: Sequence[Origin] = (),
    facts: Facts | None = None,
) -> Iterator[str]:
    """The body is a piece of work that came from outside: a request, a lease. It belongs to ``parent``'s trace, else to
    ``trace_id``'s, else to a new one; gives the identifier.
    """
    trace_id = parent.trace_id if parent is not None else trace_id or new_trace_id()
    here = _Here(trace_id, tracing)
    token = _here.set(here)
    try:
        if tracing is None:
            yield trace_id
            return
        context = set_span_in_context(NonRecordingSpan(parent.context()), Context()) if parent else Context()
        span = tracing.tracer.start_span(
            name, context, kind, dict(facts or {}), [Link(each.context()) for each in links]
        )
        here.span = span if span.is_recording() else None
        try:
            yield trace_id
        except Exception as error:
            failed(type(error).__name__)
            raise
        finally:
            span.end()
    finally:
        _here.reset(token)


@contextmanager
def step(
    name: str,
    *,
    kind: SpanKind = SpanKind.CLIENT,
    facts: Facts | None = None,
    refusals: tuple[type[BaseException], ...] = (),
) -> Iterator[None]:
    """The body is a part of the work at hand that is worth a span of its own: mostly, a call to another system.

    An exception makes it a failure, but for ``DomainError`` and ``refusals``: those are answers.
    """
    here = _here.get()
    if here is None or here.tracing is None or here.span is None:
        yield
        return
    span = here.tracing.tracer.start_span(name, set_span_in_context(here.span, Context()), kind, dict(facts or {}))
    token = _here.set(_Here(here.trace_id, here.tracing, span))
    try:
        yield
    except Exception as error:
        tell = refused if isinstance(error, (DomainError, *refusals)) else failed
        tell(type(error).__name__)
        raise
    finally:
        _here.reset(token)
        span.end()


def note(facts: Facts, *, name: str | None = None) -> None:
    """Facts about the span at hand, and what it turned out to be."""
    here = _here.get()
    if here is not None and here.span is not None:
        here.span.set_attributes(dict(facts))
        if name is not None:
            here.span.update_name(name)


def ended(outcome: str) -> None:
    """The span at hand ends like this, unless something else was said of it."""
    here = _here.get()
    if here is not None and here.span is not None and not here.ended:
        here.span.set_attribute(OUTCOME, outcome)


def refused(why: str) -> None:
    """The span at hand ends with a refusal that a person can act on: an answer, no failure. ``why``: a class or code."""
    _end("refused", why)


def failed(why: str) -> None:
    """The span at hand ends with a technical failure. ``why``: a class or code, never the sentence."""
    _end("failed", why)
    here = _here.get()
    if here is not None and here.span is not None:
        here.span.set_status(StatusCode.ERROR)


def _end(outcome: str, why: str) -> None:
    here = _here.get()
    if here is not None and here.span is not None:
        here.span.set_attributes({OUTCOME: outcome, "error.type": why})
        here.ended = True


def answered(status: int) -> None:
    """The span at hand is a call over HTTP that was answered: 5xx, 408, 425 and 429 are failures, other 4xx refusals."""
    here = _here.get()
    if here is None or here.span is None:
        return
    here.span.set_attribute("http.response.status_code", status)
    if status >= 500 or status in {408, 425, 429}:
        failed(str(status))
    elif status >= 400:
        refused(str(status))


def to_keep() -> str | None:
    """The span at hand for a job that it asks for; none where nobody records."""
    here = _here.get()
    origin = _origin(here) if here is not None else None
    return origin.text() if origin is not None else None


def headers_for(host: str) -> dict[str, str]:
    """What a request to ``host`` says of our trace: nothing, unless the operator named the host."""
    here = _here.get()
    if here is None or here.tracing is None or host.lower() not in here.tracing.hosts:
        return {}
    origin = _origin(here)
    return {HEADER: origin.text()} if origin is not None else {}


def _origin(here: _Here) -> Origin | None:
    if here.span is None:
        return None
    ours = here.span.get_span_context()
    return Origin(f"{ours.trace_id:032x}", f"{ours.span_id:016x}")
