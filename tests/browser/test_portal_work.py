"""People at work: by keyboard, with what they decide found in the database afterwards."""

from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import InvoiceRow
from billwright.collections.tables import DisputeRow
from billwright.delivery.tables import MailboxRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import read, show
from billwright.tenancy.transaction import transaction
from browser.conftest import Portal
from support.browser import log_in, open_context

pytestmark = pytest.mark.browser
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"


def invoice_of(portal: Portal, invoice_id: UUID) -> InvoiceRow:
    firm = portal.seed.firms["northgate"]
    return next(row for row in firm.invoices() if row.id == invoice_id)


def steps_of(portal: Portal, invoice_id: UUID) -> list[tuple[str, str, str | None, str | None]]:
    firm = portal.seed.firms["northgate"]
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        query = select(ApprovalStepRow).where(ApprovalStepRow.invoice_id == invoice_id)
        rows = tx.session.scalars(query.order_by(ApprovalStepRow.position))
        return [(row.role, row.state, row.decided_by_name, row.reason) for row in rows]


def open_draft(page: Page) -> UUID:
    """The draft that the inbox shows on the right."""
    shown = page.locator(".desk-open a", has_text="Open the whole invoice").get_attribute("href")
    assert shown is not None
    return read("inv", shown.rpartition("/")[2])


