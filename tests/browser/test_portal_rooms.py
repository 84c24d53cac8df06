"""Customers, contracts, work and settings: clean in two brands, light and dark, wide and on a phone; and people at work."""

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
        "customers": "customers", "customers-none": "customers?q=zz", "contracts": "contracts",
        "contracts-waiting": "contracts?which=waiting", "work": "work", "work-time": "work/time",
        "work-expenses": "work/expenses", "work-milestones": "work/milestones?billing=waiting",
        "work-none": "work/time?reason=no_rate", "settings": "settings", "settings-terms": "settings/terms",
        "settings-brand": "settings/brand", "settings-approvals": "settings/approvals", "settings-rules": "settings/rules",
        "settings-reminders": "settings/reminders", "settings-people": "settings/people",
        "settings-history": "settings/history", "settings-you": "settings/you",
    }  # fmt: skip
    pages |= {f"customer-{ref.lower()}": f"customers/{identifier}" for ref, identifier in customers.items()}
    pages |= {f"contract-{ref.lower()}": f"contracts/{identifier}" for ref, identifier in contracts.items()}
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
