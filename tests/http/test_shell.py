"""What every request meets: authentication, problem documents, headers, limits, logs, metrics, the API's description."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from litestar import Controller, Litestar, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.testing import TestClient
from msgspec import Struct
from sqlalchemy import create_engine, select
from structlog.testing import capture_logs

from billwright.identity.act import operator
from billwright.identity.grant_access import grant_access
from billwright.identity.tables import PersonRow
from billwright.kernel.actor import Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import ConflictError
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.app import make_app
from billwright.web.services import Services
from billwright_tenants.life_cycle import suspend_tenant
from support.http import PASSWORD, People, bearer, client_of, settings_for

SECRET = "s3cret-in-a-body"


class NoteIn(Struct, forbid_unknown_fields=True):
    text: str
    amount: int = 0
    more: dict[str, Any] = {}


class NoteController(Controller):
    """A room's controller as small as can be."""

    path = "/v1/notes"

    @get(sync_to_thread=True)
    def show(self, tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]) -> dict[str, Any]:
        return {"tenant": tenant.slug, "actor": actor.name, "kind": actor.kind}

    @post(sync_to_thread=True)
    def make(
        self,
        data: JSONBody[NoteIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> dict[str, Any]:
        actor.require("invoice:submit")
        if data.text == "crash":
            raise RuntimeError(f"a bug near {SECRET}")
        if data.text == "conflict":
            raise ConflictError("It is closed already; open a new one.", state="closed", nothing=None)
        if data.text == "slow":
            structlog.get_logger().info("working")
        with transaction(database, tenant, actor) as tx:
            return {"now": tx.now.isoformat(), "depth": len(data.more)}


class PageController(Controller):
    @get("/t/{tenant_slug:str}/page", sync_to_thread=True)
    def show(self, actor: NamedDependency[Actor], tenant: NamedDependency[Tenant]) -> str:
        return f"{actor.name} in {tenant.slug}"

    @post("/t/{tenant_slug:str}/page", sync_to_thread=True)
    def change(self, tenant: NamedDependency[Tenant]) -> str:
        return tenant.slug

    @post("/open", exclude_from_auth=True, sync_to_thread=False)
    def anyone(self) -> str:
        return "come in"


@pytest.fixture
def client(make_client: Callable[..., TestClient[Litestar]]) -> TestClient[Litestar]:
    return make_client(NoteController, PageController)


@pytest.fixture
def token(people: People, tenant: Tenant) -> str:
    return people.token("clerk@example.com", "billing_clerk", tenant=tenant)


# --- who is calling


def test_a_token_decides_the_tenant(client: TestClient[Litestar], token: str, tenant: Tenant) -> None:
    answer = client.get("/v1/notes", headers=bearer(token))
    assert answer.json() == {"tenant": tenant.slug, "actor": "Clerk (test)", "kind": "token"}
    assert client.get("/v1/notes", headers=bearer(token, billwright_tenant=tenant.slug)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer bw_00000000000000000000000000000000_x"},
        {"Authorization": "Basic Zm9vOmJhcg=="},
        {"Cookie": "session=nonsense"},
    ],
)
def test_strangers_get_401_without_a_hint(client: TestClient[Litestar], headers: dict[str, str]) -> None:
    answer = client.get("/v1/notes", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"], body["instance"]) == ("/problems/not-authenticated", 401, "/v1/notes")
    assert body["trace_id"] == answer.headers["x-trace-id"]


def test_expired_revoked_and_unknown_tokens_are_told_alike(
    client: TestClient[Litestar], people: People, tenant: Tenant, token: str, clock: SetClock
) -> None:
    def refusal(secret: str) -> dict[str, Any]:
        answer = client.get("/v1/notes", headers=bearer(secret))
        assert answer.status_code == 401
        return {name: value for name, value in answer.json().items() if name != "trace_id"}

    other = people.token("c@example.com", "collector", tenant=tenant)
    listed = client.get("/v1/tokens", headers=bearer(other)).json()["items"]
    assert client.delete(f"/v1/tokens/{listed[0]['id']}", headers=bearer(other)).status_code == 204
    revoked = refusal(other)
    clock.moment += timedelta(days=40)
    assert revoked == refusal(token) == refusal("bw_" + "0" * 32 + "_x")


def test_another_tenants_things_are_not_there(
    client: TestClient[Litestar], token: str, make_tenant: Callable[..., Tenant]
) -> None:
    other = make_tenant("Other")
    unknown = client.get("/v1/notes", headers=bearer(token, billwright_tenant="no-such-tenant"))
    foreign = client.get("/v1/notes", headers=bearer(token, billwright_tenant=other.slug))
    assert (unknown.status_code, foreign.status_code) == (404, 404)
    assert unknown.json()["detail"] == foreign.json()["detail"]


def test_the_wrong_scope_is_403_and_names_the_permission(
    client: TestClient[Litestar], people: People, tenant: Tenant
) -> None:
    reader = people.token("r@example.com", "auditor", tenant=tenant)
    answer = client.post("/v1/notes", json={"text": "x"}, headers=bearer(reader))
    assert answer.status_code == 403
    assert answer.json()["permission"] == "invoice:submit"


def test_a_suspended_tenant_is_403(
    client: TestClient[Litestar], token: str, people: People, tenant: Tenant, database: Database
) -> None:
    suspend_tenant(database, people.partner_slug, tenant.slug, operator(), reason="unpaid")
    answer = client.get("/v1/notes", headers=bearer(token))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/tenant-suspended")


def test_a_partner_token_needs_a_tenant_and_a_grant(
    client: TestClient[Litestar], people: People, tenant: Tenant, database: Database
) -> None:
    token = people.token("ops@msp.example", "operator")
    assert client.get("/v1/notes", headers=bearer(token)).json()["field"] == "Billwright-Tenant"
    inside = bearer(token, billwright_tenant=tenant.slug)
    assert client.get("/v1/notes", headers=inside).status_code == 404
    grant_access(
        database,
        operator(),
        partner_id=tenant.partner_id,
        tenant_slug=tenant.slug,
        person_id=people.person("ops@msp.example"),
        role="billing_clerk",
        reason="Closing the month",
        hours=1,
    )
    assert client.get("/v1/notes", headers=inside).json()["kind"] == "partner_staff"


def test_what_is_public_lets_strangers_and_broken_cookies_in(client: TestClient[Litestar]) -> None:
    assert client.post("/open").text == "come in"
    assert client.post("/open", headers={"Cookie": "session=nonsense"}).text == "come in"


# --- sessions and forms


def cookie(people: People, email: str) -> tuple[dict[str, str], str]:
    opened = people.session(email)
    return {"Cookie": f"session={opened.secret}"}, opened.csrf


def test_a_session_reaches_its_tenants_pages(
    client: TestClient[Litestar], people: People, tenant: Tenant, make_tenant: Callable[..., Tenant]
) -> None:
    people.person("ada@example.com", "billing_clerk", tenant=tenant)
    headers, _ = cookie(people, "ada@example.com")
    assert client.get(f"/t/{tenant.slug}/page", headers=headers).text == f"Ada in {tenant.slug}"
    assert client.get(f"/t/{make_tenant('Other').slug}/page", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("extra", "form", "status"),
    [
        ({}, {}, 403),
        ({"X-CSRF-Token": "wrong"}, {}, 403),
        ({}, {"csrf": "wrong"}, 403),
        ({"X-CSRF-Token": "RIGHT"}, {}, 201),
        ({}, {"csrf": "RIGHT"}, 201),
        ({"X-CSRF-Token": "RIGHT", "Origin": "https://evil.example"}, {}, 403),
        ({"X-CSRF-Token": "RIGHT", "Sec-Fetch-Site": "cross-site"}, {}, 403),
        ({"X-CSRF-Token": "RIGHT", "Origin": "http://testserver.local", "Sec-Fetch-Site": "same-origin"}, {}, 201),
    ],
)
def test_forms_of_a_session_prove_where_they_come_from(
    client: TestClient[Litestar],
    people: People,
    tenant: Tenant,
    extra: dict[str, str],
    form: dict[str, str],
    status: int,
) -> None:
    people.person("ada@example.com", "billing_clerk", tenant=tenant)
    headers, csrf = cookie(people, "ada@example.com")
    sent = {name: csrf if value == "RIGHT" else value for name, value in extra.items()}
    data = {name: csrf if value == "RIGHT" else value for name, value in form.items()}
    answer = client.post(f"/t/{tenant.slug}/page", headers=headers | sent, data=data)
    assert answer.status_code == status, answer.text


def test_a_foreign_site_cannot_log_anybody_in(client: TestClient[Litestar]) -> None:
    assert client.post("/open", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_token_in_a_request_needs_no_csrf(client: TestClient[Litestar], token: str, tenant: Tenant) -> None:
    assert client.post(f"/t/{tenant.slug}/page", headers=bearer(token)).status_code == 201


def test_a_browser_is_sent_to_log_in(client: TestClient[Litestar], tenant: Tenant) -> None:
    html = {"Accept": "text/html"}
    answer = client.get(f"/t/{tenant.slug}/page", headers=html)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next=/t/{tenant.slug}/page")
    part = client.get(f"/t/{tenant.slug}/page", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/login")
    assert client.get("/v1/notes", headers=html).status_code == 401


# --- problems


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


# --- headers, trace, log


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
    assert not re.search("billwright|litestar", str(headers.raw), re.IGNORECASE)


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


# --- looking in


def test_ready_checks_database_migrations_and_redis(
    make_client: Callable[..., TestClient[Litestar]], redis_url: str
) -> None:
    client = make_client(REDIS_URL=redis_url)
    answer = client.get("/health/ready")
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "migrations": "ok", "redis": "ok"}}
    without = make_client(REDIS_URL="redis://127.0.0.1:1/0").get("/health/ready")
    assert (without.status_code, without.json()["checks"]["redis"]) == (503, "Redis does not answer")


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
