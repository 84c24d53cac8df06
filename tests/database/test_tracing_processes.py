"""Traces of real processes: API, dispatcher and worker each deliver what they recorded, also what is left at their end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from billwright.cli.embedded import Servers
from billwright.tenancy.database import Database, open_database
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from support.carriers import RedisCarrier
from support.collector import collector_running
from support.mail_server import free_port
from support.processes import Office, Processes, make_office, until
from support.servers import fresh_database

pytestmark = pytest.mark.slow
CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def url(servers: Servers, worker_number: int) -> Iterator[str]:
    with fresh_database(servers.database_url, f"bw_traces_{worker_number}") as url:
        yield url


@pytest.fixture(scope="module")
def billing(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade_control(database.owner_engine)
    yield database.with_subscriptions(subscriptions())
    database.close()


@pytest.fixture
def processes(url: str, tmp_path: Path) -> Iterator[Processes]:
    carrier = RedisCarrier(tmp_path / "carrier")
    carrier.start()
    started = Processes.on(url, carrier.url, tmp_path)
    yield started
    started.end()
    carrier.stop()
    started.tell()


def bill_one(office: Office, processes: Processes) -> None:
    """An accepted milestone, sent over HTTP, to its invoice; then all processes are asked to stop."""
    port = free_port()
    processes.dispatcher()
    processes.worker()
    processes.api(port)
    until(processes.ready, "the API is ready")
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/messages",
        content=msgspec.json.encode(office.acceptances()[0]),
        headers={
            "Authorization": f"Bearer {office.token()}",
            "Content-Type": "application/json",
            "traceparent": f"00-{CALLER}-00f067aa0ba902b7-01",
        },
        timeout=30,
    )
    assert (answer.status_code, answer.headers["x-trace-id"]) == (202, CALLER), answer.text
    until(office.finished, lambda: f"all billed: {office.jobs()}")
    for process in processes.running:
        process.send_signal(signal.SIGTERM)
    for process in processes.running:
        process.wait(timeout=60)


def test_a_fact_is_one_trace_through_api_and_worker(billing: Database, processes: Processes) -> None:
    with collector_running() as collector:
        processes.environment["BILLWRIGHT_OTLP_ENDPOINT"] = collector.url
        bill_one(make_office(billing, 1), processes)
        spans = collector.trace(CALLER)
    names = {(span.service, span.name) for span in spans}
    assert {("billwright-api", "POST /v1/messages"), ("billwright-worker", "billing.issue")} <= names
    assert {collector.above(span)[-1] for span in spans} == {"POST /v1/messages"}
    (issue,) = [span for span in spans if span.name == "billing.issue"]
    assert collector.above(issue)[-2:] == ["intake.apply", "POST /v1/messages"]


def test_where_no_collector_is_all_is_billed_and_it_is_said_once(billing: Database, processes: Processes) -> None:
    with collector_running() as gone:
        pass
    processes.environment["BILLWRIGHT_OTLP_ENDPOINT"] = gone.url
    office = make_office(billing, 1)
    bill_one(office, processes)
    office.assert_all_billed_once()
    said = processes.output()
    assert said.count("the collector takes no spans") == 2  # API and worker
    assert "Traceback" not in said
