"""Spans of jobs: what a worker does goes on in the trace of what asked for it.

A job that is done alone is a child of the span that wished it first, with links to others that wished the same meanwhile. A
batch is one span, in the trace of the first job that has one (what follows from the batch goes on there) with links to all;
each further job that is traced gets a short span of its own in its own trace, which links to the batch's.
"""

from collections.abc import Callable, Sequence
from typing import Concatenate, Final, ParamSpec
from uuid import UUID

from opentelemetry.trace import SpanKind

from billwright.jobs.failures import FailureClass
from billwright.jobs.handlers import Handler, Job
from billwright.kernel import tracing
from billwright.kernel.tracing import Origin
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

FAILURE: Final = "billwright.failure"
More = ParamSpec("More")
Attempt = Callable[Concatenate[Database, Tenant, Handler, UUID, Sequence[Job], More], int]


def in_span(attempt: Attempt[More]) -> Attempt[More]:
    """``attempt`` as a span of its jobs, if anybody records, and in their trace either way."""

    def traced(
        database: Database,
        tenant: Tenant,
        handler: Handler,
        lease_id: UUID,
        jobs: Sequence[Job],
        /,
        *more: More.args,
        **options: More.kwargs,
    ) -> int:
        lead = next((job for job in jobs if job.trace_context), jobs[0])
        parent, links = _origins(lead, jobs) if lead.trace_context else (None, ())
        with tracing.work(
            handler.kind,
            kind=SpanKind.CONSUMER,
            tracing=handler.tracing,
            trace_id=lead.trace_id,
            parent=parent,
            links=links,
            facts=_facts(tenant, lead, jobs) if handler.tracing is not None else None,
        ):
            done = attempt(database, tenant, handler, lease_id, jobs, *more, **options)
            tracing.ended("done" if done else "apart" if len(jobs) > 1 else "lease lost")
            batch = tracing.to_keep() if len(jobs) > 1 else None
        if batch is not None:
            _point_to(batch, handler, tenant, [job for job in jobs if job is not lead])
        return done

    return traced


def tell(failure: FailureClass, error: Exception) -> None:
    """The span at hand ends like this: a refusal is an answer, the work's own wish to wait is neither, the rest is a failure."""
    why = type(error).__name__
    if failure == "business":
        tracing.refused(why)
    elif failure == "later":
        tracing.note({tracing.OUTCOME: "later"})
    else:
        tracing.failed(why)
    tracing.note({FAILURE: failure})


def _origins(lead: Job, jobs: Sequence[Job]) -> tuple[Origin | None, tuple[Origin, ...]]:
    """The parent, and everything else that asked."""
    mine = tracing.read_origins(lead.trace_context)
    parent = next((each for each in mine if each.trace_id == lead.trace_id), mine[0] if mine else None)
    asked = dict.fromkeys(each for job in jobs for each in tracing.read_origins(job.trace_context))
    return parent, tuple(each for each in asked if each != parent)


def _facts(tenant: Tenant, lead: Job, jobs: Sequence[Job]) -> dict[str, str | int]:
    facts: dict[str, str | int] = {"billwright.tenant": str(tenant.id), "billwright.queue": lead.kind.partition(".")[0]}
    if len(jobs) > 1:
        return facts | {"billwright.jobs": len(jobs)}
    return facts | {"billwright.job": str(lead.id), "billwright.attempt": lead.attempts}


def _point_to(batch: str, handler: Handler, tenant: Tenant, jobs: Sequence[Job]) -> None:
    """In each job's own trace: it was done in that batch."""
    there = tracing.read_origins(batch)
    for job in jobs:
        own = tracing.read_origins(job.trace_context)
        if not own or own[0].trace_id == there[0].trace_id:
            continue
        facts = {**_facts(tenant, job, [job]), tracing.OUTCOME: "in batch"}
        with tracing.work(
            handler.kind, kind=SpanKind.CONSUMER, tracing=handler.tracing, parent=own[0], links=there, facts=facts
        ):
            pass
