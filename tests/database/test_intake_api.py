"""Messages and webhooks over HTTP, on the real app."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from billwright.intake.api import CONTROLLERS
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant, transaction
from billwright.web.app import make_app
from billwright.web.services import Services
from support.http import People, bearer, client_of, settings_for
from support.intake import make_connection, message, store, store_and_apply

MASTER = "a-master-key-for-tests-of-48-characters-or-so-123"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CUSTOMER = message("customer", 1, ref="C1", name="Customer")

Client = TestClient[Litestar]


@pytest.fixture
def client(database: Database, tmp_path: Path) -> Iterator[Client]:
    settings = settings_for(tmp_path, BILLWRIGHT_MASTER_KEY=MASTER)
    with client_of(make_app(Services(settings=settings, database=database), CONTROLLERS)) as opened:
        yield opened


@pytest.fixture
def token(people: People, tenant: Tenant) -> str:
    return people.token("ops@example.org", "integration_administrator", tenant=tenant)


def post(client: Client, token: str, body: bytes, path: str = "/v1/messages", **headers: str) -> Any:
    return client.post(path, content=body, headers=bearer(token, content_type="application/json", **headers))


def test_one_a_list_and_a_wrapped_list(client: Client, token: str) -> None:
    second, third = CUSTOMER.replace(b"m-1", b"m-2"), CUSTOMER.replace(b"m-1", b"m-3")
    answers = [
        post(client, token, body)
        for body in (CUSTOMER, b"[" + CUSTOMER + b"," + second + b"]", b'{"messages": [' + third + b', {"id": "x"}]}')
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    found = [[each["status"] for each in answer.json()["results"]] for answer in answers]
    assert found == [["accepted"], ["duplicate", "accepted"], ["accepted", "refused"]]
    refused = answers[2].json()["results"][1]
    assert (refused["index"], refused["message_id"], bool(refused["detail"])) == (1, None, True)
    assert answers[0].json()["results"][0]["message_id"].startswith("msg_")


def test_the_list_pages_filters_and_shows(client: Client, token: str, database: Database, tenant: Tenant) -> None:
    store(database, tenant, *[message("customer", n, ref=f"C{n}", name="A") for n in range(5)])
    store_and_apply(database, tenant, message("customer", 9, ref="C9", name="A"))
    first = client.get("/v1/messages?limit=4", headers=bearer(token)).json()
    second = client.get(f"/v1/messages?limit=4&cursor={first['next_cursor']}", headers=bearer(token)).json()
    assert [each["source_id"] for each in first["items"] + second["items"]] == [
        "m-9",
        "m-4",
        "m-3",
        "m-2",
        "m-1",
        "m-0",
    ]
    assert second["next_cursor"] is None
    applied = client.get(
        "/v1/messages?state=applied&type=billwright.customer.v1&source=psa", headers=bearer(token)
    ).json()
    assert [each["state"] for each in applied["items"]] == ["applied"]
    shown = client.get(f"/v1/messages/{applied['items'][0]['id']}", headers=bearer(token)).json()
    assert shown["data"] == {"ref": "C9", "name": "A"}


def test_retry_and_replay(client: Client, token: str, database: Database, tenant: Tenant) -> None:
    held = msgspec.json.encode({"specversion": "1.0", "id": "1", "source": "x", "type": "x"})
    store_and_apply(database, tenant, held, CUSTOMER)
    retried = post(client, token, b"{}", "/v1/messages/retry")
    assert (retried.status_code, len(retried.json()["message_ids"])) == (202, 1)
    span = b'{"from": "2026-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}'
    report = post(client, token, span, "/v1/messages/replay")
    assert report.status_code == 200
    assert (report.json()["dry_run"], report.json()["same"], len(report.json()["unmappable"])) == (True, 1, 1)


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("/v1/messages", b'{"specversion": "1.0", ', "body-malformed", None),
        ("/v1/messages", b"[" + b",".join([b"{}"] * 1_001) + b"]", "batch-too-large", None),
        ("/v1/messages", b'{"a": "' + b"x" * 20_000_000 + b'"}', "body-too-large", None),
        ("/v1/messages/retry", b'{"message_id": []}', "input-invalid", None),
        ("/v1/messages/retry", b'{"message_ids": ["msg_1"]}', "not-found", None),
        ("/v1/messages/replay", b'{"from": "2026-01-01"}', "input-invalid", None),
        ("/v1/messages/replay", b'{"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}', "input-invalid", "end"),
    ],
)  # fmt: skip
def test_whole_requests_that_are_refused(
    client: Client,
    token: str,
    database: Database,
    tenant: Tenant,
    path: str,
    body: bytes,
    code: str,
    field: str | None,
) -> None:
    answer = post(client, token, body, path)
    assert 400 <= answer.status_code < 500
    assert answer.json()["type"].endswith(f"/{code}")
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]
    assert field is None or answer.json()["field"] == field
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        assert tx.session.scalars(select(SourceMessageRow)).all() == []


def test_strangers_and_readers_write_nothing(client: Client, people: People, make_tenant: Any, tenant: Tenant) -> None:
    assert client.post("/v1/messages", content=CUSTOMER).status_code in {401, 403}
    assert post(client, "bw_nonsense", CUSTOMER).status_code == 401
    auditor = people.token("audit@example.org", "auditor", tenant=tenant)
    assert post(client, auditor, CUSTOMER).status_code == 403
    assert client.get("/v1/messages", headers=bearer(auditor)).status_code == 200
    other = make_tenant("Other")
    assert post(client, auditor, CUSTOMER, billwright_tenant=other.slug).status_code == 404


def test_a_message_of_another_tenant_is_not_there(
    client: Client, token: str, database: Database, make_tenant: Any
) -> None:
    (result,) = store(database, make_tenant("Other"), CUSTOMER)
    assert result.message_id is not None
    assert client.get(f"/v1/messages/msg_{result.message_id.hex}", headers=bearer(token)).status_code == 404


def hook(client: Client, address: str, body: bytes, clock: SetClock, **change: str) -> Any:
    sent = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(clock.moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", clock.moment, body.decode()),
    }
    headers = sent | {name.replace("_", "-"): value for name, value in change.items()}
    return client.post(f"/v1/hooks/{address}", content=body, headers=headers)


@pytest.fixture
def address(database: Database, tenant: Tenant) -> str:
    make_connection(database, tenant, name="crm", connector="crm", hook_secret=seal(MASTER, tenant.id, SECRET))
    return f"{tenant.slug}.crm"


def messages(database: Database, tenant: Tenant) -> list[tuple[str, str, str, Any]]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        rows = tx.session.scalars(select(SourceMessageRow).order_by(SourceMessageRow.message_id))
        return [(row.message_id, row.type, row.channel, row.data) for row in rows]


def test_a_signed_webhook_is_stored_under_its_id(
    client: Client, address: str, database: Database, tenant: Tenant, clock: SetClock
) -> None:
    answer = hook(client, address, CUSTOMER, clock)
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (202, "accepted")
    assert messages(database, tenant) == [
        ("msg_1", "billwright.customer.v1", "webhook", {"ref": "C1", "name": "Customer"}),
    ]
    assert hook(client, address, CUSTOMER, clock).json()["results"][0]["status"] == "duplicate"
    clock.moment += timedelta(seconds=200)
    assert hook(client, address, CUSTOMER, clock).json()["results"][0]["status"] == "duplicate"
    assert (
        hook(client, address, CUSTOMER.replace(b"Customer", b"Other"), clock).json()["results"][0]["status"]
        == "conflict"
    )
    assert len(messages(database, tenant)) == 1


def test_several_events_and_any_json(
    client: Client, address: str, database: Database, tenant: Tenant, clock: SetClock
) -> None:
    both = b"[" + CUSTOMER + b"," + CUSTOMER.replace(b'"name"', b'"nmae"') + b"]"
    statuses = [each["status"] for each in hook(client, address, both, clock).json()["results"]]
    assert statuses == ["accepted", "refused"]
    assert [row[0] for row in messages(database, tenant)] == ["msg_1/1"]
    assert hook(client, address, b'{"deal": [1.50]}', clock).json()["results"][0]["status"] == "accepted"
    assert messages(database, tenant)[0][1:] == ("crm.webhook", "webhook", {"deal": [1.5]})


def test_a_signed_body_that_is_no_json_is_told(client: Client, address: str, clock: SetClock) -> None:
    assert hook(client, address, b"{", clock).json()["type"].endswith("/body-malformed")
    assert hook(client, address, b"null", clock).json()["results"][0]["status"] == "accepted"


@pytest.mark.parametrize(
    "case", ["tenant", "connection", "no secret", "no dot", "signature", "late", "header", "disabled"]
)
def test_who_may_not_learns_nothing(
    client: Client, address: str, database: Database, tenant: Tenant, clock: SetClock, case: str
) -> None:
    make_connection(database, tenant, name="mute", connector="crm")
    make_connection(
        database, tenant, name="off", connector="crm", hook_secret=seal(MASTER, tenant.id, SECRET), enabled=False
    )
    where = {
        "tenant": "nobody.crm", "connection": f"{tenant.slug}.nothing", "no secret": f"{tenant.slug}.mute",
        "no dot": tenant.slug, "disabled": f"{tenant.slug}.off",
    }.get(case, address)  # fmt: skip
    change = {
        "signature": {"webhook_signature": "v1," + "A" * 43 + "="},
        "late": {"webhook_timestamp": str(int(clock.moment.timestamp()) - 301)},
        "header": {"webhook_id": ""},
    }.get(case, {})
    answer = hook(client, where, CUSTOMER, clock, **change)
    wrong = hook(client, address, CUSTOMER, clock, webhook_signature="v1,")
    assert answer.status_code == wrong.status_code == 401
    kept = ("type", "title", "status", "detail")
    assert {name: answer.json()[name] for name in kept} == {name: wrong.json()[name] for name in kept}
    assert messages(database, tenant) == []


def test_a_secret_of_one_tenant_opens_no_other(
    client: Client, address: str, database: Database, make_tenant: Any, clock: SetClock
) -> None:
    other = make_tenant("Other")
    make_connection(
        database, other, name="crm", connector="crm", hook_secret=seal(MASTER, other.id, SECRET[:-2] + "AA")
    )
    assert hook(client, f"{other.slug}.crm", CUSTOMER, clock).status_code == 401
    assert messages(database, other) == []


def test_the_description_shows_the_bodies(client: Client) -> None:
    described = client.get("/schema/openapi.json").json()["paths"]
    for path, operation in (("/v1/messages", "storeMessages"), ("/v1/hooks/{connection}", "receiveHook")):
        found = described[path]["post"]
        assert found["operationId"] == operation
        assert found["requestBody"]["content"]["application/json"]["schema"]["type"] == ["object", "array"]
        assert "202" in found["responses"]
    assert [each["name"] for each in described["/v1/messages"]["get"]["parameters"]] == [
        "limit", "cursor", "state", "type", "source", "why", "assignee", "resting",
    ]  # fmt: skip


def test_a_full_intake_answers_429_and_says_when_to_come_again(
    client: Client, token: str, database: Database, tenant: Tenant
) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        full = (JobSpec(kind="intake.apply", key=f"a{n}", payload={"message_ids": []}) for n in range(5_000))
        enqueue(tx, full)
    answer = post(client, token, CUSTOMER)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.json()["type"] == "/problems/intake-full"
    with transaction(database, tenant, SYSTEM) as tx:
        assert tx.session.scalars(select(SourceMessageRow.id)).all() == []
