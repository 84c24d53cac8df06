"""Writing items down over HTTP: who may, what comes back, what is refused."""

from typing import Any

import pytest

from support.api import Api

BODY = {"amount": {"amount": "450.00", "currency": "EUR"}, "reason_code": "goodwill", "text": "Agreed on the phone."}


@pytest.fixture
def worked(api: Api) -> Api:
    """Approved time that waits for the month to end."""
    api.firm.customer()
    api.firm.contract(billing="time_and_materials", grouping="monthly")
    rates = [{"role": "Engineer", "hourly": "120.00", "effective_from": "2026-01-01"}]
    api.firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    entry: dict[str, Any] = {
        "ref": "T1",
        "contract": "K1",
        "person_name": "Ann Lee",
        "role": "Engineer",
        "hours": "5",
        "status": "approved",
    }
    api.firm.send("time_entry", **entry, worked_on=api.firm.clock.now().date().isoformat())
    return api


def test_a_clerk_writes_an_item_down_and_takes_it_back(worked: Api) -> None:
    clerk = worked.person("cleo", "billing_clerk")
    (item,) = worked.get("/v1/items")["items"]
    answer = worked.post(f"/v1/items/{item['id']}/adjustment", BODY, token=clerk, expect=200)

    assert answer["amount"] == {"amount": "450.00", "currency": "EUR"}
    assert answer["standard"] == {"amount": "600.00", "currency": "EUR"}
    assert (answer["adjusted_by"], answer["notes"][0]["code"]) == ("person:goodwill", "adjusted_by_person")
    back = worked.post(
        f"/v1/items/{item['id']}/adjustment",
        {"reason_code": "correction", "text": "A mistake."},
        token=clerk,
        expect=200,
    )
    assert (back["amount"]["amount"], back["standard"]) == ("600.00", None)


def test_others_may_not_and_nonsense_is_refused(worked: Api) -> None:
    clerk = worked.person("cleo", "billing_clerk")
    (item,) = worked.get("/v1/items")["items"]
    path = f"/v1/items/{item['id']}/adjustment"
    worked.post(path, BODY, token=worked.person("fin", "finance_approver"), expect=403)
    worked.post("/v1/items/bil_00000000000070008000000000000000/adjustment", BODY, token=clerk, expect=404)
    worked.post(path, BODY | {"amount": None}, token=clerk, expect=409)
    for wrong in (
        {"reason_code": "because"},
        {"text": ""},
        {"amount": {"amount": "1.001", "currency": "EUR"}},
        {"x": 1},
    ):
        worked.post(path, BODY | wrong, token=clerk, expect=422)

    assert worked.get("/v1/items")["items"] == [item]
