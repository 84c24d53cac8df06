"""Garbage on every POST of the API's description: always a problem document, never a 500."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from billwright.identity.api import CONTROLLERS as IDENTITY
from billwright.identity.permissions import TENANT_ROLES
from billwright.tenancy.transaction import Tenant
from billwright.web.composition import controllers, dependencies
from billwright_tenants.api import CONTROLLERS as ONBOARDING
from support.http import People, bearer, settings_for

NESTED: dict[str, Any] = {}
for _ in range(300):
    NESTED = {"a": [NESTED]}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"   ",
    "cut short": b'{"a": ',
    "two values": b"{} {}",
    "bare word": b"nonsense",
    "NaN": b"NaN",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "Latin-1": '{"name": "Müller"}'.encode("latin-1"),
    "NUL": b'{"name": "a\\u0000b"}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "number": b"42",
    "huge number": b"9" * 5_000,
    "text": b'"text"',
    "null": b"null",
    "list": b"[]",
    "list of lists": b"[[[]]]",
    "list of nulls": b"[null, null]",
    "empty object": b"{}",
    "unknown fields": b'{"colour": "red", "__proto__": {}}',
    "duplicate keys": b'{"a": 1, "a": 2}',
    "deep": json.dumps(NESTED).encode(),
    "very deep": b"[" * 200_000,
    "form": b"a=1&b=2",
    "20 MB": b'{"a": "' + b"x" * 20_000_000 + b'"}',
}
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "\x01",
    "9999-99-99",
    [],
    {},
    [None],
    {"a": 1},
    "€" * 300,
)


def operations(client: TestClient[Litestar]) -> list[tuple[str, dict[str, Any]]]:
    """(address with placeholders filled, operation) of every POST in the description."""
    document = client.get("/schema/openapi.json").json()
    return [(path, methods["post"]) for path, methods in sorted(document["paths"].items()) if "post" in methods]


def fields_of(client: TestClient[Litestar], operation: dict[str, Any]) -> list[str]:
    """Field names of the operation's body."""
    document = client.get("/schema/openapi.json").json()
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return sorted(document["components"]["schemas"].get(name, {}).get("properties", {}))


@pytest.fixture
def api(make_client: Callable[..., TestClient[Litestar]], tmp_path: Any) -> TestClient[Litestar]:
    """All controllers of the install; those of identity and onboarding are the client's already."""
    mounted = [each for each in controllers() if each not in (*IDENTITY, *ONBOARDING)]
    key = "a master key for tests, long enough"
    return make_client(*mounted, dependencies=dependencies(settings_for(tmp_path)), BILLWRIGHT_MASTER_KEY=key)


@pytest.fixture
def callers(people: People, tenant: Tenant) -> tuple[dict[str, str], dict[str, str]]:
    """Headers of a tenant's token (as an approver may not do all, one that may do most) and of a partner's."""
    roles = sorted(set(TENANT_ROLES) - {"manager_approver", "finance_approver"})
    inside = people.token("all@example.com", *roles, tenant=tenant)
    return bearer(inside), bearer(people.token("owner@msp.example", "owner"))


def send(
    api: TestClient[Litestar], path: str, body: bytes, callers: tuple[dict[str, str], dict[str, str]], partner: str
) -> None:
    """One request; refused in words, or taken, but never a 500."""
    inside, at_partner = callers
    address = re.sub(r"\{[^}]+\}", "x", path.replace("{partner}", partner))
    headers = at_partner if path.startswith("/v1/partners/") else inside
    answer = api.post(address, content=body, headers=headers | {"Content-Type": "application/json"})
    shown = f"{address} {body[:80]!r}: {answer.text[:300]}"
    assert answer.status_code < 500, shown
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["type"].startswith("/problems/"), shown
        assert problem["status"] == answer.status_code
        assert problem["detail"], shown


@pytest.mark.parametrize("name", BODIES)
def test_garbage_is_refused_everywhere(
    api: TestClient[Litestar], callers: tuple[dict[str, str], dict[str, str]], people: People, name: str
) -> None:
    partner = people.partner_slug
    found = operations(api)
    assert len(found) >= 6
    for path, _ in found:
        send(api, path, BODIES[name], callers, partner)


def test_wrong_types_are_refused_field_by_field(
    api: TestClient[Litestar], callers: tuple[dict[str, str], dict[str, str]], people: People
) -> None:
    partner = people.partner_slug
    for path, operation in operations(api):
        for field in fields_of(api, operation):
            for value in WRONG:
                send(api, path, json.dumps({field: value}).encode(), callers, partner)


def test_random_json_is_refused_everywhere(
    api: TestClient[Litestar], callers: tuple[dict[str, str], dict[str, str]], people: People
) -> None:
    partner = people.partner_slug
    found = [(path, fields_of(api, operation)) for path, operation in operations(api)]
    leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        path, fields = data.draw(st.sampled_from(found))
        names = st.sampled_from(fields) if fields else st.text(max_size=5)
        anything = st.recursive(
            leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
        )
        body = data.draw(st.dictionaries(names, anything, max_size=6) | st.lists(anything, max_size=3))
        send(api, path, json.dumps(body).encode(), callers, partner)

    attack()
