"""Webhooks and silent systems: clean in two brands, light and dark, wide and on a phone; and somebody at work by keyboard."""

from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from billwright.delivery.webhooks.tables import WebhookSubscriptionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.transaction import transaction
from browser.conftest import Portal
from browser.test_portal_pages import examine_in_all_lights
from support.browser import log_in, open_context
from support.portal_seed_webhooks import seed_webhooks

pytestmark = pytest.mark.browser
Seeded = dict[str, dict[str, UUID]]


@pytest.fixture(scope="module")
def seeded(portal: Portal) -> Seeded:
    return {slug: seed_webhooks(portal.seed.firms[slug]) for slug in ("northgate", "aldergate")}


def pages(slug: str, made: dict[str, UUID]) -> dict[str, str]:
    room = f"/t/{slug}/connectors"
    ids = {name: show("whk", identifier) for name, identifier in made.items()}
    return {
        "connectors-silent": room,
        "webhooks": f"{room}/webhooks",
        "webhook-new": f"{room}/webhooks/new",
        **{f"webhook-{name.lower()}": f"{room}/webhooks/{ids[name]}" for name in made if name != "delivery"},
        "webhook-again": f"{room}/webhooks/{ids['Books']}?deed=again&day=2026-03-01",
        "webhook-skip": f"{room}/webhooks/{ids['CRM']}?deed=skip&day=2026-03-03",
        "webhook-deliveries": f"{room}/webhooks/deliveries",
        "webhook-deliveries-none": f"{room}/webhooks/deliveries?type=draft.void&webhook={ids['Books']}",
        "webhook-delivery": f"{room}/webhooks/deliveries/{show('del', made['delivery'])}",
    }


@pytest.mark.parametrize(
    ("partner", "email", "slug"),
    [
        ("halden", "integration@northgate.example", "northgate"),
        ("meridian", "admin@aldergate.example", "aldergate"),
    ],
)
def test_every_page_of_webhooks_is_clean(
    portal: Portal, browser: Browser, screenshots: Path, seeded: Seeded, partner: str, email: str, slug: str
) -> None:
    context, page, watch = open_context(browser, portal.host(partner))
    page.goto("/login")
    log_in(page, email)
    for name, path in pages(slug, seeded[slug]).items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        examine_in_all_lights(page, f"{partner}-{name}", watch.wrong, screenshots, again=partner != "halden")
    context.close()
    assert watch.wrong == []


def test_somebody_makes_a_webhook_by_keyboard_and_sees_its_secret_once(
    portal: Portal, browser: Browser, screenshots: Path, seeded: Seeded
) -> None:
    assert seeded
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/connectors/webhooks")
    log_in(page, "integration@northgate.example")
    page.get_by_role("link", name="New webhook").press("Enter")
    page.get_by_label("Name").fill("Ledger")
    page.get_by_label("Contact").fill("dev@ledger.example")
    page.get_by_label("Address").fill("https://ledger.example/hook#part")
    page.get_by_label("All about Disputes").press("Space")
    page.get_by_label("Address").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Leave out user, password and fragment")
    expect(page.get_by_label("All about Disputes")).to_be_checked()
    examine_in_all_lights(page, "halden-webhook-new-refused", watch.wrong, screenshots)
    page.get_by_label("Address").fill("https://ledger.example/hook")
    page.get_by_label("Address").press("Enter")
    expect(page.locator(".secret")).to_contain_text("whsec_")
    examine_in_all_lights(page, "halden-webhook-made", watch.wrong, screenshots)
    page.goto("/t/northgate/connectors/webhooks")
    page.get_by_role("link", name="Ledger", exact=True).click()
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="Pause: send nothing to ledger.example, keep events").press("Enter")
    expect(page.locator("#said")).to_contain_text("Nothing is sent to https://ledger.example/hook")
    context.close()
    firm = portal.seed.firms["northgate"]
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        query = select(WebhookSubscriptionRow).where(WebhookSubscriptionRow.name == "Ledger")
        row = tx.session.scalars(query).one()
    assert (row.state, row.event_types) == ("paused", ["dispute.*"])
    assert [each for each in watch.wrong if "422 (Unprocessable" not in each] == []


def test_a_silent_system_is_asked_by_one_button(portal: Portal, browser: Browser, seeded: Seeded) -> None:
    assert seeded
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/connectors")
    log_in(page, "integration@northgate.example")
    page.get_by_role("button", name="Ask now whether books answers").click()
    expect(page.locator("#said")).to_contain_text("books is asked")
    context.close()
    assert watch.wrong == []
