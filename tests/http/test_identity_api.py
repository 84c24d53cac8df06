"""Tokens, grants and roles over HTTP."""

from litestar import Litestar
from litestar.testing import TestClient

from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tenant
from support.http import People, bearer


def test_a_token_is_made_shown_once_used_listed_and_revoked(
    client: TestClient[Litestar], people: People, tenant: Tenant
) -> None:
    maker = bearer(people.token("ida@example.com", "integration_administrator", tenant=tenant))
    wanted = {"name": "PSA feed", "scopes": ["message:write"], "days": 30}
    made = client.post("/v1/tokens", json=wanted, headers=maker)
    assert made.status_code == 201
    token = made.json()

    me = client.get("/v1/me", headers=bearer(token["token"])).json()
    assert (me["email"], me["kind"], me["tenant"]) == ("ida@example.com", "token", tenant.slug)
    assert me["permissions"] == ["message:write"]
    listed = client.get("/v1/tokens", headers=maker)
    assert token["token"] not in listed.text
    assert [each["name"] for each in listed.json()["items"]] == ["PSA feed", "test"]
    assert client.delete(f"/v1/tokens/{token['id']}", headers=maker).status_code == 204
    assert client.get("/v1/me", headers=bearer(token["token"])).status_code == 401


def test_a_token_beyond_ones_own_rights_is_403(client: TestClient[Litestar], people: People, tenant: Tenant) -> None:
    maker = bearer(people.token("c@example.com", "collector", tenant=tenant))
    answer = client.post("/v1/tokens", json={"name": "x", "scopes": ["user:write"], "days": 1}, headers=maker)
    assert (answer.status_code, answer.json()["permission"]) == (403, "user:write")


def test_a_tenants_token_makes_no_partner_token(client: TestClient[Litestar], people: People, tenant: Tenant) -> None:
    maker = bearer(people.token("c@example.com", "collector", tenant=tenant))
    wanted = {"name": "x", "scopes": ["tenant:read"], "days": 1}
    address = f"/v1/partners/{people.partner_slug}/tokens"
    assert client.post(address, json=wanted, headers=maker).status_code == 404


def test_lists_are_paged_by_an_opaque_cursor(client: TestClient[Litestar], people: People, tenant: Tenant) -> None:
    headers = bearer(people.token("c@example.com", "collector", tenant=tenant))
    for number in range(4):
        body = {"name": f"t{number}", "scopes": ["invoice:read"], "days": 1}
        assert client.post("/v1/tokens", json=body, headers=headers).status_code == 201
    names, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/tokens", params=query, headers=headers).json()
        names += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["t3", "t2", "t1", "t0", "test"]
    for wrong in ({"limit": 0}, {"limit": 201}, {"limit": "x"}, {"cursor": "nonsense"}, {"cursor": "Wzdd"}):
        answer = client.get("/v1/tokens", params=wrong, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (422, next(iter(wrong)))


def test_staff_enter_by_a_grant_that_the_tenant_sees_and_ends(
    client: TestClient[Litestar], people: People, tenant: Tenant
) -> None:
    staff = bearer(people.token("ops@msp.example", "operator"), billwright_tenant=tenant.slug)
    admin = bearer(people.token("admin@example.com", "tenant_administrator", tenant=tenant))
    address = f"/v1/partners/{people.partner_slug}/tenants/{tenant.slug}/grants"
    wanted = {"role": "billing_clerk", "reason": "Closing the month together", "hours": 4}
    made = client.post(address, json=wanted, headers=staff)
    assert made.status_code == 201

    me = client.get("/v1/me", headers=staff).json()
    assert (me["kind"], me["acting_for"]) == ("partner_staff", "Test Partner")
    (seen,) = client.get("/v1/grants", headers=admin).json()
    assert (seen["id"], seen["email"], seen["revoked_at"]) == (made.json()["id"], "ops@msp.example", None)
    assert client.delete(f"/v1/grants/{seen['id']}", headers=admin).status_code == 204
    assert client.get("/v1/me", headers=staff).status_code == 404
    (ended,) = client.get("/v1/grants", headers=admin).json()
    assert ended["revoked_by"] == "Admin (test)"


def test_another_partners_address_is_not_there(client: TestClient[Litestar], people: People, tenant: Tenant) -> None:
    staff = bearer(people.token("ops@msp.example", "operator"))
    wanted = {"role": "auditor", "reason": "Looking around a bit", "hours": 4}
    assert (
        client.post(f"/v1/partners/other/tenants/{tenant.slug}/grants", json=wanted, headers=staff).status_code == 404
    )
    address = f"/v1/partners/{people.partner_slug}/tenants/no-such-tenant/grants"
    assert client.post(address, json=wanted, headers=staff).status_code == 404


def test_roles_are_given_and_taken(client: TestClient[Litestar], people: People, tenant: Tenant) -> None:
    admin = bearer(people.token("admin@example.com", "tenant_administrator", tenant=tenant))
    person = show("per", people.person("new@example.com"))
    address = f"/v1/people/{person}/roles"
    assert client.put(f"{address}/manager_approver", headers=admin).status_code == 204
    toxic = client.put(f"{address}/billing_clerk", headers=admin)
    assert (toxic.status_code, toxic.json()["type"]) == (403, "/problems/segregation-of-duties")
    assert client.put(f"{address}/king", headers=admin).json()["type"] == "/problems/role-unknown"
    assert client.delete(f"{address}/manager_approver", headers=admin).status_code == 204
    assert client.put(f"{address}/billing_clerk", headers=admin).status_code == 204
    assert client.put("/v1/people/per_nonsense/roles/auditor", headers=admin).status_code == 404
