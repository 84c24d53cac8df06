"""The e-invoice on the invoice page, as a clerk sees it: why the draft is held, and the file once it was sent."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.einvoice.checker import Checker
from billwright.einvoice.jobs import handlers
from billwright.einvoice.make_einvoice import maker_of
from billwright.jobs.handlers import Handlers
from billwright.kernel.ids import show
from billwright.tenancy.configuration import RuleSetting, TenantConfiguration
from billwright.web.app import make_app
from billwright.web.composition import spine_handlers
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.services import Services
from support.browser import log_in, open_context, serve
from support.http import People, settings_for
from support.pipeline import AUTOMATIC, Firm

pytestmark = pytest.mark.browser
GERMAN: dict[str, Any] = {
    "address": {"street": "Hafenstr. 9", "postal_code": "20457", "city": "Hamburg", "country": "DE"},
    "tax_id": "DE987654321",
}


@pytest.fixture
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm], checker: Checker) -> Firm:
    rules = (RuleSetting(name="duplicate_billing"),)
    made = make_firm(
        TenantConfiguration(rules=rules, approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False)
    )
    made.handlers = Handlers.of(*spine_handlers().by_kind.values(), *handlers(made.database, checker))
    return made


def test_a_clerk_reads_why_a_draft_is_held_and_fetches_the_file_when_it_is_mended(
    firm: Firm, people: People, browser: Browser, checker: Checker, tmp_path: Path
) -> None:
    firm.customer(einvoice={"format": "xrechnung_ubl"}, **GERMAN)
    firm.contract()
    firm.milestone()
    firm.accept()
    people.person("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    settings, store = settings_for(tmp_path), FileStore(tmp_path / "files")
    services = Services(
        settings=settings, database=firm.database, problem_page=problem_page, dependencies={"store": store}
    )
    with serve(make_app(services, CONTROLLERS)) as port:
        context, page, watch = open_context(browser, f"127.0.0.1:{port}")
        page.goto(f"/p/{people.partner_slug}/login")
        log_in(page, "clerk@acme.example")
        place = f"/t/{firm.tenant.slug}/invoices/{show('inv', firm.invoice().id)}"
        page.goto(place)
        card = page.get_by_role("region", name="E-invoice")
        expect(card).to_contain_text("Breaks the rules")
        expect(card).to_contain_text("BR-DE-15")
        expect(card).to_contain_text("Send the customer with it")
        expect(card.get_by_role("link")).to_have_count(0)

        firm.customer(einvoice={"format": "ubl"}, **GERMAN)
        invoice = firm.invoice()
        renderer = Renderer()
        render_invoice(
            Printer(firm.database, store, renderer, maker_of(firm.database, checker)), firm.tenant, invoice.id
        )
        renderer.close()
        page.goto(place)
        expect(card).to_contain_text("EN 16931 (UBL)")
        with page.expect_download() as downloading:
            card.get_by_role("link", name="E-invoice (XML)").click()
        assert downloading.value.suggested_filename == f"{invoice.number}.xml"
        assert str(invoice.number) in Path(downloading.value.path()).read_text(encoding="utf-8")
        assert watch.wrong == []
        context.close()