def test_an_approver_clears_the_queue_by_keyboard(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/approvals")
    log_in(page, "finance@northgate.example")
    assert page.url.endswith("/t/northgate/approvals")

    first = open_draft(page)
    row = invoice_of(portal, first)
    button = page.get_by_role("button", name="Approve – Draft of")
    expect(button).to_contain_text(f"EUR {row.gross_minor / 100:,.2f}".replace(" ", "\u00a0"))
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("is approved and is being issued")
    assert ("finance", "approved", "Ruth Keller", None) in steps_of(portal, first)

    second = open_draft(page)
    assert second != first
    page.keyboard.press("r")
    expect(page.get_by_label("What has to be mended?")).to_be_focused()
    page.keyboard.type("The rate of the second line is last year's.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("was returned to the billing clerk")
    assert invoice_of(portal, second).detail == "returned"
    assert ("finance", "returned", "Ruth Keller", "The rate of the second line is last year's.") in steps_of(
        portal, second
    )
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    context.close()
    assert watch.wrong == []


def test_nobody_is_offered_what_they_made(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/t/northgate/approvals")
    log_in(page, "manager@northgate.example")
    first = open_draft(page)
    page.keyboard.press("j")
    expect(page.locator(".desk-open h2")).to_have_text("Borealis Data")
    assert open_draft(page) != first
    expect(page.locator(".desk-open")).to_contain_text("You did the work that this invoice bills")
    expect(page.get_by_role("button", name="Approve – Draft of")).to_have_count(0)
    page.keyboard.press("k")
    expect(page.locator(".desk-open h2")).not_to_have_text("Borealis Data")
    page.get_by_label("Tick all").check()
    assert page.locator("input[name=draft]:checked").count() == page.locator("input[name=draft]").count() > 0
    context.close()
    assert watch.wrong == []


def test_search_keys_and_theme(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"), color_scheme="light")
    page.goto("/login")
    log_in(page, "clerk@northgate.example")
    page.keyboard.press("/")
    page.keyboard.type("gotthard")
    expect(page.locator("#hits a")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/invoices?customer=cus_*")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.className") == "open"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    before = page.evaluate(
        "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).backgroundColor"
    )
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    after = page.evaluate(
        "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).backgroundColor"
    )
    assert before != after
    context.close()
    assert watch.wrong == []


def test_focus_goes_from_the_top_to_the_content(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"), viewport={"width": 1280, "height": 900})
    page.goto("/login")
    log_in(page, "clerk@northgate.example")
    page.goto("/t/northgate/exceptions")
    names = []
    for _ in range(24):
        page.keyboard.press("Tab")
        names.append(page.evaluate(FOCUSED))
        if len(names) == 1:
            assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0, (
                "the skip link shows when focused"
            )
    order = [
        names.index(name)
        for name in ("Skip to the content", "Northgate Engineering: start page", "Light or dark", "Today", "Invoices")
    ]
    assert order == sorted(order)
    assert any(name.startswith("For my roles") for name in names), names
    page.goto("/t/northgate/exceptions")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    context.close()
    assert watch.wrong == []


def test_why_a_line_is_there_and_a_dispute_about_it(portal: Portal, browser: Browser) -> None:
    firm = portal.seed.firms["northgate"]
    issued = next(row for row in firm.invoices() if row.number == "NG-2026-0004")
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto(f"/t/northgate/invoices/{show('inv', issued.id)}")
    log_in(page, "collector@northgate.example")
    page.locator(".paper-line summary").first.press("Enter")
    why = page.locator(".why-body").first
    for fact in ("MS-0101", "Dr. Ernst Müller", "signed protocol", "milestone:", "psa:test"):
        expect(why).to_contain_text(fact)
    page.locator("summary", has_text="Audit entries").click()
    expect(page.locator("#audit")).to_contain_text("invoice.issued")
    page.keyboard.press("d")
    page.get_by_label("Amount in EUR, with tax").fill("100.50")
    page.get_by_label("What does the customer contest?").fill("The second visit was not agreed.")
    page.get_by_role("button", name="Open the dispute").click()
    expect(page.locator("#said")).to_contain_text("The dispute is open")
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        dispute = tx.session.scalars(select(DisputeRow).where(DisputeRow.invoice_id == issued.id)).one()
    assert (dispute.amount_minor, dispute.state, dispute.opened_by) == (100_50, "open", "Paul Nowak")
    context.close()
    assert watch.wrong == []


def test_a_mail_can_run_and_load_nothing(portal: Portal, browser: Browser) -> None:
    firm = portal.seed.firms["northgate"]
    hostile = (
        "<script>parent.hit = 1; document.title = 'hit'</script><p id='seen'>hello</p>"
        "<img src='http://elsewhere.example/pixel.gif' onerror='parent.hit = 1'><form action='/logout' method='post'></form>"
    )
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        mail = tx.session.scalars(select(MailboxRow).order_by(MailboxRow.id.desc())).first()
        assert mail is not None
        mail_id, kept, mail.html = mail.id, mail.html, hostile
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto(f"/t/northgate/mailbox/{show('mai', mail_id)}")
    log_in(page, "clerk@northgate.example")
    expect(page.frame_locator("iframe").locator("#seen")).to_have_text("hello")
    assert page.evaluate("window.hit") is None
    assert not [each for each in watch.wrong if "off the host" in each and "elsewhere" not in each]
    answers = [each for each in watch.wrong if "violates" in each or "Blocked script" in each]
    assert answers, "the browser says that it blocked the script and the image"
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        again = tx.session.get_one(MailboxRow, mail_id)
        again.html = kept
    context.close()


def test_partner_staff_enter_by_a_grant_that_the_tenant_sees_and_revokes(portal: Portal, browser: Browser) -> None:
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/login")
    log_in(page, "support@halden.example")
    tenants = page.get_by_role("region", name="Tenants")
    tenants.get_by_role("link", name="Lumen Advisory", exact=True).click()
    page.get_by_label("Why?").fill("Ticket 4711: a draft does not move.")
    page.get_by_role("button", name="Take the grant and enter").click()
    page.wait_for_url("**/t/lumen/")
    expect(page.locator("#said")).to_contain_text("You are in")

    other, admin, admin_watch = open_context(browser, portal.host("halden"))
    admin.goto("/t/lumen/access")
    log_in(admin, "admin@lumen.example")
    expect(admin.locator("main")).to_contain_text("Ticket 4711")
    admin.get_by_role("button", name="Revoke").click()
    expect(admin.locator("#said")).to_contain_text("revoked")

    answer = page.goto("/t/lumen/invoices")
    assert answer is not None
    assert answer.status == 404
    other.close()
    context.close()
    assert admin_watch.wrong == []
    assert [each for each in watch.wrong if "404" not in each] == []
