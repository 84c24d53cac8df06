"""Lists in the browser: their tools in every light and width, and people at work with them, by keys and without scripts."""

import csv
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update

from billwright.audit.tables import AuditEntryRow
from billwright.checks.tables import ExceptionRow
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import read
from billwright.tenancy.transaction import transaction
from browser.conftest import Portal
from browser.test_portal_pages import PHONE, WIDE, examine_in_all_lights
from support.browser import log_in, open_context

pytestmark = pytest.mark.browser
NORTHGATE = "/t/northgate/"
REFUSED = "422 (Unprocessable"
FOCUSED = "document.activeElement.textContent.trim()"


def tool(page: Page, name: str) -> None:
    """Open one of the list's tools."""
    page.locator("details.tool > summary", has_text=name).click()


def show_filter(page: Page, base: str) -> None:
    page.goto(f"{base}invoices?group=all&about=a&due_to=2026-12-31")
    tool(page, "Filter")


def show_columns(page: Page, base: str) -> None:
    page.goto(f"{base}exceptions?owner=all")
    tool(page, "Columns")


def show_view(page: Page, base: str) -> None:
    page.goto(f"{base}invoices?group=issued&order=-number&columns=number,customer,issued,due,net,tax,gross")
    tool(page, "Views")
    page.get_by_label("Keep what you see as a view").fill("Issued, newest number first")
    page.get_by_role("button", name="Keep the view").click()
    expect(page.locator("#said")).to_contain_text("is kept")
    tool(page, "Views")


def show_results(page: Page, base: str) -> None:
    page.goto(f"{base}messages?status=held")
    page.get_by_label("Tick all on this page").check()
    page.get_by_role("button", name="Try them again").click()
    expect(page.get_by_role("heading", name=re.compile(r"of \d+ done"))).to_be_visible()


STATES: dict[str, Callable[[Page, str], object]] = {
    "filter": show_filter,
    "columns": show_columns,
    "view": show_view,
    "results": show_results,
    "none": lambda page, base: page.goto(f"{base}invoices?about=nobody+at+all"),
    "postings": lambda page, base: page.goto(f"{base}connectors/postings"),
    "deliveries": lambda page, base: page.goto(f"{base}connectors/deliveries"),
    "wrong": lambda page, base: page.goto(f"{base}invoices?due_to=yesterday"),
}


@pytest.mark.parametrize(
    ("partner", "email", "slug", "states"),
    [
        ("halden", "clerk@northgate.example", "northgate", set(STATES)),
        ("meridian", "clerk@aldergate.example", "aldergate", set(STATES) - {"results"}),  # no message is held there
    ],
)
def test_every_state_of_a_list_is_clean(
    portal: Portal, browser: Browser, screenshots: Path, partner: str, email: str, slug: str, states: set[str]
) -> None:
    context, page, watch = open_context(browser, portal.host(partner), reduced_motion="reduce")
    page.goto("/login")
    log_in(page, email)
    for name in sorted(states):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type] # playwright wants its own TypedDict
        STATES[name](page, f"/t/{slug}/")
        examine_in_all_lights(page, f"{partner}-list-{name}", watch.wrong, screenshots, again=partner != "halden")
    context.close()
    assert [each for each in watch.wrong if REFUSED not in each] == []


def test_a_clerk_takes_what_is_held_by_keyboard(portal: Portal, browser: Browser) -> None:
    firm = portal.seed.firms["northgate"]
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        held = list(tx.session.scalars(select(ExceptionRow.id).where(ExceptionRow.closed_at.is_(None))))
    assert len(held) >= 2
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto(f"{NORTHGATE}exceptions?owner=all")
    log_in(page, "clerk@northgate.example")
    page.keyboard.press("j")
    first = page.evaluate(FOCUSED)
    page.keyboard.press("x")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) != "" != first
    expect(page.locator("tbody td.tick input:checked")).to_have_count(1)
    page.get_by_role("button", name="Take them").press("Enter")
    expect(page.get_by_role("heading", name="1 of 1 done")).to_be_visible()
    expect(page.locator(".results")).to_contain_text("It is yours now.")
    page.goto(f"{NORTHGATE}exceptions?owner=all&assigned=me")
    expect(page.locator("table.list tbody tr")).to_have_count(1)
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/invoices/inv_|/unbilled"))
    context.close()
    assert watch.wrong == []


