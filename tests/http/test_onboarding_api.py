"""Onboarding over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from billwright.tenancy.transaction import Tenant
from support.http import People, bearer


@pytest.fixture
def slug(people: People) -> str:
    return f"t-{people.partner_id.hex[-12:]}"


@pytest.fixture
def body(slug: str) -> dict[str, Any]:
    entity = {"code": "A", "name": "A Ltd", "country": "GB", "currency": "GBP", "time_zone": "Europe/London"}
    users = [{"email": "admin@acme.example", "name": "Ada", "roles": ["tenant_administrator"]}]
    return {"tenant": {"slug": slug, "name": "Acme"}, "legal_entities": [entity], "users": users}


@pytest.fixture
def address(people: People) -> str:
    return f"/v1/partners/{people.partner_slug}/tenants"


@pytest.fixture
def admin(people: People) -> dict[str, str]:
    return bearer(people.token("boss@msp.example", "administrator"))


def test_a_tenant_is_made_shown_listed_suspended_resumed(
    client: TestClient[Litestar], address: str, admin: dict[str, str], body: dict[str, Any], slug: str
) -> None:
    made = client.post(address, json=body, headers=admin)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{address}/{slug}"
    assert made.json()["changes"][0] == f"tenant {slug} created"
    again = client.post(address, json=body, headers=admin)
    assert (again.status_code, again.json()["created"], again.json()["changes"]) == (200, False, [])

    shown = client.get(made.headers["location"], headers=admin).json()
    assert (shown["id"], shown["state"], shown["sandbox"]) == (made.json()["id"], "active", False)
    assert client.get(address, headers=admin).json() == {"items": [shown], "next_cursor": None}
    suspended = client.post(f"{address}/{slug}/suspend", json={"reason": "unpaid"}, headers=admin)
    assert (suspended.status_code, suspended.json()["state"]) == (200, "suspended")
    assert client.post(f"{address}/{slug}/resume", headers=admin).json()["state"] == "active"


def test_a_dry_run_makes_nothing(
    client: TestClient[Litestar], address: str, admin: dict[str, str], body: dict[str, Any]
) -> None:
    planned = client.post(address, params={"dry_run": "true"}, json=body, headers=admin)
    assert (planned.status_code, planned.json()["dry_run"], planned.json()["created"]) == (200, True, True)
    assert client.get(address, headers=admin).json()["items"] == []


def test_all_problems_are_told_at_once(
    client: TestClient[Litestar], address: str, admin: dict[str, str], body: dict[str, Any]
) -> None:
    body["tenant"]["colour"] = "red"
    body["legal_entities"][0]["currency"] = "euro"
    body["users"][0]["roles"] = "all"
    shape = client.post(address, json=body, headers=admin)
    assert (shape.status_code, shape.json()["type"]) == (422, "/problems/blueprint-invalid")
    fields = [each.partition(":")[0] for each in shape.json()["problems"]]
    assert fields == ["tenant.colour", "legal_entities[0].currency", "users[0].roles"]

    del body["tenant"]["colour"]
    body["legal_entities"][0] |= {"currency": "EUX", "time_zone": "Mars/Base"}
    body["users"][0]["roles"] = ["tenant_administrator", "finance_approver"]
    content = client.post(address, json=body, headers=admin).json()
    fields = [each.partition(":")[0] for each in content["problems"]]
    assert fields == ["legal_entities[0].currency", "legal_entities[0].time_zone", "users[0].roles"]
    assert content["field"] == "legal_entities[0].currency"


def test_a_rate_in_json_stays_exact(
    client: TestClient[Litestar], address: str, admin: dict[str, str], body: dict[str, Any]
) -> None:
    text = json.dumps(body).replace('"code"', '"standard_tax_rate": 8.10, "code"')
    answer = client.post(address, content=text, headers=admin | {"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text


def test_a_key_makes_onboarding_safe_to_repeat(
    client: TestClient[Litestar], address: str, admin: dict[str, str], body: dict[str, Any]
) -> None:
    headers = admin | {"Idempotency-Key": "onboard acme"}
    first = client.post(address, json=body, headers=headers)
    again = client.post(address, json=body, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(("role", "status"), [("support", 403), ("billing", 403), ("operator", 403), ("owner", 201)])
def test_only_some_partner_roles_onboard(
    client: TestClient[Litestar], people: People, address: str, body: dict[str, Any], role: str, status: int
) -> None:
    token = bearer(people.token("who@msp.example", role))
    assert client.post(address, json=body, headers=token).status_code == status
    assert client.get(address, headers=token).status_code == 200


def test_partners_and_tenants_of_others_are_not_there(
    client: TestClient[Litestar],
    people: People,
    address: str,
    admin: dict[str, str],
    body: dict[str, Any],
    make_tenant: Callable[..., Tenant],
) -> None:
    inside = bearer(people.token("a@example.com", "tenant_administrator", tenant=make_tenant()))
    assert client.post(address, json=body, headers=inside).status_code == 404
    assert client.post("/v1/partners/somebody-else/tenants", json=body, headers=admin).status_code == 404
    assert client.get("/v1/partners/somebody-else/tenants", headers=admin).status_code == 404
    assert client.get(f"{address}/no-such-tenant", headers=admin).status_code == 404
    assert client.post(f"{address}/no-such-tenant/resume", headers=admin).status_code == 404
    assert client.post(address, json=body).status_code == 401
