"""Webhooks over HTTP: who may what, what is refused, what is shown."""

from typing import Any

import pytest

from billwright.kernel.ids import new_id, show
from support.api import Api
from support.http import bearer

WANTED: dict[str, Any] = {
    "name": "books",
    "url": "https://erp.client.example/hooks",
    "event_types": ["invoice.*"],
    "contact_email": "dev@client.example",
}


@pytest.fixture
def integrator(api: Api) -> str:
    return api.person("integrator", "integration_administrator")


def make(api: Api, token: str, **more: Any) -> str:
    made = api.post("/v1/webhooks", {**WANTED, **more}, token=token, expect=201)
    assert made["secret"].startswith("whsec_")
    return str(made["id"])


def test_made_read_changed_paused_tested_and_removed(api: Api, integrator: str) -> None:
    webhook = make(api, integrator)
    shown = api.get(f"/v1/webhooks/{webhook}")
    assert {key: shown[key] for key in WANTED} == WANTED
    assert shown["state"] == "active"
    assert "secret" not in shown
    changed = api.client.put(
        f"/v1/webhooks/{webhook}", json={**WANTED, "event_types": ["*"]}, headers=bearer(integrator)
    )
    assert changed.json()["event_types"] == ["*"]
    assert (
        api.post(f"/v1/webhooks/{webhook}/state", {"state": "paused"}, token=integrator, expect=200)["state"]
        == "paused"
    )
    problem = api.post(f"/v1/webhooks/{webhook}/test", token=integrator, expect=409)
    assert "enable it first" in problem["detail"]
    api.post(f"/v1/webhooks/{webhook}/state", {"state": "active"}, token=integrator, expect=200)
    event_id = api.post(f"/v1/webhooks/{webhook}/test", token=integrator)["event_id"]
    (delivery,) = api.get(f"/v1/webhooks/{webhook}/deliveries")["items"]
    assert (delivery["event_id"], delivery["event_type"], delivery["state"]) == (event_id, "webhook.test", "waiting")
    assert api.get(f"/v1/webhooks/deliveries/{delivery['id']}/attempts") == {"items": []}
    (listed,) = api.get("/v1/webhooks")["items"]
    assert listed["waiting"] == 1
    assert api.post(f"/v1/webhooks/{webhook}/redeliver", {"event_id": event_id}, token=integrator) == {"events": 1}
    skip = {"before": "2030-01-01T00:00:00Z", "reason": "Not needed."}
    assert api.post(f"/v1/webhooks/{webhook}/skip", skip, token=integrator, expect=200) == {"events": 1}
    removed = api.client.delete(f"/v1/webhooks/{webhook}", headers=bearer(integrator))
    assert removed.status_code == 204
    api.get(f"/v1/webhooks/{webhook}", expect=404)
    make(api, integrator)  # the name is free again


def test_a_secret_is_shown_once_and_rotated(api: Api, integrator: str) -> None:
    webhook = make(api, integrator)
    rotated = api.post(f"/v1/webhooks/{webhook}/secret", token=integrator, expect=200)
    assert rotated["secret"].startswith("whsec_")
    assert rotated["old_secret_until"] == api.get(f"/v1/webhooks/{webhook}")["old_secret_until"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://erp.client.example/"),
        ("url", "https://"),
        ("url", "https://user:pass@erp.client.example/"),
        ("url", "https://erp.client.example/#part"),
        ("url", "https://erp.client.example:99999/"),
        ("url", "https://münchen.example/"),
        ("url", "http://[::1"),
        ("event_types", ["invoice.exploded"]),
        ("event_types", []),
        ("name", "   "),
        ("contact_email", "nobody"),
        ("extra", 1),
    ],
)
def test_bad_input_names_the_field(api: Api, integrator: str, field: str, value: Any) -> None:
    answer = api.client.post("/v1/webhooks", json={**WANTED, field: value}, headers=bearer(integrator))
    assert answer.status_code in {400, 422}, answer.text
    assert field in answer.text
    assert api.get("/v1/webhooks")["items"] == []


def test_a_name_is_taken_once(api: Api, integrator: str) -> None:
    make(api, integrator)
    problem = api.post("/v1/webhooks", WANTED, token=integrator, expect=409)
    assert problem["type"].endswith("webhook-exists")


def test_there_is_an_end_to_how_many(api: Api, integrator: str) -> None:
    for number in range(20):
        make(api, integrator, name=f"n{number}")
    assert "remove one first" in api.post("/v1/webhooks", WANTED, token=integrator, expect=422)["detail"]


@pytest.mark.parametrize("path", ["", "/state", "/secret", "/test", "/redeliver", "/skip"])
def test_a_clerk_changes_nothing(api: Api, integrator: str, path: str) -> None:
    webhook = make(api, integrator)
    reader = api.person("reader", "auditor")
    bodies: dict[str, Any] = {
        "": WANTED,
        "/state": {"state": "paused"},
        "/redeliver": {"since": "2026-01-01T00:00:00Z"},
        "/skip": {"before": "2026-01-01T00:00:00Z", "reason": "x"},
    }
    target = f"/v1/webhooks/{webhook}{path}" if path else "/v1/webhooks"
    problem = api.post(target, bodies.get(path), token=reader, expect=403)
    assert problem["type"].endswith("permission-denied")


def test_what_is_not_there_is_not_found(api: Api, integrator: str) -> None:
    nobody = show("whk", new_id())
    api.get(f"/v1/webhooks/{nobody}", expect=404)
    api.get(f"/v1/webhooks/{nobody}/deliveries", expect=404)
    api.post(f"/v1/webhooks/{nobody}/test", token=integrator, expect=404)
    webhook = make(api, integrator)
    api.post(f"/v1/webhooks/{webhook}/redeliver", {"event_id": f"evt_{new_id().hex}"}, token=integrator, expect=404)
    api.post(f"/v1/webhooks/{webhook}/redeliver", {"event_id": "evt_x"}, token=integrator, expect=422)
    api.post(f"/v1/webhooks/{webhook}/redeliver", {}, token=integrator, expect=422)


def test_the_events_are_listed(api: Api) -> None:
    types = {each["type"] for each in api.get("/v1/webhooks/event-types")["items"]}
    assert {"invoice.issued", "dispute.opened", "webhook.test"} <= types


def test_a_partner_subscribes_at_all_its_tenants_and_at_nobody_elses(api: Api) -> None:
    owner = api.people.token("boss@partner.example", "owner")
    path = f"/v1/partners/{api.people.partner_slug}/webhooks"
    made = api.post(path, WANTED, token=owner, expect=201)
    assert [each["id"] for each in api.get(path, token=owner)["items"]] == [made["id"]]
    assert api.post(f"{path}/{made['id']}/state", {"state": "paused"}, token=owner, expect=200)["state"] == "paused"
    assert api.post(f"{path}/{made['id']}/secret", token=owner, expect=200)["secret"].startswith("whsec_")
    changed = api.client.put(f"{path}/{made['id']}", json={**WANTED, "name": "n"}, headers=bearer(owner))
    assert changed.json()["name"] == "n"
    support = api.people.token("support@partner.example", "support")
    api.post(path, WANTED, token=support, expect=403)
    api.get("/v1/partners/somebody-else/webhooks", token=owner, expect=404)
    api.get(path, expect=404)  # a tenant's token says nothing at the partner
    assert api.client.delete(f"{path}/{made['id']}", headers=bearer(owner)).status_code == 204
    assert api.get(path, token=owner)["items"] == []
