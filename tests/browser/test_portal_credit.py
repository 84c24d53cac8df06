"""A clerk credits part of an invoice, in every size and light; then the draft says what it takes back."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from billwright.documents.store import FileStore
from billwright.kernel.ids import show
from billwright.web.app import make_app
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.services import Services
from browser.test_portal_pages import examine_in_all_lights
from support.browser import log_in, open_context, serve
from support.crediting import an_invoice, with_series
from support.http import People, settings_for
from support.pipeline import Firm

pytestmark = pytest.mark.browser


def test_a_clerk_credits_part_of_an_invoice(firm: Firm, people: People, browser: Browser, tmp_path: Path) -> None:
    wrong: list[str] = []
    invoice = an_invoice(with_series(firm))
    people.person("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    services = Services(
        settings=settings_for(tmp_path), database=firm.database, problem_page=problem_page,
        dependencies={"store": FileStore(tmp_path / "files")},
    )  # fmt: skip
    with serve(make_app(services, CONTROLLERS)) as port:
        context, page, watch = open_context(browser, f"127.0.0.1:{port}")
        page.goto(f"/p/{people.partner_slug}/login")
        log_in(page, "clerk@acme.example")
        page.goto(f"/t/{firm.tenant.slug}/invoices/{show('inv', invoice.id)}")
        page.get_by_role("link", name="Credit", exact=False).first.click()
        examine_in_all_lights(page, "credit", wrong, tmp_path)
        radio = page.get_by_role("radio", name="The amounts above").bounding_box()
        assert radio is not None
        assert radio["width"] < 30  # beside its words, not as wide as the page
        page.get_by_label("Net amount to credit of line 1").fill("2500.00")
        page.get_by_role("radio", name=re.compile("^Bill it again")).check()
        page.get_by_label("Reason, printed on the credit note").fill("Too much.")
        page.get_by_role("button", name="Draft the credit note").click()
        expect(page.get_by_role("status")).to_contain_text("somebody else approves it")
        expect(page.locator("main")).to_contain_text("Too much.")
        examine_in_all_lights(page, "credit note", wrong, tmp_path)
        assert (wrong, watch.wrong) == ([], [])
        context.close()
