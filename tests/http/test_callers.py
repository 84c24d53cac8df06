"""Who is calling, and for which tenant: tokens, sessions, forms."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from billwright.identity.act import operator
from billwright.identity.grant_access import grant_access
from billwright.identity.make_token import make_token
from billwright.kernel.clock import SetClock
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from billwright_tenants.life_cycle import suspend_tenant
from support.http import People, bearer
from support.intake import counted_statements
from support.rooms import NoteController, PageController


@pytest.fixture
def client(make_client: Callable[..., TestClient[Litestar]]) -> TestClient[Litestar]:
    return make_client(NoteController, PageController)


@pytest.fixture
def token(people: People, tenant: Tenant) -> str:
    return people.token("clerk@example.com", "billing_clerk", tenant=tenant)


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


def test_a_token_of_the_tenant_is_known_by_one_query(
    client: TestClient[Litestar], people: People, token: str, tenant: Tenant, database: Database
) -> None:
    machine = make_token(
        database,
        operator(),
        partner_id=people.partner_id,
        tenant=tenant,
        name="a system",
        scopes=frozenset({"invoice:read"}),
        days=1,
    )
    for secret in (token, machine.secret):
        client.get("/v1/notes", headers=bearer(secret))  # writes down when it was used last, once a minute
        for headers in (bearer(secret), bearer(secret, billwright_tenant=tenant.slug)):
            with counted_statements(database) as statements:
                client.get("/v1/notes", headers=headers)
            assert len(statements) == 1, statements


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
