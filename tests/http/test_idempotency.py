"""``Idempotency-Key``: done once, answered the same every time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from litestar import Controller, Litestar, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.testing import TestClient
from sqlalchemy import select

from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.database import Database
from billwright.tenancy.tables import IdempotencyRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright.web.idempotency import Stored, claim, finish, purge_answers
from support.http import People, bearer

KEY = {"Idempotency-Key": "order-4711"}


@dataclass
class Till:
    """What the route counts, and a gate at which it may wait."""

    rung: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    inside: threading.Event = field(default_factory=threading.Event)


class TillController(Controller):
    @post("/v1/till", sync_to_thread=True)
    def ring(
        self, data: JSONBody[dict[str, Any]], till: NamedDependency[Till], actor: NamedDependency[Actor]
    ) -> Response[Any]:
        till.rung += 1
        if data.get("wait"):
            till.inside.set()
            assert till.gate.wait(20)
        if data.get("crash"):
            raise RuntimeError("a bug")
        if data.get("refuse"):
            raise InputInvalidError("Not that.", field="refuse")
        if data.get("binary"):
            return Response(b"\xff\xfe", media_type="application/octet-stream")
        return Response({"rung": till.rung}, status_code=201, headers={"Location": f"/v1/till/{till.rung}"})

    @get("/v1/till", sync_to_thread=True)
    def count(self, till: NamedDependency[Till], actor: NamedDependency[Actor]) -> int:
        return till.rung


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def client(make_client: Callable[..., TestClient[Litestar]], till: Till) -> TestClient[Litestar]:
    return make_client(TillController, dependencies={"till": till})


@pytest.fixture
def token(people: People, tenant: Tenant) -> str:
    return people.token("clerk@example.com", "billing_clerk", tenant=tenant)


def test_the_same_key_is_done_once_and_answered_alike(client: TestClient[Litestar], token: str, till: Till) -> None:
    headers = bearer(token) | KEY
    first = client.post("/v1/till", json={"a": 1}, headers=headers)
    again = client.post("/v1/till", json={"a": 1}, headers=headers)
    assert till.rung == 1
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, b'{"rung":1}')
    assert again.headers["location"] == first.headers["location"] == "/v1/till/1"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert "content-security-policy" in again.headers


def test_without_a_key_each_counts(client: TestClient[Litestar], token: str, till: Till) -> None:
    for _ in range(2):
        client.post("/v1/till", json={}, headers=bearer(token))
    assert till.rung == 2


def test_another_body_under_the_key_is_refused(client: TestClient[Litestar], token: str, till: Till) -> None:
    headers = bearer(token) | KEY
    client.post("/v1/till", json={"a": 1}, headers=headers)
    other = client.post("/v1/till", json={"a": 2}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-conflict")
    query = client.post("/v1/till?dry_run=true", json={"a": 1}, headers=headers)
    assert query.status_code == 422
    assert till.rung == 1


def test_a_refusal_is_answered_again_a_crash_is_tried_again(
    client: TestClient[Litestar], token: str, till: Till
) -> None:
    for _ in range(2):
        refused = client.post("/v1/till", json={"refuse": 1}, headers=bearer(token) | KEY)
        assert refused.status_code == 422
    assert till.rung == 1
    for _ in range(2):
        crashed = client.post("/v1/till", json={"crash": 1}, headers=bearer(token) | {"Idempotency-Key": "b"})
        assert crashed.status_code == 500
    assert till.rung == 3


def test_a_twin_at_the_same_time_is_told_to_wait(client: TestClient[Litestar], token: str, till: Till) -> None:
    def ring() -> Any:
        return client.post("/v1/till", json={"wait": 1}, headers=bearer(token) | KEY)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ring)
        assert till.inside.wait(20)
        twin = ring()
        till.gate.set()
        assert first.result().status_code == 201
    assert (twin.status_code, twin.json()["type"]) == (409, "/problems/idempotency-busy")
    assert ring().headers["idempotent-replayed"] == "true"
    assert till.rung == 1


def test_a_crowd_is_served_once(client: TestClient[Litestar], token: str, till: Till) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: client.post("/v1/till", json={}, headers=bearer(token) | KEY).status_code, range(12))
        )
    assert till.rung == 1
    assert set(answers) <= {201, 409}
    assert 201 in answers


def test_a_claim_left_by_a_crash_is_free_after_a_minute(
    client: TestClient[Litestar], token: str, till: Till, database: Database, clock: SetClock
) -> None:
    headers = bearer(token) | KEY
    client.post("/v1/till", json={}, headers=headers)
    with control_transaction(database, SYSTEM) as tx:
        row = tx.session.scalars(
            select(IdempotencyRow)
            .where(IdempotencyRow.key == KEY["Idempotency-Key"])
            .order_by(IdempotencyRow.created_at.desc(), IdempotencyRow.scope.desc())
            .limit(1)
        ).one()
        scope, digest = row.scope, row.body_sha256
    key = "left-behind"
    claimed = claim(database, scope, key, digest)
    busy = client.post("/v1/till", json={}, headers=bearer(token) | {"Idempotency-Key": key})
    assert busy.status_code == 409
    clock.moment += timedelta(seconds=60)
    assert client.post("/v1/till", json={}, headers=bearer(token) | {"Idempotency-Key": key}).status_code == 201
    # The one that was thought dead comes back: it touches nothing that is not its own any more.
    assert not isinstance(claimed, Stored)
    finish(database, scope, key, claimed, Stored(200, {}, "late"))
    finish(database, scope, key, claimed, None)
    again = client.post("/v1/till", json={}, headers=bearer(token) | {"Idempotency-Key": key})
    assert again.content == b'{"rung":2}'


def test_keys_of_callers_never_meet(
    client: TestClient[Litestar], token: str, people: People, till: Till, make_tenant: Callable[..., Tenant]
) -> None:
    other = people.token("clerk@example.com", "billing_clerk", tenant=make_tenant("Other"))
    for each in (token, other):
        answer = client.post("/v1/till", json={}, headers=bearer(each) | KEY)
        assert "idempotent-replayed" not in answer.headers
    assert till.rung == 2


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_key_has_its_measure(client: TestClient[Litestar], token: str, key: str) -> None:
    answer = client.post("/v1/till", json={}, headers=bearer(token) | {"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


def test_what_cannot_be_kept_is_not_claimed_for_ever(client: TestClient[Litestar], token: str, till: Till) -> None:
    for _ in range(2):
        assert client.post("/v1/till", json={"binary": 1}, headers=bearer(token) | KEY).content == b"\xff\xfe"
    assert till.rung == 2


def test_a_get_ignores_the_key(client: TestClient[Litestar], token: str) -> None:
    for _ in range(2):
        assert "idempotent-replayed" not in client.get("/v1/till", headers=bearer(token) | KEY).headers


def test_answers_are_forgotten_after_a_day(
    client: TestClient[Litestar], token: str, till: Till, database: Database, clock: SetClock
) -> None:
    headers = bearer(token) | KEY
    client.post("/v1/till", json={"a": 1}, headers=headers)
    clock.moment += timedelta(hours=24)
    assert client.post("/v1/till", json={"a": 2}, headers=headers).json() == {"rung": 2}
    clock.moment += timedelta(hours=24)
    assert purge_answers(database) >= 1
    assert purge_answers(database) == 0
