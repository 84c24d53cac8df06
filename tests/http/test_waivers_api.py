"""Waivers over HTTP: the whole way, what is refused, and that other firms see nothing of it."""

from collections.abc import Callable
from typing import Any

import pytest

from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from support.api import Api
from support.intake import counted_statements
from support.pipeline import person

GOVERNED = TenantConfiguration(
    approvals=(ApprovalRule(name="all", steps=("manager",)),),
    render_documents=False,
    deliver_by_mail=False,
    rules=(RuleSetting(name="purchase_order"), RuleSetting(name="duplicate_billing")),
)


@pytest.fixture
def held(make_api: Callable[[TenantConfiguration], Api]) -> Api:
    """A draft that lacks its purchase order; the firm's two approvers decide."""
    api = make_api(GOVERNED)
    api.firm.customer(po_required=True)
    api.firm.contract()
    api.firm.milestone()
    api.firm.accept()
    return api


@pytest.fixture
def lead(held: Api) -> str:
    return held.person("lead", "manager_approver")


def path_of(api: Api) -> str:
    return f"/v1/invoices/{show('inv', api.firm.invoice().id)}"


def wish(api: Api, **more: Any) -> dict[str, Any]:
    detail = api.get(path_of(api))
    (finding,) = [each for each in detail["findings"] if each["severity"] == "blocking"]
    return {
        "finding": finding["id"],
        "content_sha256": detail["invoice"]["content_sha256"],
        "reason": "The customer pays without one.",
        "evidence": "Letter of 1 March",
    } | more


def test_a_wish_is_asked_for_listed_granted_and_the_draft_goes_on(held: Api, lead: str) -> None:
    path = path_of(held)
    asked = held.post(f"{path}/waivers", wish(held), expect=201)
    assert (asked["state"], asked["asked_by_name"], asked["code"]) == (
        "waiting",
        "Clerk (test)",
        "purchase_order_missing",
    )
    assert held.get(f"/v1/waivers/{asked['id']}") == asked
    assert held.get("/v1/waivers")["items"] == held.get(f"{path}/waivers")["items"] == [asked]
    granted = held.post(
        f"/v1/waivers/{asked['id']}/decide", {"decision": "grant", "reason": "Seen."}, token=lead, expect=200
    )
    assert granted["state"] == "granted"
    assert (granted["decided_by_name"], granted["decision_reason"]) == ("Lead (test)", "Seen.")
    held.firm.drain()
    detail = held.get(path)
    assert detail["invoice"]["detail"] == "awaiting_manager"
    assert detail["waivers"] == [granted]
    assert [each["event"] for each in detail["time_line"]].count("waiver.granted") == 1
    assert held.get("/v1/waivers")["items"] == []
    assert held.get("/v1/waivers", state="granted")["items"] == [granted]
    (closed,) = held.get("/v1/exceptions", state="closed")["items"]
    assert closed["closed_how"] == "waived by Lead (test)"
    (waiting,) = held.get("/v1/approvals", token=lead)["items"]
    assert "granted a waiver" in waiting["blocked_because"]


def test_one_key_is_one_wish_and_one_decision(held: Api, lead: str) -> None:
    path, body = f"{path_of(held)}/waivers", wish(held)
    asked = held.post(path, body, expect=201, key="ask-once")
    assert held.post(path, body, expect=201, key="ask-once") == asked
    held.post(path, body, expect=409)
    decide, decision = f"/v1/waivers/{asked['id']}/decide", {"decision": "refuse", "reason": "No."}
    first = held.post(decide, decision, token=lead, expect=200, key="decide-once")
    assert held.post(decide, decision, token=lead, expect=200, key="decide-once") == first
    assert held.post(decide, decision, token=lead, expect=409)["type"].endswith("waiver-not-open")


