"""Held messages in hand: found by filter, given to somebody, at rest, tried again, corrected by two; over API and command."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from billwright.cli.main import billwright
from billwright.kernel.ids import new_id, show
from support.api import Api

UNTIL = "2026-03-09T08:00:00Z"
MENDED = json.dumps({"ref": "C-9", "name": "Mended", "tax_id": ""})
REASON = {"reason": "The source wrote a version of next year."}


@pytest.fixture
def held(api: Api) -> dict[str, str]:
    """Two held messages by their own identifiers: a version that nobody knows, and a type that nothing maps."""
    firm = api.firm
    version = firm.event("customer", {"ref": "C-9", "name": "As it came", "api_key": "k-123456"})
    firm.store([version | {"type": "billwright.customer.v9"}, firm.event("spaceship", {"ref": "X-1"})])
    firm.drain()
    found = api.get("/v1/messages", state="held")["items"]
    return {each["type"].split(".")[1]: each["id"] for each in found}


@pytest.fixture
def ana(api: Api) -> str:
    return api.person("ana", "integration_administrator")


def test_found_by_cause_and_by_who_has_it(api: Api, held: dict[str, str], ana: str) -> None:
    def found(**filters: Any) -> list[str]:
        return sorted(each["type"].split(".")[1] for each in api.get("/v1/messages", token=ana, **filters)["items"])

    assert found(why="unknown_version") == ["customer"]
    assert found(why="no_mapping", state="held") == ["spaceship"]
    assert found(why="mapping_failed") == []
    assert found(assignee="nobody") == ["customer", "spaceship"]
    path = f"/v1/messages/{held['customer']}"
    ben = show("per", api.people.person("ben@acme.example", "billing_clerk", tenant=api.firm.tenant))
    given = api.post(f"{path}/assign", {"person": ben}, token=ana, expect=200)
    assert given["desk"]["assignee"] == ben
    assert (found(assignee=ben), found(assignee="me"), found(assignee="nobody")) == (["customer"], [], ["spaceship"])
    rested = api.post(f"{path}/snooze", {"until": UNTIL, "reason": "Upgrade."}, token=ana, expect=200)["desk"]
    assert (rested["snoozed_until"], rested["note"], rested["tries"]) == (UNTIL, "Upgrade.", 1)
    assert (found(resting=True), found(resting=False)) == (["customer"], ["spaceship"])
    stranger = show("per", api.people.person("stranger@else.example"))
    assert api.post(f"{path}/assign", {"person": stranger}, token=ana, expect=422)["field"] == "person"
    assert api.post(f"{path}/assign", {"person": None}, token=ana, expect=200)["desk"]["assignee"] is None


def test_shown_without_its_secrets(api: Api, held: dict[str, str]) -> None:
    shown = api.get(f"/v1/messages/{held['customer']}")
    assert shown["data"] == {"ref": "C-9", "name": "As it came", "api_key": "[removed]"}
    assert (shown["state"], shown["desk"]["why"]) == ("held", "unknown_version")


def test_tried_again_by_filter(api: Api, held: dict[str, str], ana: str) -> None:
    def tried(**body: Any) -> list[str]:
        found: list[str] = api.post("/v1/messages/retry", body, token=ana)["message_ids"]
        return found

    assert tried(why="no_mapping") == [held["spaceship"]]
    assert tried(source="nobody") == []
    assert tried(type="billwright.customer.v9") == [held["customer"]]
    assert set(tried()) == set(held.values())
    api.post("/v1/messages/retry", {"why": "bad luck"}, token=ana, expect=422)


def test_corrected_by_two_people(api: Api, held: dict[str, str], ana: str) -> None:
    path = f"/v1/messages/{held['customer']}/corrections"
    body = {"data": MENDED, "type": "billwright.customer.v1"} | REASON
    wish = api.post(path, body, token=ana, expect=201)
    assert (wish["state"], wish["proposed_by"], wish["data"]["name"]) == ("waiting", "Ana (test)", "Mended")
    assert [each["id"] for each in api.get("/v1/corrections", waiting=True)["items"]] == [wish["id"]]
    decide = f"/v1/corrections/{wish['id']}/decide"
    yes = {"decision": "approve", "reason": "Seen in the CRM."}
    own = api.post(decide, yes, token=ana, expect=403)
    assert own["type"].endswith("/self-approval")
    assert api.post(path, body, expect=409)["title"]
    done = api.post(decide, yes, expect=200)
    assert (done["state"], done["decided_by"], done["decision_reason"]) == (
        "approved",
        "Clerk (test)",
        "Seen in the CRM.",
    )
    api.firm.drain()
    shown = api.get(f"/v1/messages/{held['customer']}")
    assert (shown["state"], shown["corrected_by"], shown["data"]["name"]) == ("applied", wish["id"], "As it came")
    assert shown["desk"] is None
    assert api.get("/v1/corrections", waiting=True)["items"] == []
    assert [each["state"] for each in api.get(path)] == ["approved"]
    assert api.get(f"/v1/corrections/{wish['id']}") == done
    auditor = api.person("auditor", "auditor")
    said = api.get("/v1/audit", token=auditor, action="correction.approved")["items"][0]
    assert (said["actor"], said["before"]["proposed_by"]) == ("Clerk (test)", "Ana (test)")


def test_taken_back_or_refused_with_a_sentence(api: Api, held: dict[str, str], ana: str) -> None:
    path = f"/v1/messages/{held['customer']}/corrections"
    assert api.post(path, {"data": "{}"} | REASON, token=ana, expect=422)["field"] == "type"
    wrong = {"data": '{"ref": "C-9"}', "type": "billwright.customer.v1"} | REASON
    assert api.post(path, wrong, token=ana, expect=422)["field"] == "data.name"
    wish = api.post(path, wrong | {"data": MENDED}, token=ana, expect=201)
    api.post(f"/v1/corrections/{wish['id']}/withdraw", REASON, expect=409)
    taken = api.post(f"/v1/corrections/{wish['id']}/withdraw", REASON, token=ana, expect=200)
    assert (taken["state"], taken["decided_by"]) == ("withdrawn", "Ana (test)")
    api.post(f"/v1/corrections/{wish['id']}/decide", {"decision": "approve"} | REASON, expect=409)


def test_who_may_not_and_what_is_not_there(api: Api, held: dict[str, str], ana: str) -> None:
    message = f"/v1/messages/{held['customer']}"
    auditor = api.person("auditor", "auditor")
    operations = api.person("operations", "project_operations")
    body = {"data": MENDED, "type": "billwright.customer.v1"} | REASON
    for path, sent in (
        ("assign", {"person": None}),
        ("snooze", {"until": UNTIL} | REASON),
        ("corrections", body),
    ):
        api.post(f"{message}/{path}", sent, token=auditor, expect=403)
        api.post(f"/v1/messages/{show('msg', new_id())}/{path}", sent, token=ana, expect=404)
    wish = api.post(f"{message}/corrections", body, token=operations, expect=201)["id"]
    for verb, sent in (("decide", {"decision": "reject"} | REASON), ("withdraw", REASON)):
        api.post(f"/v1/corrections/{wish}/{verb}", sent, token=auditor, expect=403)
        api.post(f"/v1/corrections/{show('cor', new_id())}/{verb}", sent, token=ana, expect=404)
    assert (
        api.post(f"/v1/corrections/{wish}/decide", {"decision": "reject"} | REASON, token=operations, expect=403)[
            "permission"
        ]
        == "message:decide"
    )
    api.get(f"/v1/corrections/{show('cor', new_id())}", expect=404)
    api.get(f"/v1/messages/{show('msg', new_id())}/corrections", expect=404)


def test_the_command_lists_shows_rests_and_tries_again(
    api: Api, held: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    environment = {"DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path)}

    def run(*arguments: str, status: int = 0) -> str:
        command = ["messages", *arguments, "--tenant", api.firm.tenant.slug]
        result = CliRunner().invoke(billwright, command, env=environment, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return str(result.stdout)

    assert "2 held messages" in run("list")
    assert [each["id"] for each in json.loads(run("list", "--why", "no_mapping", "--json"))] == [held["spaceship"]]
    shown = json.loads(run("show", held["customer"]))
    assert (shown["data"]["api_key"], shown["desk"]["why"]) == ("[removed]", "unknown_version")
    assert "rests until" in run("snooze", held["customer"], "--until", "2026-12-20", "--reason", "The upgrade.")
    assert [each["id"] for each in json.loads(run("list", "--resting", "--json"))] == [held["customer"]]
    run("retry", status=2)
    assert "1 held messages" in run("retry", "--type", "billwright.customer.v9")
    assert json.loads(run("list", "--resting", "--json")) == []
    assert "1 held messages" in run("retry", held["spaceship"])
