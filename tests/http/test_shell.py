"""What every request meets: problem documents, limits, headers, logs, health, metrics, the API's description."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import create_engine, select
from structlog.testing import capture_logs

from billwright.identity.act import operator
from billwright.identity.tables import PersonRow
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.app import make_app
from billwright.web.services import Services
from support.http import PASSWORD, People, bearer, client_of, settings_for
from support.rooms import SECRET, NoteController, PageController


@pytest.fixture
def client(make_client: Callable[..., TestClient[Litestar]]) -> TestClient[Litestar]:
    return make_client(NoteController, PageController)


@pytest.fixture
def token(people: People, tenant: Tenant) -> str:
    return people.token("clerk@example.com", "billing_clerk", tenant=tenant)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "request-malformed", None),
        (b"{", 400, "request-malformed", None),
        (b"\xef\xbb\xbf{}", 400, "request-malformed", None),
        (b'{"text": "\xe4"}', 400, "request-malformed", None),
        (b'{"text": "a\\u0000b"}', 422, "input-invalid", "body"),
        (b'{"text": 3}', 422, "input-invalid", "text"),
        (b'{"text": "x", "amount": "3"}', 422, "input-invalid", "amount"),
        (b'{"text": "x", "amount": 1e99}', 422, "input-invalid", "amount"),
        (b'{"text": "x", "colour": 1}', 422, "input-invalid", "colour"),
        (b'{"amount": 1}', 422, "input-invalid", "text"),
        (b"[]", 422, "input-invalid", None),
        (b'{"text": "x", "more": ' + b'{"a":' * 70 + b"1" + b"}" * 71, 422, "input-invalid", "body"),
        (b"[" * 100_000, 422, "input-invalid", "body"),
    ],
)
def test_bad_bodies_name_field_and_remedy(
    client: TestClient[Litestar], token: str, body: bytes, status: int, code: str, field: str | None
) -> None:
    headers = bearer(token) | {"Content-Type": "application/json"}
    answer = client.post("/v1/notes", content=body, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"/problems/{code}"), problem
    if field is not None:
        assert problem["field"] == field
    assert len(problem["detail"]) > 15


def test_depth_within_the_limit_is_fine(client: TestClient[Litestar], token: str) -> None:
    body = b'{"text": "x", "more": ' + b'{"a":' * 60 + b'"[[[["' + b"}" * 61
    answer = client.post("/v1/notes", content=body, headers=bearer(token) | {"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text


def test_a_large_body_is_413(make_client: Callable[..., TestClient[Litestar]], token: str) -> None:
    client = make_client(NoteController, BILLWRIGHT_BODY_BYTES_MAX="1000")
    ok = client.post("/v1/notes", json={"text": "x" * 900}, headers=bearer(token))
    assert ok.status_code == 201
    answer = client.post("/v1/notes", json={"text": "x" * 1_000}, headers=bearer(token))
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    streamed = client.post("/v1/notes", content=iter([b"x" * 600, b"x" * 600]), headers=bearer(token))
    assert streamed.status_code == 413


def test_a_refusal_carries_its_facts(client: TestClient[Litestar], token: str) -> None:
    answer = client.post("/v1/notes", json={"text": "conflict"}, headers=bearer(token))
    assert answer.json() == {
        "type": "/problems/conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "It is closed already; open a new one.",
        "instance": "/v1/notes",
        "state": "closed",
        "trace_id": answer.headers["x-trace-id"],
    }


def test_a_bug_says_nothing_of_the_inside(client: TestClient[Litestar], token: str) -> None:
    with capture_logs() as logs:
        answer = client.post("/v1/notes", json={"text": "crash"}, headers=bearer(token))
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/unexpected"
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    (entry,) = [log for log in logs if log["log_level"] == "error"]
    assert isinstance(entry["exc_info"], RuntimeError)


def test_no_database_is_503(tmp_path: Path) -> None:
    database = open_database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    app = make_app(Services(settings=settings_for(tmp_path), database=database), [NoteController])
    with client_of(app) as client:
        answer = client.get("/v1/notes", headers=bearer("bw_" + "0" * 32 + "_x"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"].startswith("PostgreSQL does not answer")
        assert client.get("/health/live").status_code == 200
        assert "billwright_database_up 0.0" in client.get("/metrics").text
    database.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("PUT", "/v1/notes", 405, "method-not-allowed"),
        ("GET", "/v1/notes?x=%00", 400, "request-malformed"),
        ("GET", "/t/a%00b/page", 400, "request-malformed"),
        ("GET", "/problems/nonsense", 404, "not-found"),
        ("GET", "/problems/..%2f..%2fREADME", 404, "not-found"),
    ],
)
def test_addresses_that_lead_nowhere(
    client: TestClient[Litestar], token: str, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path, headers=bearer(token))
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


def test_a_problems_type_leads_to_its_page(client: TestClient[Litestar]) -> None:
    problem = client.get("/v1/notes").json()
    page = client.get(problem["type"])
    assert page.status_code == 200
    assert page.text.startswith("# ")
    assert page.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/v1/notes", "/v1/nowhere", "/health/live", "/schema", "/static/api-page.js"])
def test_every_answer_has_the_security_headers(client: TestClient[Litestar], path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert (policy["script-src"], policy["style-src"], policy["frame-ancestors"]) == ("'self'", "'self'", "'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in headers
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-trace-id"])
    assert headers["server"] == "web"
    assert not re.search("billwright|litestar|granian|python", str(headers.raw), re.IGNORECASE)


def test_https_is_made_to_stay(make_client: Callable[..., TestClient[Litestar]]) -> None:
    client = make_client(BILLWRIGHT_BASE_URL="https://billing.example")
    assert client.get("/health/live").headers["strict-transport-security"].startswith("max-age=63072000")


def test_the_callers_trace_id_is_kept(client: TestClient[Litestar]) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    given = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = client.get("/v1/notes", headers=given)
    assert answer.headers["x-trace-id"] == answer.json()["trace_id"] == trace_id
    for wrong in (f"00-{'0' * 32}-00f067aa0ba902b7-01", "nonsense", f"00-{trace_id}"):
        assert client.get("/health/live", headers={"traceparent": wrong}).headers["x-trace-id"] not in wrong


def test_a_request_is_one_line_without_secrets(client: TestClient[Litestar], token: str, tenant: Tenant) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        answer = client.post(
            f"/v1/notes?key={SECRET}", json={"text": "slow", "more": {SECRET: 1}}, headers=bearer(token)
        )
    assert answer.status_code == 201
    inner, line = logs
    assert inner["event"] == "working"
    assert inner["tenant"] == line["tenant"] == tenant.slug
    assert inner["trace_id"] == line["trace_id"] == answer.headers["x-trace-id"]
    assert (line["event"], line["route"], line["status"], line["method"]) == ("request", "/v1/notes", 201, "POST")
    assert line["queries"] >= 3
    assert line["ms"] >= 0
    assert SECRET not in str(logs)
    assert token not in str(logs)


def test_ready_checks_database_migrations_and_redis(
    make_client: Callable[..., TestClient[Litestar]], redis_url: str
) -> None:
    client = make_client(REDIS_URL=redis_url)
    answer = client.get("/health/ready")
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "migrations": "ok", "redis": "ok"}}
    for broker, name in (("redis://127.0.0.1:1/0", "redis"), ("amqp://guest:guest@127.0.0.1:1/", "rabbitmq")):
        without = make_client(BILLWRIGHT_BROKER_URL=broker).get("/health/ready")
        assert (without.status_code, without.json()["status"]) == (200, "degraded")  # what comes waits as rows
        assert without.json()["checks"][name].endswith("does not answer; jobs wait")


def test_metrics_name_routes_and_tenants(
    client: TestClient[Litestar], token: str, tenant: Tenant, database: Database
) -> None:
    from billwright.jobs.enqueue import enqueue
    from billwright.kernel.actor import SYSTEM
    from billwright.kernel.events import JobSpec

    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.evaluate", key="k")])
    client.get("/v1/notes", headers=bearer(token))
    client.get("/v1/notes")
    text = client.get("/metrics").text
    assert (
        f'billwright_requests_total{{method="GET",route="/v1/notes",status="200",tenant="{tenant.slug}"}} 1.0' in text
    )
    assert 'billwright_requests_total{method="GET",route="/v1/notes",status="401",tenant=""} 1.0' in text
    assert 'billwright_request_seconds_count{method="GET",route="/v1/notes"} 2.0' in text
    assert f'billwright_tenant_request_seconds_count{{tenant="{tenant.slug}"}} 1.0' in text
    assert f'billwright_jobs{{queue="billing",state="queued",tenant="{tenant.slug}"}} 1.0' in text
    assert "billwright_database_up 1.0" in text


def test_metrics_are_not_for_whoever_comes_through_a_proxy(client: TestClient[Litestar]) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 404


def test_the_description_is_openapi_3_1_and_white_label(client: TestClient[Litestar]) -> None:
    answer = client.get("/schema/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Invoice automation API"
    assert {"/v1/tokens", "/v1/partners/{partner}/tenants", "/v1/notes"} <= set(document["paths"])
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "litestar" not in answer.text.lower()


def test_the_description_can_be_browsed_without_another_host(client: TestClient[Litestar]) -> None:
    page = client.get("/schema").text
    assert "Invoice automation API" in page
    links = re.findall(r'(?:src|href|data-url)="([^"]+)"', page)
    assert "/schema/openapi.json" in links
    for link in links:
        assert link.startswith(("/", "data:")), link
        if link.startswith("/"):
            assert client.get(link).status_code == 200, link
    assert not re.search(r"<script>|style=|\son\w+=", page)


def test_a_listener_is_not_added_twice(tmp_path: Path, database: Database) -> None:
    from sqlalchemy import event

    from billwright.web import logging as shell

    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    shell.count_queries(engine)
    shell.count_queries(engine)
    event.remove(engine, "before_cursor_execute", shell._count_query)
    assert not event.contains(engine, "before_cursor_execute", shell._count_query)


def test_people_in_tests_have_real_passwords(database: Database, people: People) -> None:
    person = people.person("ada@example.com")
    with control_transaction(database, operator()) as tx:
        kept = tx.session.scalars(select(PersonRow.password_hash).where(PersonRow.id == person)).one()
    assert kept is not None
    assert PASSWORD not in kept