def test_each_side_needs_its_own_permission_and_is_never_the_other(held: Api, lead: str) -> None:
    path = f"{path_of(held)}/waivers"
    assert held.post(path, wish(held), token=lead, expect=403)["permission"] == "waiver:request"
    asked = held.post(path, wish(held), expect=201)
    decide, decision = f"/v1/waivers/{asked['id']}/decide", {"decision": "grant", "reason": "Seen."}
    assert held.post(decide, decision, expect=403)["permission"] == "waiver:decide"
    blind = held.person("blind", "billing_clerk", scopes=frozenset({"message:write"}))
    for address in (path, "/v1/waivers", f"/v1/waivers/{asked['id']}"):
        assert held.get(address, token=blind, expect=403)["permission"] == "invoice:read"
    assert held.get(f"/v1/waivers/{asked['id']}")["state"] == "waiting"


def test_nothing_passes_for_another_content_or_another_kind(held: Api) -> None:
    path = f"{path_of(held)}/waivers"
    assert held.post(path, wish(held, content_sha256="0" * 64), expect=409)["type"].endswith("content-changed")
    assert held.post(path, wish(held, reason=" "), expect=422)["type"].endswith("reason-missing")
    for text in (show("fnd", new_id()), "garbage"):
        held.post(path, wish(held, finding=text), expect=404)
    bodies: tuple[Any, ...] = ({}, wish(held, more=1), wish(held, finding=7), wish(held, content_sha256="abc"), [])
    for body in bodies:
        held.post(path, body, expect=422)
    assert held.get(path)["items"] == []


def test_other_firms_and_garbage_are_not_found(held: Api, make_api: Callable[[TenantConfiguration], Api]) -> None:
    body = wish(held)
    asked = held.post(f"{path_of(held)}/waivers", body, expect=201)
    other = make_api(TenantConfiguration())
    stranger = other.person("stranger", "manager_approver")
    assert other.get("/v1/waivers", state="all")["items"] == []
    for text in (show("inv", held.firm.invoice().id), show("inv", new_id()), "garbage"):
        other.get(f"/v1/invoices/{text}/waivers", expect=404)
        other.post(f"/v1/invoices/{text}/waivers", body, expect=404)
    for text in (asked["id"], show("wvr", new_id()), "garbage"):
        other.get(f"/v1/waivers/{text}", expect=404)
        decision = {"decision": "grant", "reason": "Mine."}
        other.post(f"/v1/waivers/{text}/decide", decision, token=stranger, expect=404)
    assert held.get(f"/v1/waivers/{asked['id']}") == asked


def test_whoever_made_what_is_billed_is_told_so(held: Api, lead: str) -> None:
    lead_id = held.people.person("lead@acme.example", "manager_approver", tenant=held.firm.tenant)
    maker = person("Lead", "message:write")
    held.firm.clock.moment = held.firm.clock.moment.replace(hour=15)
    actor = type(maker)(kind="person", name="Lead", id=lead_id, person_id=lead_id, permissions=maker.permissions)
    held.firm.send(
        "milestone", actor, ref="M1", contract="K1", number="M1", name="Design", amount="10000.00", currency="EUR"
    )
    asked = held.post(f"{path_of(held)}/waivers", wish(held), expect=201)
    decision = {"decision": "grant", "reason": "Seen."}
    refused = held.post(f"/v1/waivers/{asked['id']}/decide", decision, token=lead, expect=403)
    assert refused["type"].endswith("self-approval")


def test_a_walk_over_waivers_meets_each_once_in_as_many_queries(held: Api) -> None:
    for number in range(10, 14):
        held.firm.contract(f"K{number}")
        held.firm.milestone(f"M{number}", contract=f"K{number}")
        held.firm.accept(f"M{number}", contract=f"K{number}")
    for invoice in held.firm.invoices():
        path = f"/v1/invoices/{show('inv', invoice.id)}"
        (finding,) = held.get(path)["findings"]
        body = {"finding": finding["id"], "content_sha256": invoice.content_sha256, "reason": "Because."}
        held.post(f"{path}/waivers", body, expect=201)
    walked = [each["id"] for each in held.walk("/v1/waivers", limit=2)]
    assert len(walked) == len(set(walked)) == 5
    with counted_statements(held.firm.database) as few:
        held.get("/v1/waivers", limit=1)
    with counted_statements(held.firm.database) as many:
        held.get("/v1/waivers", limit=5)
    assert len(few) == len(many)
