"""The exception desk over HTTP, and submitting held drafts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billwright.identity.act import operator
from billwright.identity.assign_role import remove_role
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from support.api import Api


@pytest.fixture
def held(api: Api) -> Api:
    """A draft that lacks its purchase order."""
    api.firm.customer(po_required=True)
    api.firm.contract()
    api.firm.milestone()
    api.firm.accept()
    return api


def the_exception(api: Api) -> dict[str, Any]:
    (exception,) = api.get("/v1/exceptions")["items"]
    assert isinstance(exception, dict)
    return exception


def test_a_held_draft_stands_on_the_desk(held: Api) -> None:
    exception = the_exception(held)
    invoice = show("inv", held.firm.invoice().id)
    assert (exception["subject_kind"], exception["subject"]) == ("invoice", invoice)
    assert exception["amount"] == {"amount": "10000.00", "currency": "EUR"}
    assert exception["customer"]["name"] == "Client SA"
    assert exception["reason"]
    assert exception["remedy"]
    assert (exception["overdue"], exception["assignee"]) == (False, None)
    assert held.get(f"/v1/exceptions/{exception['id']}") == exception


def test_filters_narrow_the_desk(held: Api) -> None:
    exception = the_exception(held)
    wanted: tuple[dict[str, Any], ...] = (
        {"owner_role": exception["owner_role"]},
        {"code": exception["code"]},
        {"overdue": "false"},
        {"state": "all"},
    )
    for parameters in wanted:
        assert len(held.get("/v1/exceptions", **parameters)["items"]) == 1, parameters
    unwanted: tuple[dict[str, Any], ...] = (
        {"owner_role": "collector"},
        {"code": "other"},
        {"overdue": "true"},
        {"state": "closed"},
        {"assignee": "me"},
        {"assignee": show("per", new_id())},
    )
    for parameters in unwanted:
        assert held.get("/v1/exceptions", **parameters)["items"] == [], parameters
    held.firm.clock.moment += timedelta(days=4)
    (late,) = held.get("/v1/exceptions", overdue="true")["items"]
    assert late["overdue"] is True


def test_a_mended_cause_closes_it(held: Api) -> None:
    held.firm.contract(purchase_order={"number": "PO-77", "value": "50000.00"})
    assert held.get("/v1/exceptions")["items"] == []
    (closed,) = held.get("/v1/exceptions", state="closed")["items"]
    assert (closed["closed_how"], closed["overdue"]) == ("the cause was mended", False)
    held.post(f"/v1/exceptions/{closed['id']}/assign", {"person": None}, expect=409)


def test_somebody_takes_it_and_gives_it_back(held: Api) -> None:
    exception = the_exception(held)
    helper = show("per", held.people.person("helper@acme.example", "project_operations", tenant=held.firm.tenant))
    path = f"/v1/exceptions/{exception['id']}/assign"
    taken = held.post(path, {"person": helper}, expect=200)
    assert taken == {**exception, "assignee": helper}
    assert held.post(path, {"person": helper}, expect=200) == taken
    assert [each["id"] for each in held.get("/v1/exceptions", assignee=helper)["items"]] == [exception["id"]]
    assert held.post(path, {"person": None}, expect=200) == exception
    auditor = held.person("auditor", "auditor")
    entries = held.get("/v1/audit", token=auditor, subject=exception["id"])["items"]
    assert [entry["action"] for entry in entries] == ["exception.assigned", "exception.assigned"]
    assert {entry["actor"] for entry in entries} == {"Clerk (test)"}


def test_only_people_who_work_here_take_it(held: Api, make_api: Callable[[TenantConfiguration], Api]) -> None:
    path = f"/v1/exceptions/{the_exception(held)['id']}/assign"
    other = make_api(TenantConfiguration())
    stranger = other.people.person("stranger@acme.example", "billing_clerk", tenant=other.firm.tenant)
    gone = held.people.person("gone@acme.example", "collector", tenant=held.firm.tenant)
    remove_role(
        held.firm.database, operator(), gone, "collector", partner_id=held.people.partner_id, tenant=held.firm.tenant
    )
    for person_id in (stranger, gone, new_id()):
        assert held.post(path, {"person": show("per", person_id)}, expect=422)["field"] == "person"
    held.post(path, {"person": "garbage"}, expect=404)
    bodies: tuple[Any, ...] = ({}, {"person": 7}, {"person": None, "more": 1}, [])
    for body in bodies:
        held.post(path, body, expect=422)
    assert the_exception(held)["assignee"] is None


def test_the_desk_asks_for_permissions(held: Api) -> None:
    exception = the_exception(held)
    blind = held.person("blind", "billing_clerk", scopes=frozenset({"message:write"}))
    for path in ("/v1/exceptions", f"/v1/exceptions/{exception['id']}"):
        assert held.get(path, token=blind, expect=403)["permission"] == "exception:read"
    reader = held.person("reader", "auditor")
    refused = held.post(f"/v1/exceptions/{exception['id']}/assign", {"person": None}, token=reader, expect=403)
    assert refused["permission"] == "exception:assign"
    assert the_exception(held) == exception


def test_other_tenants_exceptions_and_garbage_are_not_found(
    held: Api, make_api: Callable[[TenantConfiguration], Api]
) -> None:
    exception = the_exception(held)
    other = make_api(TenantConfiguration())
    assert other.get("/v1/exceptions", state="all")["items"] == []
    for text in (exception["id"], show("exc", new_id()), "garbage"):
        other.get(f"/v1/exceptions/{text}", expect=404)
        other.post(f"/v1/exceptions/{text}/assign", {"person": None}, expect=404)


def test_a_walk_meets_each_once_while_others_come(held: Api) -> None:
    def add(number: int) -> None:
        held.firm.contract(f"K{number}")
        held.firm.milestone(f"M{number}", contract=f"K{number}")
        held.firm.accept(f"M{number}", contract=f"K{number}")
        held.firm.clock.moment += timedelta(minutes=1)

    for number in range(10, 13):
        add(number)
    before = [each["id"] for each in held.get("/v1/exceptions")["items"]]
    assert len(before) == 4
    added: list[int] = []

    def add_once() -> None:
        if not added:
            added.append(1)
            add(20)

    walked = [each["id"] for each in held.walk("/v1/exceptions", limit=2, between=add_once)]
    assert walked[:4] == before
    assert len(walked) == len(set(walked)) == 5


def test_a_held_draft_is_checked_again_and_held_again(held: Api) -> None:
    invoice = show("inv", held.firm.invoice().id)
    answer = held.post(f"/v1/invoices/{invoice}/submit")
    assert answer == {"invoice": invoice, "phase": "validation_pending", "detail": "submitted"}
    held.post(f"/v1/invoices/{invoice}/submit", expect=409)
    held.firm.drain()
    assert held.firm.invoice().detail == "blocked"


def test_submitting_twice_with_one_key_is_submitting_once(held: Api) -> None:
    path = f"/v1/invoices/{show('inv', held.firm.invoice().id)}/submit"
    first = held.post(path, key="once")
    assert held.post(path, key="once") == first


def test_submitting_asks_for_a_permission_and_a_draft_of_ones_own(
    held: Api, make_api: Callable[[TenantConfiguration], Api]
) -> None:
    invoice = show("inv", held.firm.invoice().id)
    reader = held.person("reader", "auditor")
    refused = held.post(f"/v1/invoices/{invoice}/submit", token=reader, expect=403)
    assert refused["permission"] == "invoice:submit"
    other = make_api(TenantConfiguration())
    for text in (invoice, show("inv", new_id()), "garbage"):
        other.post(f"/v1/invoices/{text}/submit", expect=404)
    assert held.firm.invoice().detail == "blocked"
