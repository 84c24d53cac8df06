"""The e-invoice on the invoice page and over the API: what the rules said, and the file as it was sent."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from billwright.documents.api import CONTROLLERS
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.einvoice.checker import Checker
from billwright.einvoice.jobs import handlers
from billwright.einvoice.make_einvoice import maker_of
from billwright.jobs.handlers import Handlers
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import RuleSetting, TenantConfiguration
from billwright.tenancy.transaction import Tenant
from billwright.web.composition import spine_handlers
from support.http import People, bearer
from support.pipeline import AUTOMATIC, Firm
from support.visitors import LogIn, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
STATEMENTS_MAX = 9
GERMAN: dict[str, Any] = {
    "address": {"street": "Hafenstr. 9", "postal_code": "20457", "city": "Hamburg", "country": "DE"},
    "tax_id": "DE987654321",
}


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm], checker: Checker) -> Firm:
    rules = (RuleSetting(name="duplicate_billing"),)
    made = make_firm(
        TenantConfiguration(rules=rules, approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False)
    )
    made.handlers = Handlers.of(*spine_handlers().by_kind.values(), *handlers(made.database, checker))
    return made


def bill(firm: Firm, **customer: Any) -> None:
    firm.customer(**customer)
    firm.contract()
    firm.milestone()
    firm.accept()


def page_of(firm: Firm) -> str:
    return f"invoices/{show('inv', firm.invoice().id)}"


def test_a_held_draft_shows_rule_field_and_remedy(firm: Firm, log_in_to: LogIn) -> None:
    bill(firm, einvoice={"format": "xrechnung_ubl"}, **GERMAN)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")

    path = page_of(firm)
    clerk.get(path)
    with counted_statements(firm.database) as statements:
        status, page = clerk.get(path)

    assert status == 200
    assert len(statements) <= STATEMENTS_MAX
    seen = text_of(page)
    assert "E-invoice Breaks the rules XRechnung 3 (UBL) Because the customer asks for it." in seen
    assert "Fatal BR-DE-15 XRechnung 3.0 asks for the buyer reference (BT-10). buyer reference (BT-10) To mend:" in seen
    assert "E-invoice (XML)" not in seen


def test_a_duty_that_nobody_meets_is_said_with_its_remedy(firm: Firm, log_in_to: LogIn) -> None:
    bill(firm, einvoice={"format": "none", "party": "public"}, **GERMAN)
    seen = text_of(log_in_to(firm, "clerk@acme.example", "billing_clerk").get(page_of(firm))[1])

    assert "E-invoice Not made No e-invoice" in seen
    assert "take invoices as XRechnung only" in seen


def test_who_wants_none_reads_nothing_of_it(firm: Firm, log_in_to: LogIn) -> None:
    bill(firm)
    seen = text_of(log_in_to(firm, "clerk@acme.example", "billing_clerk").get(page_of(firm))[1])

    assert "E-invoice" not in seen


def test_the_file_is_fetched_from_the_page_to_the_byte(
    firm: Firm,
    log_in_to: LogIn,
    store: FileStore,
    renderer: Renderer,
    checker: Checker,
    make_client: Callable[..., TestClient[Litestar]],
    people: People,
    make_tenant: Callable[..., Tenant],
) -> None:
    bill(firm, einvoice={"format": "ubl"}, **GERMAN)
    invoice = firm.invoice()
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk", store=store)
    assert clerk.get(f"{page_of(firm)}/einvoice")[0] == 404

    render_invoice(Printer(firm.database, store, renderer, maker_of(firm.database, checker)), firm.tenant, invoice.id)

    seen = text_of(clerk.get(page_of(firm))[1])
    assert "E-invoice Made EN 16931 (UBL)" in seen
    assert "E-invoice (XML)" in seen
    answer = clerk.client.get(f"{clerk.base}/{page_of(firm)}/einvoice")
    assert answer.headers["content-type"].startswith("application/xml")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert str(invoice.number) in answer.text

    api = make_client(*CONTROLLERS, dependencies={"store": store})
    path = f"/v1/invoices/{show('inv', invoice.id)}/einvoice"
    mine = bearer(people.token("reader@acme.example", "auditor", tenant=firm.tenant))
    fetched = api.get(path, headers=mine)
    assert (fetched.status_code, fetched.content) == (200, answer.content)
    assert api.get(f"/v1/invoices/{show('inv', new_id())}/einvoice", headers=mine).status_code == 404
    theirs = bearer(people.token("reader@other.example", "auditor", tenant=make_tenant("Other")))
    assert api.get(path, headers=theirs).status_code == 404
    narrow = bearer(
        people.token("narrow@acme.example", "auditor", tenant=firm.tenant, scopes=frozenset({"audit:read"}))
    )
    assert api.get(path, headers=narrow).status_code == 403
    assert api.get(path).status_code == 401
