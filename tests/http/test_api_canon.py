"""Customers, projects, time entries and expenses over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from support.api import Api

LISTS = {"customers": "cus", "projects": "prj", "time-entries": "tim", "expenses": "exp"}


@pytest.fixture
def worked(api: Api) -> Api:
    """A customer, a project, a contract by time, a time entry, an expense."""
    firm = api.firm
    firm.customer()
    firm.send("project", ref="P1", name="Bridge", code="BR", customer="C1", manager_email="pm@acme.example")
    firm.contract(project="P1", billing="time_and_materials", value=None)
    firm.send(
        "time_entry", ref="T1", contract="K1", project="P1", person_name="Jo", role="Senior", worked_on="2026-02-03",
        hours="7.50", status="approved", approved_by="Lead", note="Piers",
    )  # fmt: skip
    firm.send(
        "expense", ref="E1", contract="K1", person_name="Jo", spent_on="2026-02-04", category="travel",
        description="Train", amount="120", currency="EUR",
    )  # fmt: skip
    return api


def only(api: Api, path: str) -> dict[str, object]:
    (item,) = api.get(f"/v1/{path}")["items"]
    assert isinstance(item, dict)
    return item


def test_a_customer_is_shown_as_the_source_sent_it(worked: Api) -> None:
    customer = only(worked, "customers")
    assert customer["ref"] == "psa:test:C1" or str(customer["ref"]).endswith("C1")
    assert (customer["name"], customer["tax_id"]) == ("Client SA", "FR40303265045")
    assert customer["billing_email"] == "ap@client.example"
    assert worked.get(f"/v1/customers/{customer['id']}") == customer


def test_work_names_its_contract_and_project(worked: Api) -> None:
    entry, expense, project = (only(worked, path) for path in ("time-entries", "expenses", "projects"))
    assert isinstance(entry["contract"], dict)
    assert (entry["contract"]["name"], entry["hours"], entry["project"]) == ("K1", "7.5", project["id"])
    assert expense["amount"] == {"amount": "120.00", "currency": "EUR"}
    assert (expense["status"], expense["contract"]) == ("submitted", entry["contract"])
    assert isinstance(project["customer"], dict)
    assert project["customer"]["name"] == "Client SA"


@pytest.mark.parametrize("path", LISTS)
def test_one_is_shown_as_in_its_list(worked: Api, path: str) -> None:
    item = only(worked, path)
    assert worked.get(f"/v1/{path}/{item['id']}") == item


@pytest.mark.parametrize("path", LISTS)
def test_who_lacks_the_permission_is_told_which(worked: Api, path: str) -> None:
    blind = worked.person("blind", "billing_clerk", scopes=frozenset({"message:write"}))
    item = only(worked, path)
    for place in (f"/v1/{path}", f"/v1/{path}/{item['id']}"):
        assert worked.get(place, token=blind, expect=403)["permission"] == "contract:read"


@pytest.mark.parametrize(("path", "prefix"), LISTS.items())
def test_what_is_not_there_or_not_an_identifier_is_not_found(api: Api, path: str, prefix: str) -> None:
    for text in (show(prefix, new_id()), show("inv", new_id()), "garbage", f"{prefix}_zz", "%F0%9F%92%B6", "'--"):
        assert api.get(f"/v1/{path}/{text}", expect=404)["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", LISTS)
def test_another_tenant_sees_nothing_of_it(
    worked: Api, make_api: Callable[[TenantConfiguration], Api], path: str
) -> None:
    item = only(worked, path)
    other = make_api(TenantConfiguration())
    assert other.get(f"/v1/{path}")["items"] == []
    other.get(f"/v1/{path}/{item['id']}", expect=404)


def test_filters_narrow_lists(worked: Api) -> None:
    worked.firm.customer("C2", name="Otherwise Ltd")
    customers = {each["name"]: each["id"] for each in worked.get("/v1/customers")["items"]}
    assert [each["name"] for each in worked.get("/v1/customers", name="otherW")["items"]] == ["Otherwise Ltd"]
    assert worked.get("/v1/customers", name="%")["items"] == []
    assert len(worked.get("/v1/projects", customer=customers["Client SA"])["items"]) == 1
    assert worked.get("/v1/projects", customer=customers["Otherwise Ltd"])["items"] == []
    contract = only(worked, "time-entries")["contract"]
    assert isinstance(contract, dict)
    cases: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("time-entries", {"contract": contract["id"]}, {"contract": show("ctr", new_id())}),
        ("time-entries", {"worked_from": "2026-02-03", "worked_to": "2026-02-03"}, {"worked_to": "2026-02-02"}),
        ("time-entries", {"status": "approved"}, {"status": "rejected"}),
        ("expenses", {"status": "submitted"}, {"status": "approved"}),
    )
    for path, wanted, unwanted in cases:
        assert len(worked.get(f"/v1/{path}", **wanted)["items"]) == 1
        assert worked.get(f"/v1/{path}", **unwanted)["items"] == []


def test_wrong_parameters_are_named(api: Api) -> None:
    for parameters, field in (
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"cursor": "garbage"}, "cursor"),
        ({"status": "lost"}, "status"),
        ({"worked_from": "yesterday"}, "worked_from"),
    ):
        assert api.get("/v1/time-entries", expect=422, **parameters)["field"] == field
    api.get("/v1/time-entries", expect=404, contract="garbage")


def test_a_walk_meets_every_customer_once_while_others_come(api: Api) -> None:
    for number in range(7):
        api.firm.customer(f"C{number}")
    late = iter(range(100, 200))
    walked = api.walk("/v1/customers", limit=2, between=lambda: api.firm.customer(f"C{next(late)}"))
    assert [each["ref"][-2:] for each in walked] == [f"C{number}" for number in reversed(range(7))]
