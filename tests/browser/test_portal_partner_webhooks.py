"""A partner's webhooks: clean in two brands, light and dark, wide and on a phone; and somebody at work by keyboard."""

from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from billwright.delivery.webhooks.partner import make_partner_webhook, switch_partner_webhook
from billwright.delivery.webhooks.subscribe import Wanted
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from browser.conftest import Portal
from browser.test_portal_pages import examine_in_all_lights
from support.browser import log_in, open_context
from support.hooks import VAULT
from support.portal_seed_webhooks import seed_partner_copy

pytestmark = pytest.mark.browser
FIRMS = {"halden": "northgate", "meridian": "aldergate"}
URL = "https://operations.partner.example/" + "hooks/" * 8


@pytest.fixture(scope="module")
def seeded(portal: Portal) -> dict[str, tuple[UUID, UUID]]:
    """For each partner a webhook that one tenant has trouble with, and the delivery that waits; and one that is paused."""
    made = {}
    for partner, slug in FIRMS.items():
        database, firm = portal.seed.database, portal.seed.firms[slug]
        wanted = Wanted(name="Operations", url=URL, event_types=("*",), contact_email="ops@partner.example")
        webhook_id, _ = make_partner_webhook(database, SYSTEM, partner, wanted, VAULT)
        made[partner] = (webhook_id, seed_partner_copy(firm, webhook_id, URL))
        quiet = Wanted(
            name="Archive", url="https://archive.partner.example/in", event_types=("invoice.*", "dispute.opened")
        )
        paused, _ = make_partner_webhook(database, SYSTEM, partner, quiet, VAULT)
        switch_partner_webhook(database, SYSTEM, partner, paused, "paused")
    return made


@pytest.mark.parametrize("partner", list(FIRMS))
def test_every_page_of_a_partners_webhooks_is_clean(
    portal: Portal, browser: Browser, screenshots: Path, seeded: dict[str, tuple[UUID, UUID]], partner: str
) -> None:
    context, page, watch = open_context(browser, portal.host(partner))
    page.goto("/login")
    log_in(page, f"owner@{partner}.example")
    webhook_id, delivery_id = seeded[partner]
    room = f"/p/{partner}/webhooks"
    one = f"{room}/{show('whk', webhook_id)}"
    log = f"{one}/at/{FIRMS[partner]}"
    for name, path in {
        "partner-webhooks": room,
        "partner-webhook-new": f"{room}/new",
        "partner-webhook": one,
        "partner-webhook-log": log,
        "partner-webhook-delivery": f"{log}/{show('del', delivery_id)}",
    }.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        examine_in_all_lights(page, f"{partner}-{name}", watch.wrong, screenshots, again=partner != "halden")
    context.close()
    assert watch.wrong == []


def test_somebody_makes_one_by_keyboard_sees_its_secret_once_and_pauses_it(
    portal: Portal, browser: Browser, screenshots: Path, seeded: dict[str, tuple[UUID, UUID]]
) -> None:
    assert seeded
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/login")
    log_in(page, "owner@halden.example")
    page.goto("/")
    page.get_by_role("link", name="Webhooks").press("Enter")
    page.get_by_role("link", name="New webhook").press("Enter")
    page.get_by_label("Name").fill("Ledger")
    page.get_by_label("Address").fill("https://ledger.partner.example/hook")
    page.get_by_label("All about Disputes").press("Space")
    page.get_by_label("Address").press("Enter")
    expect(page.locator(".secret")).to_contain_text("whsec_")
    examine_in_all_lights(page, "halden-partner-webhook-made", watch.wrong, screenshots)
    page.goto("/p/halden/webhooks")
    page.get_by_role("link", name="Ledger", exact=True).click()
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="Pause: send nothing to ledger.partner.example, keep events").press("Enter")
    expect(page.locator("#said")).to_contain_text("It is paused at all tenants")
    page.get_by_role("button", name="Enable: send events to ledger.partner.example again").press("Enter")
    expect(page.locator("#said")).to_contain_text("enabled at all tenants")
    context.close()
    assert watch.wrong == []
