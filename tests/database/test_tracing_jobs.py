"""A trace goes on from what wished a job into the worker that does it, alone or in a batch, and tells failures from refusals."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind
from sqlalchemy import select

from billwright.audit.record import record
from billwright.audit.tables import AuditEntryRow
from billwright.extension.connectors import RejectedError, ThrottledError, TransientError
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import JobRow
from billwright.kernel import tracing
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotFoundError
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.kernel.tracing import Tracing
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from billwright.web.tracing import start_tracing
from support.collector import Collector, collector_running
from support.http import settings_for

KIND = "billing.try"
Work = Callable[[Tx, Sequence[Job]], None]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collector_running() as running:
        yield running


@pytest.fixture
def tracing_on(collector: Collector, tmp_path: Path) -> Iterator[Tracing]:
    started = start_tracing(settings_for(tmp_path, BILLWRIGHT_OTLP_ENDPOINT=collector.url), "test")
    assert started is not None
    yield started
    started.close()


def wish(database: Database, tenant: Tenant, *keys: str, trace: Tracing | None = None, name: str = "ask") -> str:
    """Ask for jobs in a piece of work of its own; return its trace."""
    with (
        tracing.work(name, kind=SpanKind.SERVER, tracing=trace) as trace_id,
        transaction(database, tenant, SYSTEM) as tx,
    ):
        enqueue(tx, [JobSpec(kind=KIND, key=key, payload={"id": new_id()}) for key in keys])
    return trace_id


def handlers(work: Work, *, batch_max: int = 1, traced: Tracing | None = None) -> Handlers:
    return Handlers.of(Handler(kind=KIND, in_transaction=work, batch_max=batch_max)).traced(traced)


def jobs_of(database: Database, tenant: Tenant) -> dict[str, JobRow]:
    with transaction(database, tenant, SYSTEM) as tx:
        return {row.key: row for row in tx.session.scalars(select(JobRow).where(JobRow.tenant_id == tenant.id))}


def follow_on(tx: Tx, jobs: Sequence[Job]) -> None:
    """Work with an audit entry and another wish, which the first round makes only."""
    record(tx, "test.done", "test", None)
    if not jobs[0].key.startswith("then"):
        enqueue(tx, [JobSpec(kind=KIND, key=f"then {jobs[0].key}")])


def test_a_job_is_a_child_of_what_wished_it(
    database: Database, tenant: Tenant, collector: Collector, tracing_on: Tracing
) -> None:
    asked = wish(database, tenant, "a", trace=tracing_on)
    assert drain(database, handlers(follow_on, traced=tracing_on), tenant_id=tenant.id) == 2
    tracing_on.close()

    first, then = collector.named(KIND)
    assert collector.above(then) == [KIND, KIND, "ask"]
    assert {span.trace for span in collector.spans} == {asked}
    assert first.facts == {
        "billwright.tenant": str(tenant.id),
        "billwright.queue": "billing",
        "billwright.job": str(jobs_of(database, tenant)["a"].id),
        "billwright.attempt": 1,
        "billwright.outcome": "done",
    }
    with transaction(database, tenant, SYSTEM) as tx:
        entries = select(AuditEntryRow.trace_id).where(AuditEntryRow.action == "test.done")
        assert set(tx.session.scalars(entries)) == {asked}
    assert {row.trace_id for row in jobs_of(database, tenant).values()} == {asked}


def test_without_a_collector_the_trace_id_goes_on_and_nothing_else_is_kept(database: Database, tenant: Tenant) -> None:
    asked = wish(database, tenant, "a")
    assert drain(database, handlers(follow_on), tenant_id=tenant.id) == 2

    rows = jobs_of(database, tenant).values()
    assert [(row.trace_id, row.trace_context) for row in rows] == [(asked, None)] * 2


def test_a_job_that_no_span_wished_begins_the_trace_that_it_names(
    database: Database, tenant: Tenant, collector: Collector, tracing_on: Tracing
) -> None:
    """Of a timer, or of a process that records nothing."""
    asked = wish(database, tenant, "a")
    drain(database, handlers(follow_on, traced=tracing_on), tenant_id=tenant.id)
    tracing_on.close()
    first, then = collector.named(KIND)
    assert (first.trace, first.parent, then.trace, then.parent) == (asked, "", asked, first.id)


def test_a_unit_of_work_that_nobody_traces_has_an_identifier_of_its_own(database: Database, tenant: Tenant) -> None:
    with transaction(database, tenant, SYSTEM) as one, transaction(database, tenant, SYSTEM) as other:
        traces = [one.trace_id, other.trace_id]
    assert all(trace and tracing.read_traceparent(f"00-{trace}-{'1' * 16}-01") for trace in traces)
    assert traces[0] != traces[1]


def test_a_batch_is_one_span_with_links_to_all_that_wished_and_each_trace_leads_to_it(
    database: Database, tenant: Tenant, collector: Collector, tracing_on: Tracing
) -> None:
    wish(database, tenant, "nobody's")
    traces = [wish(database, tenant, key, trace=tracing_on, name=f"ask {key}") for key in ("a", "b", "c")]
    assert drain(database, handlers(lambda _tx, _jobs: None, batch_max=9, traced=tracing_on), tenant_id=tenant.id) == 4
    tracing_on.close()

    (batch,) = [span for span in collector.named(KIND) if "billwright.jobs" in span.facts]
    asked = {collector.one(f"ask {key}").trace: collector.one(f"ask {key}").id for key in ("a", "b", "c")}
    assert batch.facts["billwright.jobs"] == 4
    assert batch.trace in traces
    assert batch.parent == asked[batch.trace]
    assert set(batch.links) == set(asked.items()) - {(batch.trace, batch.parent)}
    pointers = [span for span in collector.named(KIND) if span is not batch]
    assert {span.trace for span in pointers} == set(traces) - {batch.trace}
    for span in pointers:
        assert (span.parent, span.links) == (asked[span.trace], ((batch.trace, batch.id),))


def test_a_bad_job_of_a_batch_fails_in_its_own_trace(
    database: Database, tenant: Tenant, collector: Collector, tracing_on: Tracing
) -> None:
    def work(_tx: Tx, jobs: Sequence[Job]) -> None:
        if any(job.key == "bad" for job in jobs):
            raise ZeroDivisionError("of Müller GmbH")

    good, bad = (wish(database, tenant, key, trace=tracing_on, name=f"ask {key}") for key in ("good", "bad"))
    assert drain(database, handlers(work, batch_max=9, traced=tracing_on), tenant_id=tenant.id) == 1
    tracing_on.close()

    alone = {
        span.trace: span for span in collector.named(KIND) if "billwright.jobs" not in span.facts and not span.links
    }
    assert alone[good].facts["billwright.outcome"] == "done"
    assert alone[bad].facts["billwright.outcome"] == "failed"
    assert alone[bad].failed
    assert not alone[good].failed
    (batch,) = [span for span in collector.named(KIND) if "billwright.jobs" in span.facts]
    assert (batch.facts["billwright.outcome"], batch.failed) == ("apart", False)
    assert not any("Müller".encode() in body for body in collector.raw)


@pytest.mark.parametrize(
    ("error", "outcome", "failure", "failed"),
    [
        (RejectedError("Müller GmbH", remedy="Müller"), "refused", "business", False),
        (NotFoundError("Müller GmbH"), "refused", "business", False),
        (TransientError("Müller GmbH"), "failed", "transient", True),
        (ThrottledError("Müller GmbH", retry_after_s=9), "failed", "throttled", True),
        (ZeroDivisionError("Müller GmbH"), "failed", "programming", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refusal_is_no_failure(
    error: Exception, outcome: str, failure: str, failed: bool,
    database: Database, tenant: Tenant, collector: Collector, tracing_on: Tracing,
) -> None:  # fmt: skip
    def work(_tx: Tx, _jobs: Sequence[Job]) -> None:
        raise error

    wish(database, tenant, "a", trace=tracing_on)
    drain(database, handlers(work, traced=tracing_on), tenant_id=tenant.id)
    tracing_on.close()

    span = collector.one(KIND)
    assert (span.facts["billwright.outcome"], span.facts["billwright.failure"]) == (outcome, failure)
    assert span.failed is failed
    assert span.facts["error.type"] == type(error).__name__
    assert not any("Müller".encode() in body for body in collector.raw)


def test_a_wish_that_several_make_while_it_waits_is_linked_to_all_of_them(
    database: Database, tenant: Tenant, collector: Collector, tracing_on: Tracing
) -> None:
    first = wish(database, tenant, "a", trace=tracing_on, name="first")
    wish(database, tenant, "a")
    with tracing.work("second", kind=SpanKind.SERVER, tracing=tracing_on) as second:
        for _ in range(2):
            with transaction(database, tenant, SYSTEM) as tx:
                enqueue(tx, [JobSpec(kind=KIND, key="a")])
    drain(database, handlers(lambda _tx, _jobs: None, traced=tracing_on), tenant_id=tenant.id)
    tracing_on.close()

    span = collector.one(KIND)
    assert (span.trace, span.parent) == (first, collector.one("first").id)
    assert span.links == ((second, collector.one("second").id),)


def test_a_wish_of_very_many_keeps_the_first_few(database: Database, tenant: Tenant, tracing_on: Tracing) -> None:
    for number in range(30):
        wish(database, tenant, "a", trace=tracing_on, name=str(number))
    kept = jobs_of(database, tenant)["a"].trace_context
    assert kept is not None
    assert 500 < len(kept) < 600
    assert len(tracing.read_origins(kept)) == 9


def test_the_same_traces_are_recorded_in_every_process(
    database: Database, tenant: Tenant, collector: Collector, tmp_path: Path
) -> None:
    """By the identifier: neither process asks the other, and no trace is recorded in part."""
    environment = {"BILLWRIGHT_OTLP_ENDPOINT": collector.url, "BILLWRIGHT_TRACED_PERCENT": "50"}
    api, worker = (start_tracing(settings_for(tmp_path, **environment), name) for name in ("api", "worker"))
    assert api is not None
    assert worker is not None
    asked = [wish(database, tenant, f"{number}", trace=api) for number in range(40)]
    drain(database, handlers(lambda _tx, _jobs: None, traced=worker), tenant_id=tenant.id)
    api.close()
    worker.close()

    recorded = {service: {each.trace for each in collector.spans if each.service == service} for service in
                ("billwright-api", "billwright-worker")}  # fmt: skip
    assert recorded["billwright-api"] == recorded["billwright-worker"]
    assert 0 < len(recorded["billwright-api"]) < len(asked)
    assert recorded["billwright-api"] <= set(asked)
