"""A finding is let pass in the browser: asked for by the clerk, decided by the lead, seen by everybody; and how it looks."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from billwright.canon.tables import CustomerRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.transaction import transaction
from browser.conftest import Portal
from support.browser import AXE, log_in, open_context
from support.pipeline import Firm

pytestmark = pytest.mark.browser
WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def held(portal: Portal) -> UUID:
    """A draft of this file's own that lacks its purchase order."""
    firm: Firm = portal.seed.firms["northgate"]
    firm.customer("C-WVR", name="Waiver & Sons", po_required=True)
    firm.contract("K-WVR", customer="C-WVR", number="WVR-1", legal_entity="")
    firm.milestone("M-WVR", "K-WVR", name="Site survey")
    firm.accept("M-WVR", "K-WVR")
    return next(row.id for row in firm.invoices() if row.detail == "blocked" and row.customer_id == _customer(firm))


def _customer(firm: Firm) -> UUID:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.scalars(select(CustomerRow.id).where(CustomerRow.ref == "C-WVR")).one()


def serious(page: Page) -> list[str]:
    page.evaluate(f"window.axe || {AXE.read_text(encoding='utf-8')}")
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}" for each in found["violations"] if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_finding_and_its_waiver_look_right(
    portal: Portal, browser: Browser, held: UUID, screenshots: Path, width: str, scheme: Any
) -> None:
    context, page, watch = open_context(
        browser, portal.host("halden"), viewport=WIDTHS[width], color_scheme=scheme, reduced_motion="reduce"
    )
    page.goto(f"/t/northgate/invoices/{show('inv', held)}")
    log_in(page, "clerk@northgate.example")
    opened = page.get_by_text("Ask to let it pass")
    if opened.count():
        opened.click()
    page.screenshot(path=screenshots / f"waiver-{width}-{scheme}.png", full_page=True)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]["width"]
    context.close()
    assert watch.wrong == []


def test_two_people_let_a_finding_pass(portal: Portal, browser: Browser, held: UUID, screenshots: Path) -> None:
    firm = portal.seed.firms["northgate"]
    path = f"/t/northgate/invoices/{show('inv', held)}"
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto(path)
    log_in(page, "clerk@northgate.example")
    page.get_by_text("Ask to let it pass").press("Enter")
    page.get_by_label("Why may it pass?").fill("The customer pays without an order.")
    page.get_by_label("Where is the proof?").fill("Letter of 1 March")
    page.get_by_role("button", name="Ask for a waiver of this finding").press("Enter")
    expect(page.locator("#said")).to_contain_text("somebody else decides")
    expect(page.locator(".facts-side")).to_contain_text("Asked by Hanna Vogel")
    context.close()
    assert watch.wrong == []

    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/approvals")
    log_in(page, "manager@northgate.example")
    asked = page.locator(".waivers")
    expect(asked).to_contain_text("Waiver & Sons")
    page.screenshot(path=screenshots / "waiver-inbox.png", full_page=True)
    assert serious(page) == []
    asked.get_by_role("link", name="Waiver & Sons").click()
    page.get_by_text("Decide whether it may pass").click()
    page.get_by_label("Your reason").fill("I saw the letter.")
    page.screenshot(path=screenshots / "waiver-decide.png", full_page=True)
    page.get_by_role("button", name="Let this finding pass").click()
    expect(page.locator("#said")).to_contain_text("being checked again")
    firm.drain()
    page.goto(path)
    expect(page.locator(".facts-side")).to_contain_text("Granted by Samir Haddad")
    expect(page.locator(".facts-side")).to_contain_text("somebody else has to approve it")
    expect(page.get_by_role("button", name="Approve – Draft of")).to_have_count(0)
    page.screenshot(path=screenshots / "waiver-granted.png", full_page=True)
    assert serious(page) == []
    context.close()
    assert watch.wrong == []
    assert next(row for row in firm.invoices() if row.id == held).detail.startswith("awaiting_")
