"""Receivables, payments, disputes and reminders over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from billwright.collections.api import CONTROLLERS as COLLECTIONS
from billwright.kernel.ids import new_id, show
from billwright.receivables.api import CONTROLLERS as RECEIVABLES
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.http import People, bearer, make_client, people
from support.open_items import Books, open_books

__all__ = ["make_client", "people"]

HUNDRED = {"amount": "100.00", "currency": "EUR"}


@dataclass(frozen=True, slots=True)
class Desk:
    """The API of one firm, asked by its billing clerk unless another token is given."""

    client: TestClient[Litestar]
    token: str
    books: Books
    people: People

    def get(self, path: str, token: str | None = None, expect: int = 200, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters, headers=bearer(token or self.token))
        assert answer.status_code == expect, answer.text
        return answer.json()

    def post(self, path: str, body: Any, token: str | None = None, expect: int = 201) -> Any:
        answer = self.client.post(path, json=body, headers=bearer(token or self.token))
        assert answer.status_code == expect, answer.text
        return answer.json()


@pytest.fixture
def desk(
    database: Database,
    tenant: Tenant,
    tmp_path: Path,
    people: People,  # pytest finds the fixture by this name
    make_client: Callable[..., TestClient[Litestar]],  # as above
) -> Desk:
    books = open_books(database, tenant, tmp_path)
    client = make_client(*RECEIVABLES, *COLLECTIONS)
    return Desk(client, people.token("clerk@acme.example", "billing_clerk", "collector", tenant=tenant), books, people)


def payment(**changes: Any) -> dict[str, Any]:
    return {"ref": "bank-1", "amount": HUNDRED, "paid_on": "2026-03-01"} | changes


def test_from_payment_to_settled(desk: Desk) -> None:
    customer = desk.books.customer()
    invoice = desk.books.issue(customer, 100_00, due_in=-5)
    desk.books.work()
    (listed,) = desk.get("/v1/receivables", overdue=True, customer=show("cus", customer))["items"]
    assert (listed["number"], listed["open"], listed["days_overdue"]) == (invoice.number, HUNDRED, 5)

    body = payment(amount={"amount": "40.00", "currency": "EUR"}, invoice_number=invoice.number)
    first = desk.post("/v1/payments", body)
    again = desk.post("/v1/payments", body)
    assert first["applied"] == {"amount": "40.00", "currency": "EUR"}
    assert (first["created"], again["created"], first["id"]) == (True, False, again["id"])

    loose = desk.post("/v1/payments", payment(ref="bank-2"))
    assert [each["id"] for each in desk.get("/v1/payments", unapplied=True)["items"]] == [loose["id"]]
    left = desk.post(f"/v1/payments/{loose['id']}/apply", {"receivable": listed["id"]}, expect=200)
    assert left == {"unapplied": {"amount": "40.00", "currency": "EUR"}}
    shown = desk.get(f"/v1/receivables/{listed['id']}")
    assert shown["receivable"]["open"] == {"amount": "0.00", "currency": "EUR"}
    assert [(each["ref"], each["matched_by"]) for each in shown["payments"]] == [
        ("bank-1", "number"),
        ("bank-2", "person"),
    ]
    assert desk.get("/v1/receivables", overdue=True)["items"] == []


def test_from_dispute_to_reminder(desk: Desk) -> None:
    customer = desk.books.customer()
    invoice = desk.books.issue(customer, 60_00, 40_00, due_in=-5)
    shown = show("inv", invoice.id)

    made = desk.post(f"/v1/invoices/{shown}/disputes", {"line": 2, "reason": "Not ordered"})
    (listed,) = desk.get("/v1/disputes", state="open", invoice=shown)["items"]
    assert (listed["id"], listed["line"], listed["amount"]["amount"]) == (made["id"], 2, "40.00")
    (worst,) = desk.get("/v1/worklist")
    assert (worst["overdue"]["amount"], worst["disputed"]["amount"], worst["days_overdue"]) == ("60.00", "40.00", 5)

    who = {"customer": show("cus", customer), "legal_entity": show("led", desk.books.entity_id), "currency": "EUR"}
    sent = desk.post("/v1/reminders", who)
    assert (sent["step"], sent["total"]["amount"]) == (1, "60.00")
    assert desk.post("/v1/reminders", who, expect=409)["type"].endswith("reminder-sent")
    (reminder,) = desk.get("/v1/reminders", customer=show("cus", customer))["items"]
    assert (reminder["id"], reminder["tone"], len(reminder["receivables"])) == (sent["id"], "friendly", 1)

    path = f"/v1/disputes/{made['id']}/resolve"
    assert desk.post(path, {"resolution": "credited", "reason": "x"}, expect=422)["type"].endswith("input-invalid")
    assert desk.post(path, {"resolution": "upheld", "reason": "Order found"}, expect=200)["state"] == "upheld"
    assert desk.post(path, {"resolution": "upheld", "reason": "again"}, expect=409)["type"].endswith("dispute-closed")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": {"amount": "0", "currency": "EUR"}}, "amount"),
        ({"amount": {"amount": "-5.00", "currency": "EUR"}}, "amount"),
        ({"amount": {"amount": "1.005", "currency": "EUR"}}, "amount"),
        ({"amount": {"amount": "1e99", "currency": "EUR"}}, "amount"),
        ({"amount": {"amount": "NaN", "currency": "EUR"}}, "amount"),
        ({"amount": {"amount": "1.00", "currency": "XYZ"}}, "amount"),
        ({"paid_on": "2026-03-09"}, "paid_on"),
        ({"paid_on": "yesterday"}, "paid_on"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_payment_names_its_field_and_changes_nothing(desk: Desk, change: dict[str, Any], field: str) -> None:
    problem = desk.post("/v1/payments", payment(**change), expect=422)
    assert field in str(problem)
    assert desk.get("/v1/payments")["items"] == []


def test_who_may_not_is_told_which_permission_is_missing(desk: Desk) -> None:
    auditor = desk.people.token("auditor@acme.example", "auditor", tenant=desk.books.tenant)
    blind = desk.people.token(
        "blind@acme.example", "billing_clerk", tenant=desk.books.tenant, scopes=frozenset({"item:hold"})
    )
    assert desk.post("/v1/payments", payment(), token=auditor, expect=403)["permission"] == "payment:write"
    body = {"line": 1, "reason": "x"}
    path = f"/v1/invoices/{show('inv', new_id())}/disputes"
    assert desk.post(path, body, token=auditor, expect=403)["permission"] == "dispute:write"
    who = {"customer": show("cus", new_id()), "legal_entity": show("led", new_id()), "currency": "EUR"}
    assert desk.post("/v1/reminders", who, token=auditor, expect=403)["permission"] == "reminder:send"
    for path in ("receivables", "payments", "disputes", "reminders", "worklist"):
        desk.get(f"/v1/{path}", token=auditor)
        assert desk.get(f"/v1/{path}", token=blind, expect=403)["permission"] == "receivable:read"


def test_another_tenants_objects_are_not_there(desk: Desk, make_tenant: Callable[..., Tenant]) -> None:
    invoice = desk.books.issue(desk.books.customer(), 100_00)
    desk.books.work()
    (listed,) = desk.get("/v1/receivables")["items"]
    mine = desk.post("/v1/payments", payment())
    other = desk.people.token("other@acme.example", "billing_clerk", "collector", tenant=make_tenant("Other"))

    assert desk.get("/v1/receivables", token=other)["items"] == []
    desk.get(f"/v1/receivables/{listed['id']}", token=other, expect=404)
    desk.post(f"/v1/payments/{mine['id']}/apply", {"receivable": listed["id"]}, token=other, expect=404)
    path = f"/v1/invoices/{show('inv', invoice.id)}/disputes"
    desk.post(path, {"line": 1, "reason": "x"}, token=other, expect=404)
    desk.get("/v1/receivables/rcv_nonsense", expect=404)
    desk.get("/v1/receivables", limit=0, expect=422)
    desk.get("/v1/receivables", cursor="nonsense", expect=422)
    desk.get("/v1/disputes", state="credited", expect=422)
