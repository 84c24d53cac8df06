"""Items, contracts, milestones and the list of invoices over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billwright.extension.reasons import explain
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from support.api import Api

PLACES = {"items": "item:read", "contracts": "contract:read", "milestones": "contract:read", "invoices": "invoice:read"}
PREFIXES = {"items": "bil", "contracts": "ctr", "milestones": "mil", "invoices": "inv"}


@pytest.fixture
def agreed(api: Api) -> Api:
    """A customer, a project, a contract of two milestones, one of them accepted and billed."""
    firm = api.firm
    firm.customer()
    firm.send("project", ref="P1", name="Bridge", code="BR", customer="C1")
    firm.contract(project="P1", title="Bridge design", purchase_order={"number": "PO-1", "value": "50000.00"})
    firm.milestone("M1", number="1")
    firm.milestone("M2", number="2", name="Build", amount="20000.00")
    firm.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Drawings", uri="https://dms.example/1")
    firm.accept("M1")
    return api


def by_number(items: list[Any]) -> dict[str, Any]:
    return {item["number"]: item for item in items}


def test_a_waiting_item_says_what_it_waits_for_and_who_mends_it(agreed: Api) -> None:
    (item,) = agreed.get("/v1/items", state="waiting")["items"]
    texts = explain("no_acceptance")
    assert item["reasons"] == [
        {
            "code": "no_acceptance",
            "title": texts.title,
            "sentence": texts.sentence,
            "remedy": texts.remedy,
            "owner_role": "project_operations",
        }
    ]
    assert item["waiting_since"] is not None
    assert item["amount"] == {"amount": "20000.00", "currency": "EUR"}
    assert item["invoice"] is None
    assert (item["contract"]["name"], item["customer"]["name"]) == ("K1", "Client SA")
    assert agreed.get(f"/v1/items/{item['id']}") == item


def test_a_billed_item_names_its_invoice_and_what_it_rests_on(agreed: Api) -> None:
    (item,) = agreed.get("/v1/items", state="billed")["items"]
    (invoice,) = agreed.get("/v1/invoices")["items"]
    assert item["invoice"] == {"id": invoice["id"], "name": "ACME-2026-00001"}
    assert item["reasons"] == []
    assert item["subject"].startswith("mil_")
    for name, prefix in (("contract_version", "cvn_"), ("acceptance", "acc_"), ("message", "msg_")):
        assert item[name].startswith(prefix)
    (evidence,) = item["evidence"]
    assert evidence.startswith("evi_")


def test_items_are_found_by_reason_contract_customer_and_subject(agreed: Api) -> None:
    (waiting,) = agreed.get("/v1/items", reason="no_acceptance")["items"]
    (found,) = agreed.get("/v1/items", subject=waiting["subject"])["items"]
    assert found == waiting
    assert len(agreed.get("/v1/items", contract=waiting["contract"]["id"])["items"]) == 2
    assert len(agreed.get("/v1/items", customer=waiting["customer"]["id"])["items"]) == 2
    nothing: tuple[dict[str, Any], ...] = (
        {"reason": "rejected"},
        {"contract": show("ctr", new_id())},
        {"customer": show("cus", new_id())},
        {"subject": show("mil", new_id())},
        {"state": "cancelled"},
        {"state": "billed", "reason": "no_acceptance"},
    )
    for parameters in nothing:
        assert agreed.get("/v1/items", **parameters)["items"] == []
    assert "state" in agreed.get("/v1/items", state="lost", expect=422)["field"]
    agreed.get("/v1/items", contract="garbage", expect=404)


def test_invoices_are_found_by_all_that_people_know_of_them(agreed: Api) -> None:
    (invoice,) = agreed.get("/v1/invoices")["items"]
    assert (invoice["net"], invoice["tax"], invoice["gross"]) == (
        {"amount": "10000.00", "currency": "EUR"},
        {"amount": "0.00", "currency": "EUR"},
        {"amount": "10000.00", "currency": "EUR"},
    )
    assert (invoice["phase"], invoice["legal_entity"]["name"]) == ("issued", "DE01")
    cases: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({"phase": "issued"}, {"phase": "draft"}),
        ({"detail": "issued"}, {"detail": "blocked"}),
        ({"number": "ACME-2026-00001"}, {"number": "ACME-2026-00002"}),
        ({"customer": invoice["customer"]["id"]}, {"customer": show("cus", new_id())}),
        ({"legal_entity": "DE01"}, {"legal_entity": "FR01"}),
        ({"issued_from": "2026-03-02", "issued_to": "2026-03-02"}, {"issued_from": "2026-03-03"}),
        ({"issued_to": "2026-03-02"}, {"issued_to": "2026-03-01"}),
    )
    for wanted, unwanted in cases:
        assert agreed.get("/v1/invoices", **wanted)["items"] == [invoice], wanted
        assert agreed.get("/v1/invoices", **unwanted)["items"] == [], unwanted


def test_a_contract_shows_the_prices_that_hold_now(agreed: Api) -> None:
    firm = agreed.firm
    before = {"ref": "CO1", "contract": "K1", "number": "CO-1", "title": "More spans"}
    changes = [{"milestone": "M2", "field": "amount", "before": "20000.00", "after": "26000.00"}]
    order: dict[str, Any] = {**before, "changes": changes, "value_after": "36000.00"}
    firm.send("change_order", **order)
    listed = agreed.get("/v1/contracts")["items"][0]
    unsigned = agreed.get(f"/v1/contracts/{listed['id']}")
    assert unsigned["contract"] == listed
    assert (unsigned["value_now"], unsigned["change_orders"][0]["signed_at"]) == ("30000", None)
    assert by_number(unsigned["milestones"])["2"]["price_now"]["amount"] == "20000"

    firm.clock.moment += timedelta(hours=1)
    firm.send("change_order", **order, signed_at=firm.clock.now().isoformat(), signed_by="Client CEO")
    signed = agreed.get(f"/v1/contracts/{listed['id']}")
    assert signed["value_now"] == "36000"
    assert [version["number"] for version in signed["versions"]] == [1, 2]
    assert signed["versions"][1]["origin"] == signed["change_orders"][0]["id"]
    assert signed["version_now"] == signed["versions"][1]["id"]
    second = by_number(signed["milestones"])["2"]
    assert second["price_now"]["amount"] == "26000"
    assert second["price_now"]["change_order"] == signed["change_orders"][0]["id"]
    assert [price["amount"] for price in second["prices"]] == ["20000", "26000"]
    assert listed["purchase_order"] == {"number": "PO-1", "value": "50000", "valid_until": None}


def test_milestones_say_what_became_of_them(agreed: Api) -> None:
    milestones = by_number(agreed.get("/v1/milestones")["items"])
    (billed,), (waiting,) = milestones["1"]["items"], milestones["2"]["items"]
    assert (billed["state"], billed["invoice"]["name"]) == ("billed", "ACME-2026-00001")
    assert (waiting["state"], waiting["reasons"][0]["code"]) == ("waiting", "no_acceptance")
    assert [each["decision"] for each in milestones["1"]["decisions"]] == ["accepted"]
    assert milestones["1"]["evidence"][0].startswith("evi_")
    for milestone in milestones.values():
        assert agreed.get(f"/v1/milestones/{milestone['id']}") == milestone
    (contract,) = agreed.get("/v1/contracts")["items"]
    detail = agreed.get(f"/v1/contracts/{contract['id']}")
    assert by_number(detail["milestones"]) == milestones
    assert agreed.get("/v1/milestones", contract=show("ctr", new_id()))["items"] == []


def test_a_milestone_is_there_before_its_contract(api: Api) -> None:
    api.firm.milestone("M1", contract="K9")
    (milestone,) = api.get("/v1/milestones")["items"]
    assert milestone["contract"]["name"] == ""
    assert "contract_unknown" in [reason["code"] for reason in milestone["items"][0]["reasons"]]
    api.get(f"/v1/contracts/{milestone['contract']['id']}", expect=404)


def test_a_contract_shows_milestones_that_only_decisions_name(agreed: Api) -> None:
    agreed.firm.accept("M7")
    (contract,) = agreed.get("/v1/contracts")["items"]
    named = by_number(agreed.get(f"/v1/contracts/{contract['id']}")["milestones"])["M7"]
    assert (named["known"], named["price_now"]) == (False, None)
    assert named["items"][0]["reasons"][0]["code"] == "not_in_agreement"


def test_a_contract_shows_its_rates_and_which_are_in_force(api: Api) -> None:
    api.firm.customer()
    api.firm.contract(billing="time_and_materials", value=None)
    rates = [
        {"role": "Senior", "hourly": "120", "effective_from": "2026-01-01"},
        {"role": "Senior", "hourly": "133.33", "effective_from": "2026-02-01"},
        {"role": "Senior", "hourly": "150", "effective_from": "2027-01-01"},
    ]
    api.firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    (contract,) = api.get("/v1/contracts")["items"]
    shown = api.get(f"/v1/contracts/{contract['id']}")["rates"]
    assert [(rate["hourly"], rate["in_force"]) for rate in shown] == [("120", False), ("133.33", True), ("150", False)]


@pytest.mark.parametrize("path", PLACES)
def test_who_lacks_the_permission_is_told_which(agreed: Api, path: str) -> None:
    blind = agreed.person("blind", "billing_clerk", scopes=frozenset({"message:write"}))
    item = agreed.get(f"/v1/{path}")["items"][0]
    for place in (f"/v1/{path}", f"/v1/{path}/{item['id']}"):
        assert agreed.get(place, token=blind, expect=403)["permission"] == PLACES[path]


@pytest.mark.parametrize("path", PLACES)
def test_other_tenants_things_and_garbage_are_not_found(
    agreed: Api, make_api: Callable[[TenantConfiguration], Api], path: str
) -> None:
    item = agreed.get(f"/v1/{path}")["items"][0]
    other = make_api(TenantConfiguration())
    assert other.get(f"/v1/{path}")["items"] == []
    for text in (item["id"], show(PREFIXES[path], new_id()), show("cus", new_id()), "garbage", "%2e%2e", "a" * 400):
        other.get(f"/v1/{path}/{text}", expect=404)


@pytest.mark.parametrize("path", PLACES)
def test_a_walk_meets_each_once_while_others_come(api: Api, path: str) -> None:
    firm = api.firm
    firm.customer()

    def add(number: int) -> None:
        firm.contract(f"K{number}")
        firm.milestone(f"M{number}", contract=f"K{number}")
        firm.accept(f"M{number}", contract=f"K{number}")

    for number in range(5):
        add(number)
    before = [item["id"] for item in api.get(f"/v1/{path}")["items"]]
    assert len(before) == 5
    late = iter(range(100, 200))
    walked = api.walk(f"/v1/{path}", limit=2, between=lambda: add(next(late)))
    assert [item["id"] for item in walked] == before