def test_columns_and_filters_come_back_and_leave_with_the_file(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"), accept_downloads=True)
    page.goto(f"{NORTHGATE}invoices")
    log_in(page, "collector@northgate.example")
    tool(page, "Columns")
    page.get_by_role("checkbox", name="Where it stands").uncheck()
    page.get_by_role("checkbox", name="Net").check()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Your columns of this list are kept.")
    expect(page.locator("thead th")).to_have_text(["Invoice", "Customer", "Since", "Due", "Net", "Amount"])

    tool(page, "Filter")
    page.get_by_label("Customer contains").fill("alpine")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator(".chip.remove")).to_have_text([re.compile("Customer contains: alpine")])
    shown = page.locator("table.list tbody tr").count()
    with page.expect_download() as waited:
        page.get_by_role("link", name=re.compile("^CSV")).click()
    rows = list(csv.DictReader(StringIO(waited.value.path().read_text(encoding="utf-8-sig"))))
    assert len(rows) == shown > 0
    assert {row["Customer"] for row in rows} == {"Alpine Rail"}
    assert {"Net", "Net currency"} <= set(rows[0])
    assert waited.value.suggested_filename == "invoices-2026-03-02.csv"

    page.locator(".chip.remove").click()
    expect(page.locator(".chip.remove")).to_have_count(0)
    page.get_by_role("link", name="Invoice", exact=True).click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Invoice")
    page.goto(f"{NORTHGATE}invoices")
    expect(page.locator("thead th")).to_have_text(["Invoice", "Customer", "Since", "Due", "Net", "Amount"])
    context.close()
    assert watch.wrong == []


def test_lists_work_without_scripts(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("meridian"), java_script_enabled=False, viewport=PHONE)
    page.goto("/t/aldergate/invoices")
    log_in(page, "admin@aldergate.example")
    tool(page, "Views")
    page.get_by_label("Keep what you see as a view").fill("Everything we have")
    page.get_by_label("For everybody in Aldergate Legal").check()
    page.get_by_role("button", name="Keep the view").click()
    expect(page.locator("#said")).to_contain_text("is kept for everybody here")
    tool(page, "Views")
    page.get_by_text("Rename, share or delete").click()
    page.get_by_role("button", name="Delete the view “Everything we have” for everybody").click()
    expect(page.locator("#said")).to_contain_text("No row of the list is touched by that")
    context.close()
    assert watch.wrong == []


def test_one_deed_for_several_rows_works_without_scripts(portal: Portal, browser: Browser) -> None:
    """Two rows are ticked one by one; one of them is held no more when the form is sent, and the page says so."""
    firm = portal.seed.firms["lumen"]
    firm.store([firm.event("spaceship", {"ref": "L-1"}), firm.event("spaceship", {"ref": "L-2"})])
    firm.drain()
    context, page, watch = open_context(browser, portal.host("halden"), java_script_enabled=False, viewport=PHONE)
    page.goto("/t/lumen/messages?status=held")
    log_in(page, "clerk@lumen.example")
    boxes = page.get_by_role("checkbox", name=re.compile("^Tick (?!all)"))
    expect(boxes).to_have_count(2)
    for place in range(2):
        boxes.nth(place).check()
    over = SourceMessageRow.id == read("msg", boxes.nth(0).input_value())
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(SourceMessageRow).where(over).values(state="applied"))
    page.get_by_role("button", name="Try them again").click()
    expect(page.get_by_role("heading", name="1 of 2 done; the others are as they were")).to_be_visible()
    expect(page.locator(".results")).to_contain_text("This message is not held any more")
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        retried = select(AuditEntryRow.actor_name).where(AuditEntryRow.action == "messages.retried")
        assert list(tx.session.scalars(retried)) == ["Felix Brandt"]
    context.close()
    assert watch.wrong == []
