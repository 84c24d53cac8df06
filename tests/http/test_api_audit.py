"""The audit trail over HTTP."""

from collections.abc import Callable

import pytest

from billwright.billing.tables import InvoiceRow
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from support.api import Api


@pytest.fixture
def auditor(api: Api) -> str:
    return api.person("auditor", "auditor")


@pytest.fixture
def issued(api: Api) -> InvoiceRow:
    api.firm.customer()
    api.firm.contract()
    api.firm.milestone()
    api.firm.accept()
    return api.firm.invoice()


def test_the_story_of_an_invoice_newest_first(api: Api, auditor: str, issued: InvoiceRow) -> None:
    invoice = show("inv", issued.id)
    entries = api.get("/v1/audit", token=auditor, subject=invoice)["items"]
    actions = [entry["action"] for entry in entries]
    assert actions.index("invoice.issued") < actions.index("invoice.clean") < actions.index("invoice.submitted")
    assert {entry["subject"] for entry in entries} == {invoice}
    assert {entry["subject_kind"] for entry in entries} == {"invoice"}
    times = [entry["at"] for entry in entries]
    assert times == sorted(times, reverse=True)


def test_actions_are_found_by_name_or_beginning(api: Api, auditor: str, issued: InvoiceRow) -> None:
    exact = api.get("/v1/audit", token=auditor, action="invoice.issued")["items"]
    assert [(entry["action"], entry["subject"]) for entry in exact] == [("invoice.issued", show("inv", issued.id))]
    begun = api.get("/v1/audit", token=auditor, action="item.")["items"]
    assert {entry["action"].partition(".")[0] for entry in begun} == {"item"}
    assert api.get("/v1/audit", token=auditor, action="%.")["items"] == []
    assert api.get("/v1/audit", token=auditor, subject=show("inv", new_id()))["items"] == []


def test_who_may_not_read_it_is_told(api: Api) -> None:
    assert api.get("/v1/audit", expect=403)["permission"] == "audit:read"


def test_garbage_is_refused(api: Api, auditor: str) -> None:
    api.get("/v1/audit", token=auditor, subject="garbage", expect=404)
    assert api.get("/v1/audit", token=auditor, cursor="x", expect=422)["field"] == "cursor"


def test_other_tenants_entries_are_not_there(
    api: Api, issued: InvoiceRow, make_api: Callable[[TenantConfiguration], Api]
) -> None:
    other = make_api(TenantConfiguration())
    mole = other.person("mole", "auditor")
    assert other.get("/v1/audit", token=mole, subject=show("inv", issued.id))["items"] == []
    assert other.get("/v1/audit", token=mole, action="invoice.")["items"] == []


def test_a_walk_meets_every_entry_once_while_others_come(api: Api, auditor: str, issued: InvoiceRow) -> None:
    before = [entry["id"] for entry in api.get("/v1/audit", token=auditor, limit=200)["items"]]
    late = iter(range(100, 200))
    walked = api.walk("/v1/audit", token=auditor, limit=5, between=lambda: api.firm.milestone(f"M{next(late)}"))
    assert [entry["id"] for entry in walked] == before
    assert len(before) > 5
