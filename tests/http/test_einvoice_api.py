"""``POST /v1/documents/einvoice``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import event

from billwright.audit.api import CONTROLLERS as AUDIT
from billwright.einvoice.api import CONTROLLERS
from billwright.einvoice.checker import Checker
from billwright.einvoice.findings import DOCUMENT_BYTES_MAX
from billwright.einvoice.keep_rules import add_rules, remove_rules
from billwright.einvoice.write import write_cii, write_ubl
from billwright.identity.act import operator
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from billwright.web.composition import controllers
from support.einvoices import an_invoice
from support.http import People, bearer
from support.rule_sets import RULE_SET

PATH = "/v1/documents/einvoice"
Send = Callable[..., Any]


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    """One for all tests here, as one is for all requests of a process."""
    made = Checker()
    yield made
    made.stop()


@dataclass(frozen=True)
class Door:
    """The API of e-invoices and of the audit trail."""

    client: TestClient[Litestar]
    people: People
    tenant: Tenant

    def token(self, name: str, role: str, **more: Any) -> str:
        return self.people.token(f"{name}@acme.example", role, tenant=self.tenant, **more)

    def checks(self) -> list[Any]:
        """What the audit trail of the tenant says was checked."""
        headers = bearer(self.token("auditor", "auditor"))
        answer = self.client.get("/v1/audit", params={"action": "einvoice.checked"}, headers=headers)
        entries: list[Any] = answer.json()["items"]
        return entries


@pytest.fixture
def door(make_client: Callable[..., TestClient[Litestar]], people: People, tenant: Tenant, checker: Checker) -> Door:
    client = make_client(*CONTROLLERS, *AUDIT, dependencies={"checker": checker})
    return Door(client, people, tenant)


@pytest.fixture
def send(door: Door) -> Send:
    """``send(body, expect=200, token=..., **headers)``: the answer's JSON."""
    clerk = door.token("clerk", "billing_clerk")

    def post(body: bytes, *, expect: int = 200, token: str | None = None, **headers: str) -> Any:
        kind = {"Content-Type": "application/xml"} | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = door.client.post(PATH, content=body, headers=bearer(token or clerk) | kind)
        assert answer.status_code == expect, answer.text
        return answer.json()

    return post


@pytest.mark.parametrize("write", [write_ubl, write_cii])
def test_a_document_is_checked_and_read(send: Send, write: Callable[..., bytes]) -> None:
    answer = send(write(an_invoice()))

    assert (answer["verdict"], answer["findings"], answer["specification"]) == ("valid", [], "urn:cen.eu:en16931:2017")
    invoice = answer["invoice"]
    assert (invoice["number"], invoice["issued_on"]) == ("BW-2026-001", "2026-03-31")
    assert invoice["totals"]["due"] == {"amount": "1428.00", "currency": "EUR"}
    assert invoice["lines"][0]["price"]["net"] == "120.00"
    assert invoice["buyer"]["name"] == "Harbour AG"
    assert (answer["not_carried"], answer["unreadable"]) == ([], [])


def test_a_document_with_faults_is_answered_with_its_findings(send: Send) -> None:
    answer = send(write_ubl(an_invoice(number=None)))

    assert answer["verdict"] == "invalid"
    finding = next(each for each in answer["findings"] if each["rule"] == "BR-02")
    assert finding["severity"] == "fatal"
    assert finding["field"] == "invoice number (BT-1)"
    assert finding["remedy"] == "Fill in invoice number (BT-1)."
    assert answer["invoice"]["number"] is None


def test_what_is_no_document_is_answered_too(send: Send) -> None:
    answer = send(b"%PDF-1.7 cut off", Content_Type="application/pdf")

    assert (answer["verdict"], answer["container"], answer["invoice"]) == ("invalid", "pdf", None)
    assert [each["rule"] for each in answer["findings"]] == ["pdf-unreadable"]


def test_refusals_name_what_is_wrong(door: Door, send: Send) -> None:
    assert send(b"  ", expect=422)["field"] == "body"
    assert send(b"<" + b" " * DOCUMENT_BYTES_MAX, expect=413)["type"] == "/problems/body-too-large"
    blind = door.token("blind", "billing_clerk", scopes=frozenset({"message:read"}))
    assert send(b"<a/>", expect=403, token=blind)["permission"] == "invoice:read"
    assert door.client.post(PATH, content=b"<a/>").status_code == 401


def test_the_check_is_in_the_tenant_s_audit_and_in_no_other_s(
    door: Door, send: Send, make_tenant: Callable[..., Tenant]
) -> None:
    send(write_ubl(an_invoice(number=None)))

    assert [(each["after"]["verdict"], "BR-02" in each["after"]["fatal"]) for each in door.checks()] == [
        ("invalid", True)
    ]
    assert replace(door, tenant=make_tenant("Other")).checks() == []


def test_the_same_key_is_checked_once(door: Door, send: Send) -> None:
    document = write_ubl(an_invoice())
    first = send(document, Idempotency_Key="k1")

    assert send(document, Idempotency_Key="k1") == first
    assert send(write_ubl(an_invoice(number="2")), expect=422, Idempotency_Key="k1")["type"].endswith("conflict")
    assert len(door.checks()) == 1


def test_the_install_has_it() -> None:
    assert set(CONTROLLERS) <= set(controllers())


@pytest.fixture
def specification(database: Database, checker: Checker) -> Iterator[str]:
    """A specification with a rule set of the operator's."""
    named = f"urn:test:{new_id().hex}"
    content = RULE_SET.encode()
    identifier = add_rules(database, operator(), content, name="Ours 1", applies_to=named, checker=checker)
    yield f"urn:cen.eu:en16931:2017#compliant#{named}"
    remove_rules(database, operator(), identifier)


def test_rules_of_the_operator_hold_from_the_next_document_on(send: Send, specification: str) -> None:
    answer = send(write_ubl(an_invoice(specification=specification)))

    assert answer["rule_sets"] == ["EN 16931 UBL 1.3.16", "Ours 1"]
    assert [(each["rule"], each["field"]) for each in answer["findings"]] == [("OURS-1", "invoice number (BT-1)")]
    assert answer["not_checked"] == []
    assert send(write_ubl(an_invoice(specification=specification, number="OK-1")))["verdict"] == "valid"
    assert "Ours 1" not in send(write_cii(an_invoice(specification=specification)))["rule_sets"]


def test_rules_are_fetched_once_per_process(database: Database, send: Send, specification: str) -> None:
    document = write_ubl(an_invoice(specification=specification, number="OK-1"))
    send(document)
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        send(document)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    asked = [each for each in statements if "einvoice_rule_set" in each]
    assert len(asked) == 1
    assert "content" not in asked[0]
