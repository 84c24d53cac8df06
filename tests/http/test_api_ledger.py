"""Trial balance, entries and write-offs over HTTP: for those who may, in their own tenant."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant
from support.api import Api
from support.http import bearer
from support.pipeline import AUTOMATIC, Firm


@pytest.fixture
def api(make_firm: Callable[[TenantConfiguration], Firm], open_api: Callable[[Firm], Api]) -> Api:
    """One invoice of EUR 10,000.00."""
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    firm.accept()
    firm.clock.moment += timedelta(days=3)
    return open_api(firm)


def test_the_trial_balance_and_the_entries_behind_it(api: Api) -> None:
    found = api.get("/v1/reports/trial-balance")
    accounts = {row["account"]: row for row in found["balances"]}
    assert set(accounts) == {"1200", "4000"}
    owed = accounts["1200"]
    assert (owed["role"], owed["currency"], owed["base_currency"], owed["unvalued"]) == ("receivable", "EUR", "EUR", 0)
    assert owed["sums"] == {"opening": "0.00", "debit": "10000.00", "credit": "0.00", "closing": "10000.00"}
    assert owed["in_base"] == owed["sums"]
    (entry,) = api.get("/v1/journal-entries", account="1200")["items"]
    assert (entry["kind"], entry["base_currency"], entry["rates"]) == ("invoice", "EUR", [])
    assert [(line["account"], line["amount"]) for line in entry["lines"]] == [
        ("1200", "10000.00"),
        ("4000", "-10000.00"),
    ]
    later = api.get("/v1/reports/trial-balance", first="2026-03-04", last="2026-03-31", entity=owed["entity"])
    assert later["balances"][0]["sums"]["opening"] == "10000.00"
    api.get("/v1/reports/trial-balance", entity="XX", expect=404)
    narrow = api.person("narrow", "billing_clerk", scopes=frozenset({"invoice:read"}))
    for path in ("/v1/reports/trial-balance", "/v1/journal-entries"):
        assert "report:read" in api.get(path, token=narrow, expect=403)["detail"]


def test_a_write_off_takes_two_people(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    (owed,) = api.get("/v1/receivables")["items"]
    path = f"/v1/receivables/{owed['id']}/write-offs"
    body = {"reason": "insolvent", "note": "Court order", "amount": {"amount": "9000.00", "currency": "EUR"}}
    one, two = api.person("one", "finance_approver"), api.person("two", "finance_approver")

    assert "receivable:write_off" in api.post(path, body, expect=403)["detail"]
    asked = api.post(path, body, token=one, expect=201)
    assert (asked["state"], asked["amount"]) == ("asked", {"amount": "9000.00", "currency": "EUR"})
    decision = f"/v1/write-offs/{asked['id']}/decision"
    own = api.post(decision, {"decision": "book"}, token=one, expect=403)
    assert own["type"] == "/problems/own-write-off"
    stranger = api.people.token("far@other.example", "finance_approver", tenant=make_tenant("Other Firm"))
    hidden = api.client.post(decision, json={"decision": "book"}, headers=bearer(stranger))
    assert hidden.status_code == 404
    assert api.post(decision, {"decision": "book"}, token=two, expect=200)["state"] == "booked"
    again = api.post(decision, {"decision": "book"}, token=two, expect=409)
    assert again["type"] == "/problems/write-off-decided"

    assert api.get(f"/v1/receivables/{owed['id']}")["receivable"]["open"]["amount"] == "1000.00"
    (listed,) = api.get("/v1/write-offs", state="booked")["items"]
    assert (listed["id"], listed["reason"], listed["decided_by"]) == (asked["id"], "insolvent", "Two (test)")
    assert api.get("/v1/write-offs", state="asked")["items"] == []
    api.post(path, {**body, "note": ""}, token=one, expect=422)


def test_the_journal_goes_out_once(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    entity = api.get("/v1/reports/trial-balance")["balances"][0]["entity"]
    body = {"entity": entity, "last": "2026-03-31", "accounts": {"4000": "4400"}}
    keeper = api.person("keeper", "integration_administrator")
    reader = api.person("reader", "auditor")

    assert "posting:retry" in api.post("/v1/journal-exports", body, token=reader, expect=403)["detail"]
    made = api.post("/v1/journal-exports", body, token=keeper, expect=201)
    assert (made["number"], made["entries"]) == (1, 1)
    assert api.post("/v1/journal-exports", body, token=keeper, expect=409)["type"] == "/problems/nothing-to-export"
    (listed,) = api.get("/v1/journal-exports", token=reader)["items"]
    assert listed == made
    path = f"/v1/journal-exports/{made['id']}/file"
    file = api.client.get(path, headers=bearer(reader))
    assert (file.status_code, hashlib.sha256(file.content).hexdigest()) == (200, made["sha256"])
    assert b",4400,revenue,EUR,,10000.00,EUR,,10000.00," in file.content
    stranger = api.people.token("far@other.example", "auditor", tenant=make_tenant("Other Firm"))
    assert api.client.get(path, headers=bearer(stranger)).status_code == 404
