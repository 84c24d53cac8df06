"""Customers, contracts, work and settings: clean in two brands, light and dark, wide and on a phone; and people at work."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from billwright.canon.tables import ContractRow, CustomerRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.transaction import transaction
from browser.conftest import Portal
from browser.test_portal_pages import examine_in_all_lights
from support.browser import log_in, open_context

pytestmark = pytest.mark.browser


def room_pages(portal: Portal, slug: str) -> dict[str, str]:
    """Name to path of every page of the new rooms, empty ones too."""
    firm = portal.seed.firms[slug]
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        customers = {row.ref: show("cus", row.id) for row in tx.session.scalars(select(CustomerRow))}
        contracts = {row.ref: show("ctr", row.id) for row in tx.session.scalars(select(ContractRow))}
    pages = {
        "customers": "customers", "customers-none": "customers?about=zz", "contracts": "contracts",
        "contracts-waiting": "contracts?which=waiting", "work": "work", "work-time": "work/time",
        "work-expenses": "work/expenses", "work-milestones": "work/milestones?billing=waiting",
        "work-none": "work/time?reason=no_rate", "settings": "settings", "settings-terms": "settings/terms",
        "settings-brand": "settings/brand", "settings-approvals": "settings/approvals", "settings-rules": "settings/rules",
        "settings-reminders": "settings/reminders", "settings-people": "settings/people",
        "settings-history": "settings/history", "settings-you": "settings/you",
    }  # fmt: skip
    # One of each kind: with disputes and payments, without an invoice; by milestones with a change order, by time.
    telling = {"C-ALPINE", "C-COAST", "C1", "K-MUELLER", "K-OWN", "K1"}
    pages |= {f"customer-{ref.lower()}": f"customers/{customers[ref]}" for ref in sorted(telling & set(customers))}
    pages |= {f"contract-{ref.lower()}": f"contracts/{contracts[ref]}" for ref in sorted(telling & set(contracts))}
    return {name: f"/t/{slug}/{path}" for name, path in pages.items()}


@pytest.mark.parametrize(
    ("partner", "email", "slug"),
    [
        ("halden", "everything@northgate.example", "northgate"),
        ("meridian", "everything@aldergate.example", "aldergate"),
    ],
)
def test_every_page_of_the_rooms_is_clean(
    portal: Portal, browser: Browser, screenshots: Path, partner: str, email: str, slug: str
) -> None:
    context, page, watch = open_context(browser, portal.host(partner))
    page.goto("/login")
    log_in(page, email)
    pages = room_pages(portal, slug)
    for name, path in pages.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        examine_in_all_lights(page, f"{partner}-{name}", watch.wrong, screenshots, again=partner != "halden")
    context.close()
    assert watch.wrong == []
    assert len(pages) >= 11


def test_from_an_amount_to_where_it_came_from(portal: Portal, browser: Browser) -> None:
    """Customer, contract, invoice line, message: each by its link, the line opens by itself."""
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/customers")
    log_in(page, "clerk@northgate.example")
    page.get_by_role("link", name="Alpine Rail", exact=True).click()
    page.get_by_role("link", name="AR-2025-117", exact=True).click()
    page.get_by_role("link", name="line 1: why this price").first.click()
    expect(page.locator("#line-1")).to_be_visible()
    page.locator("#line-1").get_by_role("link", name="message").first.click()
    expect(page.get_by_role("heading", name="As it came")).to_be_visible()
    context.close()
    assert watch.wrong == []


def test_an_administrator_adds_a_person_by_keyboard(portal: Portal, browser: Browser, screenshots: Path) -> None:
    """A toxic pair is refused in the form with its sentence; then the person is added and can be given a role."""
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/settings/people")
    log_in(page, "admin@northgate.example")
    page.get_by_label("E-mail").fill("clerk@northgate.example")
    page.get_by_label("Name", exact=True).fill("Hanna Vogel")
    page.get_by_label("First role").select_option("finance_approver")
    page.get_by_label("First password").fill("a passphrase for the first day")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nobody may both make what is billed and approve it")
    examine_in_all_lights(page, "halden-settings-people-refused", watch.wrong, screenshots)
    page.get_by_label("E-mail").fill("rosa@northgate.example")
    page.get_by_label("Name", exact=True).fill("Rosa Lind")
    page.get_by_label("First role").select_option("collector")
    page.get_by_label("First password").fill("a passphrase for the first day")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("rosa@northgate.example may work here as Collector")
    page.get_by_label("Role for Rosa Lind").select_option("auditor")
    page.get_by_role("button", name="Give to Rosa Lind").click()
    taken = page.get_by_role("button", name="take away from Rosa Lind")
    expect(taken).to_have_text([re.compile("Auditor"), re.compile("Collector")])
    context.close()
    assert [each for each in watch.wrong if "403 (Forbidden)" not in each] == []


def test_a_token_is_made_and_shown_once(portal: Portal, browser: Browser, screenshots: Path) -> None:
    context, page, watch = open_context(browser, portal.host("meridian"))
    page.goto("/t/aldergate/settings/you")
    log_in(page, "clerk@aldergate.example")
    page.get_by_text("Make a token").click()
    expect(page.get_by_label("What is it for?")).to_be_focused()
    page.keyboard.type("Nightly reports")
    page.get_by_label("invoice: read").check()
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Copy its secret now")).to_be_visible()
    examine_in_all_lights(page, "meridian-settings-token-made", watch.wrong, screenshots)
    page.goto("/t/aldergate/settings/you")
    expect(page.get_by_role("button", name="End Nightly reports")).to_be_visible()
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="End Nightly reports").click()
    expect(page.locator("#said")).to_contain_text("The token is ended")
    context.close()
    assert watch.wrong == []
