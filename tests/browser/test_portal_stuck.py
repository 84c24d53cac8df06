"""What is stuck: its pages in two brands, light and dark, wide and on a phone; and two people who mend it by the page alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from billwright.checks.tables import ExceptionRow
from billwright.intake.propose_correction import propose_correction
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.transaction import control_transaction, transaction
from browser.conftest import Portal
from browser.test_portal_pages import examine_in_all_lights
from support.browser import Watch, log_in, open_context
from support.http import People
from support.pipeline import Firm, person
from support.portal_seed import small_firm
from support.stuck import accepted, dead_job, fail_outside

pytestmark = pytest.mark.browser
FIRMS = {"quayside": "halden", "fenwick": "meridian"}
"""Of their own, so that no other test's counts depend on what is stuck in them."""
TRACE = (
    'Traceback (most recent call last):\n  File "post.py", line 7, in post\nValueError: an amount of another currency'
)
ZOE = person("Zoe Lind", "message:correct")


@pytest.fixture(scope="module")
def stuck(portal: Portal) -> dict[str, dict[str, str]]:
    """In a firm of each partner: pages by name, in each of which something stands for another cause."""
    return {slug: _seed(portal, slug) for slug in FIRMS}


def _seed(portal: Portal, slug: str) -> dict[str, str]:
    small_firm(portal.seed, FIRMS[slug], slug, f"{slug.capitalize()} Partners", {})
    firm = portal.seed.firms[slug]
    partner = portal.seed.partners[FIRMS[slug]]
    People(firm.database, partner).person(f"ana@{slug}.example", "integration_administrator", tenant=firm.tenant)
    fail_outside(
        firm, next(row.id for row in firm.invoices() if row.number), books="ledger", webhook="Stockroom"
    )  # fmt: skip
    job = dead_job(firm, "convert:1", kind="billing.convert", error_class="programming", traceback=TRACE)
    firm.customer("C7", name="Northern Ports", po_required=True)
    firm.contract("K7", customer="C7")
    firm.milestone("M7", "K7")
    firm.accept("M7", "K7")
    firm.milestone("M8", "K1", name="Roll-out plan")
    late = accepted(firm) | {"ref": "A8", "milestones": ["M8"]}
    firm.store([firm.event("acceptance", late) | {"type": "billwright.acceptance.v7"}])
    old = {"ref": "C8", "name": "Quay & Sons", "api_key": "k-31415926", "colour": "red"}
    firm.store([firm.event("customer", old) | {"type": "billwright.customer.v7"}])
    firm.drain()
    held, waiting = _message(firm, "acceptance.v7"), _message(firm, "customer.v7")
    propose_correction(
        firm.database, firm.tenant, ZOE, waiting.id, data='{"ref": "C8", "name": "Quay and Sons"}',
        event_type="billwright.customer.v1", reason="The CRM was upgraded too early.", connectors={},
    )  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        query = select(ExceptionRow.id).where(ExceptionRow.closed_at.is_(None), ExceptionRow.subject_kind == "invoice")
        exception = tx.session.scalars(query.order_by(ExceptionRow.opened_at.desc()).limit(1)).one()
    return {
        "stuck": "stuck",
        "messages-held": "messages?status=held",
        "message-held": f"messages/{show('msg', held.id)}",
        "message-correction": f"messages/{show('msg', waiting.id)}",
        "jobs-dead": "connectors/jobs",
        "job-dead": job,
        "exceptions-desk": "exceptions?owner=all",
        "exception": f"exceptions/{show('exc', exception)}",
    }


def _message(firm: Firm, kind: str) -> SourceMessageRow:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        return tx.session.scalars(select(SourceMessageRow).where(SourceMessageRow.type.contains(kind))).one()


@contextmanager
def visitor(portal: Portal, browser: Browser, slug: str, who: str) -> Iterator[tuple[Page, Watch]]:
    """Somebody of the firm at a browser of their own."""
    context, page, watch = open_context(browser, portal.host(FIRMS[slug]))
    page.goto("/login")
    log_in(page, f"{who}@{slug}.example")
    yield page, watch
    context.close()


@pytest.mark.parametrize("slug", list(FIRMS))
def test_every_page_of_what_is_stuck_is_clean(
    portal: Portal, browser: Browser, screenshots: Path, stuck: dict[str, dict[str, str]], slug: str
) -> None:
    partner = FIRMS[slug]
    with visitor(portal, browser, slug, "ana") as (page, watch):
        for name, path in stuck[slug].items():
            answer = page.goto(f"/t/{slug}/{path}")
            assert answer is not None
            assert answer.status == 200, (path, answer.status)
            examine_in_all_lights(page, f"{partner}-{name}", watch.wrong, screenshots, again=partner != "halden")
        assert watch.wrong == []


def test_two_people_mend_a_stuck_invoice_from_the_portal_alone(
    portal: Portal, browser: Browser, screenshots: Path, stuck: dict[str, dict[str, str]]
) -> None:
    """A message corrected by two, a clock stopped, and a posting, a mail, a document and a job tried again."""
    assert stuck
    firm = portal.seed.firms["quayside"]
    with visitor(portal, browser, "quayside", "ana") as (page, watch):
        page.goto("/t/quayside/stuck")
        page.get_by_role("link", name="acceptance.v7").first.click()
        page.locator("summary", has_text="Propose a correction").click()
        page.get_by_label("Type").fill("acceptance.v1")
        page.get_by_label("Why is it wrong").fill("The source wrote the shape of next year.")
        examine_in_all_lights(page, "halden-message-editing", watch.wrong, screenshots)
        page.get_by_role("button", name="Propose this content").press("Enter")
        expect(page.locator("#said")).to_contain_text("Somebody else looks at it")
        expect(page.get_by_text("You proposed this correction")).to_be_visible()
        expect(page.get_by_role("button", name="Approve this content")).to_have_count(0)
        for label in (
            "Send it again to ap@client.example",
            "Post it again",
            "Run it again.*billing.convert",
            "Ask now",
        ):
            page.goto("/t/quayside/stuck")
            page.get_by_role("button", name=re.compile(label)).first.press("Enter")
            expect(page).to_have_url(f"http://{portal.host('halden')}/t/quayside/stuck")
        assert watch.wrong == []
    with visitor(portal, browser, "quayside", "clerk") as (page, watch):
        page.goto("/t/quayside/messages?correction=waiting&status=all")
        page.get_by_role("link", name="acceptance.v7").first.press("Enter")
        page.get_by_label("Your reason").fill("Seen in the PSA.")
        page.get_by_role("button", name="Approve this content").press("Enter")
        expect(page.locator("#said")).to_contain_text("Approved")
        firm.drain()
        page.reload()
        expect(page.get_by_text("As it is mapped, corrected")).to_be_visible()
        page.goto("/t/quayside/stuck")
        page.locator("#exceptions a.open").first.click()
        page.get_by_label("Until").fill("2026-03-20")
        page.get_by_label("What is waited for?").fill("The client asks its own purchasing.")
        page.get_by_role("button", name="Stop the clock until then").press("Enter")
        expect(page.get_by_text("Stands still")).to_be_visible()
        examine_in_all_lights(page, "halden-exception-paused", watch.wrong, screenshots)
        assert watch.wrong == []
    assert _message(firm, "acceptance.v7").state == "applied"
    with control_transaction(firm.database, SYSTEM) as tx:
        query = select(JobRow.state).where(JobRow.tenant_id == firm.tenant.id, JobRow.key == "convert:1")
        assert tx.session.scalars(query).one() == "queued"
