"""One invoice with all that it rests on, decisions about it, and the steps that wait."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billwright.kernel.actor import Actor
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from support.api import Api
from support.intake import counted_statements
from support.pipeline import AUTOMATIC

GOVERNED = TenantConfiguration(
    approvals=(ApprovalRule(name="large", at_least=5000, steps=("manager", "finance")), *AUTOMATIC),  # type: ignore[arg-type]  # msgspec takes the int
    render_documents=False,
    deliver_by_mail=False,
    rules=(),
)


@pytest.fixture
def governed(make_api: Callable[[TenantConfiguration], Api]) -> Api:
    """Two steps from 5,000 on; one draft waits for the manager."""
    api = make_api(GOVERNED)
    api.firm.customer()
    api.firm.contract()
    api.firm.milestone()
    api.firm.accept()
    return api


@pytest.fixture
def manager(governed: Api) -> str:
    return governed.person("manager", "manager_approver")


@pytest.fixture
def finance(governed: Api) -> str:
    return governed.person("finance", "finance_approver")


def draft(api: Api) -> tuple[str, str]:
    """(path, content hash) of the newest invoice."""
    invoice = api.get("/v1/invoices")["items"][0]
    return f"/v1/invoices/{invoice['id']}", invoice["content_sha256"]


def decision(sha256: str, what: str = "approve", **more: Any) -> dict[str, Any]:
    return {"decision": what, "content_sha256": sha256, **more}


def test_a_line_rests_on_item_contract_acceptance_evidence_and_message(api: Api) -> None:
    firm = api.firm
    firm.customer()
    firm.contract()
    firm.milestone(clause="4.2")
    firm.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Drawings", uri="https://dms.example/1")
    firm.accept()
    path, sha256 = draft(api)
    detail = api.get(path)
    (line,) = detail["lines"]
    (share,) = line["allocations"]
    item = api.get(f"/v1/items/{share['item']}")
    message = api.get(f"/v1/messages/{share['message']['id']}")
    assert (line["net"], share["amount"]) == ({"amount": "10000.00", "currency": "EUR"},) * 2
    assert (line["contract"]["name"], line["milestone"]["name"], line["clause"]) == ("K1", "Design", "4.2")
    assert line["tax"]["category"] == "AE"
    assert [(each["title"], each["uri"]) for each in line["evidence"]] == [("Drawings", "https://dms.example/1")]
    assert (share["transaction_key"], share["subject"]) == (item["transaction_key"], item["subject"])
    assert (share["contract_version"]["id"], share["contract_version"]["number"]) == (item["contract_version"], 1)
    assert (share["acceptance"]["decision"], share["acceptance"]["decided_by"]) == ("accepted", "Client PM")
    assert (message["type"], message["source_id"]) == ("billwright.acceptance.v1", share["message"]["source_id"])
    assert [(each["taxable"]["amount"], each["amount"]["amount"]) for each in detail["taxes"]] == [("10000.00", "0.00")]
    events = [each["event"] for each in detail["time_line"]]
    assert events[0] == "draft.made"
    assert "draft.clean" in events
    answer = api.client.get(path, headers={"Authorization": f"Bearer {api.token}"})
    assert answer.headers["etag"] == f'"{sha256}"'


def test_a_line_of_time_rests_on_entries_and_their_rate(api: Api) -> None:
    firm = api.firm
    firm.customer()
    firm.contract(billing="time_and_materials", grouping="monthly", value=None)
    rates = [{"role": "Senior", "hourly": "133.33", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    entry = {"contract": "K1", "person_name": "Jo", "role": "Senior", "status": "approved", "approved_by": "Lead"}
    days = ((2, "0.1"), (3, "7.3"), (4, "0.25"))
    firm.store(
        [
            firm.event("time_entry", {**entry, "ref": f"T{day}", "worked_on": f"2026-02-0{day}", "hours": h})
            for day, h in days
        ]
    )
    firm.drain()
    (line,) = api.get(draft(api)[0])["lines"]
    assert (line["quantity"], line["unit_price"], line["net"]["amount"]) == ("7.65", "133.33", "1019.97")
    assert [share["quantity"] for share in line["allocations"]] == ["0.1", "7.3", "0.25"]
    assert {share["rate"]["hourly"] for share in line["allocations"]} == {"133.33"}
    assert {share["rate"]["role"] for share in line["allocations"]} == {"Senior"}
    for share in line["allocations"]:
        assert api.get(f"/v1/time-entries/{share['subject']}")["hours"] == share["quantity"]


def test_a_rule_that_holds_a_draft_names_its_line(make_api: Callable[[TenantConfiguration], Api]) -> None:
    api = make_api(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    api.firm.customer(po_required=True)
    api.firm.contract()
    api.firm.milestone()
    api.firm.accept()
    detail = api.get(draft(api)[0])
    lines = {f"lines/{line['id']}" for line in detail["lines"]} | {"draft"}
    blocking = [finding for finding in detail["findings"] if finding["severity"] == "blocking"]
    assert blocking
    assert {finding["content_sha256"] for finding in blocking} == {detail["invoice"]["content_sha256"]}
    assert all(finding["subject"] in lines or finding["subject"].startswith("contracts/") for finding in blocking)
    assert {exception["code"] for exception in detail["exceptions"]} == {finding["code"] for finding in blocking}


def test_twenty_lines_take_as_many_queries_as_one(api: Api) -> None:
    def make(contract: str, lines: int) -> str:
        firm = api.firm
        firm.contract(contract, value=None)
        milestone = {"contract": contract, "amount": "10.00", "currency": "EUR"}
        firm.store(
            [firm.event("milestone", {**milestone, "ref": f"{contract}-M{n}", "number": str(n)}) for n in range(lines)]
        )
        proofs = [
            {"contract": contract, "title": "Proof", "ref": f"{contract}-E{n}", "milestones": [f"{contract}-M{n}"]}
            for n in range(lines)
        ]
        firm.store([firm.event("evidence", proof) for proof in proofs])
        firm.drain()
        accepted: dict[str, Any] = {
            "contract": contract,
            "decision": "accepted",
            "decided_at": firm.clock.now().isoformat(),
        }
        names = [f"{contract}-M{n}" for n in range(lines)]
        firm.send("acceptance", ref=f"{contract}-A", milestones=names, **accepted)
        return draft(api)[0]

    def count(path: str) -> int:
        with counted_statements(api.firm.database) as statements:
            detail = api.get(path)
        seen.append(len(detail["lines"]))
        return len(statements)

    seen: list[int] = []
    api.firm.customer()
    one, many = make("K1", 1), make("K2", 20)
    api.get(one)  # the connection and the token's last use are out of the way
    assert count(one) == count(many)
    assert seen == [1, 20]


def test_lists_take_as_many_queries_for_many_rows_as_for_one(governed: Api, manager: str) -> None:
    def count(path: str) -> int:
        with counted_statements(governed.firm.database) as statements:
            governed.get(path, token=manager)
        return len(statements)

    paths = ("/v1/items", "/v1/invoices", "/v1/milestones", "/v1/contracts", "/v1/exceptions", "/v1/approvals")
    for path in paths:
        count(path)
    before = [count(path) for path in paths]
    for number in range(2, 6):
        governed.firm.contract(f"K{number}")
        governed.firm.milestone(f"M{number}", contract=f"K{number}")
        governed.firm.accept(f"M{number}", contract=f"K{number}")
    assert len(governed.get("/v1/approvals", token=manager)["items"]) == 5
    assert [count(path) for path in paths] == before


def test_two_people_approve_and_the_invoice_is_issued(governed: Api, manager: str, finance: str) -> None:
    path, sha256 = draft(governed)
    first = governed.post(f"{path}/decisions", decision(sha256), token=manager, expect=200)
    assert first == {"invoice": path.rpartition("/")[2], "phase": "manager_approved", "detail": "awaiting_finance"}
    second = governed.post(f"{path}/decisions", decision(sha256), token=finance, expect=200)
    assert (second["phase"], second["detail"]) == ("finance_approved", "approved")
    governed.firm.drain()
    detail = governed.get(path)
    assert detail["invoice"]["phase"] == "issued"
    assert [(step["role"], step["state"], step["decided_by_name"]) for step in detail["approvals"]] == [
        ("manager", "approved", "Manager (test)"),
        ("finance", "approved", "Finance (test)"),
    ]


def test_a_return_goes_to_the_desk_with_its_reason(governed: Api, manager: str) -> None:
    path, sha256 = draft(governed)
    assert (
        governed.post(f"{path}/decisions", decision(sha256, "return"), token=manager, expect=422)["field"] == "reason"
    )
    returned = governed.post(
        f"{path}/decisions", decision(sha256, "return", reason="Agreed otherwise."), token=manager, expect=200
    )
    assert returned["detail"] == "returned"
    (exception,) = governed.get("/v1/exceptions", code="returned")["items"]
    assert exception["reason"] == "Agreed otherwise."
    governed.post(f"{path}/submit")
    governed.firm.drain()
    assert governed.get(path)["invoice"]["detail"] == "awaiting_manager"
    assert governed.get("/v1/exceptions")["items"] == []


def test_a_decision_about_what_changed_since_is_refused(governed: Api, manager: str) -> None:
    path, sha256 = draft(governed)
    governed.firm.clock.moment += timedelta(hours=1)
    governed.firm.milestone(amount="9500.00")
    refused = governed.post(f"{path}/decisions", decision(sha256), token=manager, expect=409)
    assert refused["type"] == "/problems/content-changed"
    assert governed.get(path)["invoice"]["detail"] == "awaiting_manager"


def test_the_same_decision_with_one_key_is_one_decision(governed: Api, manager: str) -> None:
    path, sha256 = draft(governed)
    first = governed.post(f"{path}/decisions", decision(sha256), token=manager, key="once", expect=200)
    assert governed.post(f"{path}/decisions", decision(sha256), token=manager, key="once", expect=200) == first
    governed.post(f"{path}/decisions", decision("0" * 64), token=manager, key="once", expect=422)
    twice = governed.post(f"{path}/decisions", decision(sha256), token=manager, expect=403)
    assert twice["permission"] == "invoice:approve_finance"


def test_decisions_ask_for_the_role_of_the_step(governed: Api, finance: str) -> None:
    path, sha256 = draft(governed)
    refused = governed.post(f"{path}/decisions", decision(sha256), token=finance, expect=403)
    assert refused["permission"] == "invoice:approve_manager"
    governed.post(f"{path}/decisions", decision(sha256), expect=403)
    blind = governed.person("blind", "billing_clerk", scopes=frozenset({"message:write"}))
    assert governed.get(path, token=blind, expect=403)["permission"] == "invoice:read"
    assert governed.get("/v1/approvals", token=blind, expect=403)["permission"] == "invoice:read"
    assert governed.get(path)["invoice"]["detail"] == "awaiting_manager"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "approve"},
        {"decision": "maybe", "content_sha256": "0" * 64},
        {"decision": "approve", "content_sha256": "short"},
        {"decision": "approve", "content_sha256": "0" * 64, "more": 1},
        {"decision": "approve", "content_sha256": "0" * 64, "reason": "x" * 2_001},
        [],
        "approve",
    ],
)
def test_a_decision_that_is_none_is_refused(governed: Api, manager: str, body: Any) -> None:
    governed.post(f"{draft(governed)[0]}/decisions", body, token=manager, expect=422)


def made_by(api: Api, email: str) -> None:
    """A second milestone, entered by the person with that e-mail; accepted, and drafted."""
    person_id = api.people.person(email, tenant=api.firm.tenant)
    maker = Actor(
        kind="person", name="Maker", id=person_id, person_id=person_id, email=email,
        permissions=frozenset({"message:write"}),
    )  # fmt: skip
    api.firm.contract("K2")
    api.firm.send("milestone", maker, ref="M2", contract="K2", number="2", amount="9000.00", currency="EUR")
    api.firm.accept("M2", contract="K2")


def test_nobody_approves_what_they_made_and_the_list_says_so_before(governed: Api, manager: str) -> None:
    made_by(governed, "manager@acme.example")
    path, sha256 = draft(governed)
    waiting = {each["invoice"]["id"]: each for each in governed.get("/v1/approvals", token=manager)["items"]}
    assert len(waiting) == 2
    refused = governed.post(f"{path}/decisions", decision(sha256), token=manager, expect=403)
    assert refused["type"] == "/problems/self-approval"
    mine = waiting.pop(path.rpartition("/")[2])
    assert mine["blocked_because"] == refused["detail"]
    assert [each["blocked_because"] for each in waiting.values()] == [None]
    someone = governed.person("someone", "manager_approver")
    assert {each["blocked_because"] for each in governed.get("/v1/approvals", token=someone)["items"]} == {None}


def test_who_decided_one_step_is_told_why_not_the_other(governed: Api) -> None:
    both = governed.person("both", "manager_approver", "finance_approver")
    path, sha256 = draft(governed)
    governed.post(f"{path}/decisions", decision(sha256), token=both, expect=200)
    (step,) = governed.get("/v1/approvals", token=both)["items"]
    refused = governed.post(f"{path}/decisions", decision(sha256), token=both, expect=403)
    assert step["blocked_because"] == refused["detail"]


def test_steps_wait_for_those_who_may_decide_them(governed: Api, manager: str, finance: str) -> None:
    (waiting,) = governed.get("/v1/approvals", token=manager)["items"]
    path, sha256 = draft(governed)
    assert (waiting["step"]["role"], waiting["step"]["content_sha256"]) == ("manager", sha256)
    assert waiting["invoice"] == governed.get("/v1/invoices")["items"][0]
    assert governed.get("/v1/approvals", token=finance)["items"] == []
    assert governed.get("/v1/approvals")["items"] == []
    governed.post(f"{path}/decisions", decision(sha256), token=manager, expect=200)
    assert governed.get("/v1/approvals", token=manager)["items"] == []
    governed.firm.clock.moment += timedelta(days=2)
    (late,) = governed.get("/v1/approvals", token=finance)["items"]
    assert (late["step"]["role"], late["step"]["overdue"]) == ("finance", True)


def test_a_walk_over_waiting_steps_meets_each_once(governed: Api, manager: str) -> None:
    def add(number: int) -> None:
        governed.firm.clock.moment += timedelta(minutes=1)
        governed.firm.contract(f"K{number}")
        governed.firm.milestone(f"M{number}", contract=f"K{number}")
        governed.firm.accept(f"M{number}", contract=f"K{number}")

    for number in range(2, 5):
        add(number)
    before = [each["step"]["id"] for each in governed.get("/v1/approvals", token=manager)["items"]]
    late = [20]

    def add_late() -> None:
        while late:
            add(late.pop())

    walked = governed.walk("/v1/approvals", token=manager, limit=2, between=add_late)
    found = [each["step"]["id"] for each in walked]
    assert found[:4] == before
    assert len(found) == len(set(found)) == 5


def test_other_tenants_invoices_and_garbage_are_not_found(
    governed: Api, make_api: Callable[[TenantConfiguration], Api]
) -> None:
    path, sha256 = draft(governed)
    other = make_api(GOVERNED)
    mole = other.person("mole", "manager_approver")
    for text in (path.rpartition("/")[2], show("inv", new_id()), show("bil", new_id()), "garbage"):
        other.get(f"/v1/invoices/{text}", expect=404)
        other.post(f"/v1/invoices/{text}/decisions", decision(sha256), token=mole, expect=404)
    assert other.get("/v1/approvals", token=mole)["items"] == []
    assert governed.get(path)["invoice"]["detail"] == "awaiting_manager"
