"""Reports in two brands and lights, wide and on a phone; a figure opens its documents; a reminder is seen, then sent."""

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from billwright.collections.tables import ReminderRow
from billwright.kernel.actor import SYSTEM
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.configuration import read_configuration, store_configuration
from billwright.tenancy.transaction import transaction
from browser.conftest import Portal
from browser.test_portal_pages import examine_in_all_lights
from support.browser import log_in, open_context

pytestmark = pytest.mark.browser
PAGES = {
    "reports": "reports", "report-stall": "reports/stall?part=manager", "report-unbilled": "reports/unbilled",
    "report-paid": "reports/paid?part=EUR-not_due", "report-clean": "reports/clean",
    "ledger": "ledger/?account=1200",
}  # fmt: skip


def make_late(portal: Portal) -> None:
    """The firm sends mail, and one open invoice was due ten days ago."""
    firm = portal.seed.firms["northgate"]
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        is_open = ReceivableRow.open_minor > 0
        last = select(ReceivableRow.id).where(is_open).order_by(ReceivableRow.id.desc()).limit(1).scalar_subquery()
        due_on = tx.now.date() - timedelta(days=10)
        tx.session.execute(update(ReceivableRow).where(ReceivableRow.id == last).values(due_on=due_on))
        store_configuration(tx, msgspec.structs.replace(read_configuration(tx), deliver_by_mail=True))


def reminders(portal: Portal) -> list[ReminderRow]:
    firm = portal.seed.firms["northgate"]
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(select(ReminderRow).order_by(ReminderRow.id)))


@pytest.mark.parametrize(
    ("partner", "email", "slug"),
    [
        ("halden", "everything@northgate.example", "northgate"),
        ("meridian", "everything@aldergate.example", "aldergate"),
    ],
)
def test_reports_are_clean_in_every_light(
    portal: Portal, browser: Browser, screenshots: Path, partner: str, email: str, slug: str
) -> None:
    context, page, watch = open_context(browser, portal.host(partner))
    page.goto("/login")
    log_in(page, email)
    for name, path in PAGES.items():
        answer = page.goto(f"/t/{slug}/{path}")
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        examine_in_all_lights(page, f"{partner}-{name}", watch.wrong, screenshots, again=partner != "halden")
    context.close()
    assert watch.wrong == []


def test_a_figure_opens_the_documents_that_it_is_made_of(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/reports")
    log_in(page, "auditor@northgate.example")
    page.get_by_role("link", name="Finance's approval").first.click()
    expect(page.get_by_role("heading", name="Finance's approval: what it is made of")).to_be_visible()
    page.locator("#documents .open").first.click()
    expect(page).to_have_url(re.compile("/invoices/inv_"))
    context.close()
    assert watch.wrong == []


def test_a_partner_without_a_grant_is_led_to_the_door_and_then_to_the_room(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/login")
    log_in(page, "owner@halden.example")
    page.get_by_role("link", name="exceptions of Northgate Engineering").first.click()
    expect(page.get_by_role("heading", name="Enter Northgate Engineering")).to_be_visible()
    page.get_by_label("Why?").fill("Ticket 4711: look at what is held")
    page.get_by_role("button", name="Take the grant and enter").click()
    expect(page).to_have_url(re.compile(r"/t/northgate/exceptions\?owner=all$"))
    context.close()
    assert watch.wrong == []


def test_a_collector_sees_a_reminder_and_sends_it(portal: Portal, browser: Browser, screenshots: Path) -> None:
    make_late(portal)
    before = len(reminders(portal))
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/collections")
    log_in(page, "collector@northgate.example")
    examine_in_all_lights(page, "halden-collections-late", watch.wrong, screenshots)
    page.get_by_role("link", name="Remind… ").first.click()
    send = page.get_by_role("button", name="Send the reminder over EUR")
    expect(send).to_contain_text("to ap@")
    examine_in_all_lights(page, "halden-remind", watch.wrong, screenshots)
    send.click()
    expect(page.locator("#said")).to_contain_text("is on its way")
    made = reminders(portal)
    assert len(made) == before + 1
    assert (made[-1].step, made[-1].tone) == (1, "friendly")
    context.close()
    assert watch.wrong == []
