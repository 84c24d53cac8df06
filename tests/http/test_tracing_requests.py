"""Spans of requests: whose trace they belong to, what they are called, and what they never say."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from litestar import Controller, Litestar, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.testing import TestClient

from billwright.kernel import tracing
from billwright.kernel.tracing import Tracing
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from billwright.web.app import make_app
from billwright.web.composition import controllers, dependencies
from billwright.web.services import Services
from billwright.web.tracing import start_tracing
from support.collector import Collector, collector_running
from support.http import People, bearer, client_of, settings_for

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
Open = Callable[..., TestClient[Litestar]]


class OddController(Controller):
    """What no room does: to fall over, and to be called by a name of its own."""

    path = "/odd"

    @get("/falls/{name:str}", exclude_from_auth=True, sync_to_thread=True)
    def fall(self, name: FromPath[str]) -> None:
        raise ZeroDivisionError(name)

    @get("/here", exclude_from_auth=True, sync_to_thread=True)
    def here(self, trace_id: NamedDependency[str]) -> list[str | None]:
        return [trace_id, tracing.trace_id()]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collector_running() as running:
        yield running


@pytest.fixture
def recorded(collector: Collector, tmp_path: Path) -> Iterator[Tracing]:
    started = start_tracing(settings_for(tmp_path, BILLWRIGHT_OTLP_ENDPOINT=f"{collector.url}/"), "api")
    assert started is not None
    yield started
    started.close()


@pytest.fixture
def open_client(database: Database, tmp_path: Path) -> Iterator[Open]:
    opened: list[AbstractContextManager[Any]] = []

    def make(recorded: Tracing | None) -> TestClient[Litestar]:
        settings = settings_for(tmp_path)
        services = Services(settings=settings, database=database, dependencies=dependencies(settings))
        opened.append(client_of(make_app(services, [*controllers(), OddController], tracing=recorded)))
        client: TestClient[Litestar] = opened[-1].__enter__()
        return client

    yield make
    for each in reversed(opened):
        each.__exit__(None, None, None)


def test_a_request_is_a_span_by_its_route_in_the_callers_trace(
    open_client: Open, recorded: Tracing, collector: Collector, people: People, tenant: Tenant
) -> None:
    client = open_client(recorded)
    token = people.token("lea.winter@acme.example", "billing_clerk", tenant=tenant)
    headers = bearer(token) | {"traceparent": f"00-{CALLER}-{SPAN}-00"}
    answer = client.get("/v1/invoices?q=Gehalt", headers=headers)
    assert (answer.status_code, answer.headers["x-trace-id"]) == (200, CALLER)
    recorded.close()

    span = collector.one("GET /v1/invoices")
    assert (span.trace, span.parent, span.service, span.failed) == (CALLER, SPAN, "billwright-api", False)
    assert span.facts == {
        "http.request.method": "GET",
        "http.route": "/v1/invoices",
        "http.response.status_code": 200,
        "billwright.tenant": str(tenant.id),
    }
    said = b"".join(collector.raw)
    for secret in (token, "winter", tenant.slug, tenant.name, "Gehalt", "acme"):
        assert secret.encode() not in said


@pytest.mark.parametrize(
    "wrong",
    [
        f"00-{'0' * 32}-{SPAN}-01", f"00-{CALLER}-{'0' * 16}-01", f"ff-{CALLER}-{SPAN}-01", f"00-{CALLER}-{SPAN}-01-more",
        f"00-{CALLER.upper()}-{SPAN}-01", f"00-{CALLER}-{SPAN}", "nonsense", "", "00-" + "1" * 9_000,
        f"00-{CALLER}-{SPAN}-01\t",
    ],
)  # fmt: skip
def test_a_malformed_trace_of_a_caller_is_as_none(
    wrong: str, open_client: Open, recorded: Tracing, collector: Collector
) -> None:
    client = open_client(recorded)
    answer = client.get("/odd/here", headers={"traceparent": wrong})
    given = answer.headers["x-trace-id"]
    assert given not in wrong
    assert answer.json() == [given, given]
    recorded.close()
    span = collector.one("GET /odd/here")
    assert (span.trace, span.parent, span.links) == (given, "", ())


def test_two_traces_of_a_caller_are_as_none(open_client: Open) -> None:
    client = open_client(None)
    headers = [("traceparent", f"00-{CALLER}-{SPAN}-01"), ("traceparent", f"00-{CALLER}-{SPAN}-01")]
    assert client.get("/odd/here", headers=headers).headers["x-trace-id"] != CALLER


def test_a_later_version_of_the_header_is_read_as_far_as_we_know_it(open_client: Open) -> None:
    client = open_client(None)
    answer = client.get("/odd/here", headers={"traceparent": f"01-{CALLER}-{SPAN}-01-what-will-come"})
    assert answer.headers["x-trace-id"] == CALLER


def test_a_refusal_is_an_answer_and_a_defect_a_failure(
    open_client: Open, recorded: Tracing, collector: Collector
) -> None:
    client = open_client(recorded)
    assert client.get("/v1/invoices").status_code == 401
    assert client.get("/nowhere/at/all").status_code == 404
    assert client.get("/odd/falls/Gehalt").status_code == 500
    assert client.request("BREW/Gehalt", "/odd/here").status_code in {404, 405}
    for quiet in ("/health/live", "/metrics"):
        assert client.get(quiet).status_code == 200
    recorded.close()

    ended = {span.name: (span.facts["billwright.outcome"], span.failed) for span in collector.spans}
    assert ended.pop("GET /odd/falls/{name}") == ("failed", True)
    assert set(ended.values()) == {("refused", False)}
    assert {name.partition(" ")[0] for name in ended} == {"GET", "_OTHER"}
    assert len(collector.spans) == 4
    assert b"Gehalt" not in b"".join(collector.raw)


def test_the_trace_is_told_with_what_the_collector_wants(
    open_client: Open, collector: Collector, tmp_path: Path
) -> None:
    environment = {
        "BILLWRIGHT_OTLP_ENDPOINT": f"{collector.url}/v1/traces",
        "BILLWRIGHT_OTLP_HEADERS": "X-Key=a%20b, c=d",
    }
    recorded = start_tracing(settings_for(tmp_path, **environment), "api")
    assert recorded is not None
    open_client(recorded).get("/odd/here")
    recorded.close()
    assert collector.paths == ["/v1/traces"]
    assert (collector.headers[0]["x-key"], collector.headers[0]["c"]) == ("a b", "d")
