"""Every page in two brands, light and dark, wide and on a phone: no error, no foreign request, nothing serious for axe."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from billwright.kernel.ids import show
from browser.conftest import Portal
from support.browser import AXE, log_in, open_context

pytestmark = pytest.mark.browser
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SERIOUS = {"serious", "critical"}
CONTRAST = {"runOnly": ["color-contrast"]}
# Wider than the window is allowed inside elements that scroll, never for the page as a whole.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def tenant_pages(portal: Portal, slug: str) -> dict[str, str]:
    """Name to path of every page of a tenant: each invoice state once."""
    firm = portal.seed.firms[slug]
    pages = {
        name: f"/t/{slug}/{path}"
        for name, path in {
            "today": "", "exceptions": "exceptions?owner=all", "approvals": "approvals", "invoices": "invoices",
            "unbilled": "unbilled", "messages": "messages", "collections": "collections", "mailbox": "mailbox",
            "connectors": "connectors", "audit": "audit", "access": "access", "search": "search?q=a",
            "found": "search?q=al",
        }.items()
    }  # fmt: skip
    for row in firm.invoices():
        pages.setdefault(f"invoice-{row.detail}", f"/t/{slug}/invoices/{show('inv', row.id)}")
    return pages


def check_width(page: Page, name: str, wrong: list[str]) -> None:
    if (over := page.evaluate(OVERFLOW)) > 0:
        wrong.append(f"{name}: {over} px wider than the window")


def examine(page: Page, name: str, wrong: list[str], **options: Any) -> None:
    """Width and accessibility of the page as it is shown now."""
    check_width(page, name, wrong)
    page.evaluate(f"window.axe || {AXE.read_text(encoding='utf-8')}")
    result: dict[str, Any] = page.evaluate(
        "options => axe.run(document, options)", {"resultTypes": ["violations"], **options}
    )
    for violation in result["violations"]:
        if violation["impact"] in SERIOUS:
            where = "; ".join(f"{node['target']} {node['failureSummary']}" for node in violation["nodes"][:3])
            wrong.append(f"{name}: {violation['id']} ({violation['impact']}): {where}")


def examine_in_all_lights(page: Page, name: str, wrong: list[str], folder: Path, *, again: bool = False) -> None:
    """The page that is open: light and dark, wide and on a phone, each with its picture.

    ``again``: its boxes were examined in another brand; only what a brand changes is, and the width on a phone.
    """
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size, viewport in (("wide", WIDE), ("phone", PHONE)):
            page.set_viewport_size(viewport)  # type: ignore[arg-type] # playwright wants its own TypedDict
            page.screenshot(path=folder / f"{name}-{scheme}-{size}.png", full_page=size == "wide")
            if size == "phone" and (again or scheme == "dark"):  # no colour and no box of it is new there
                check_width(page, f"{name} {scheme} {size}", wrong)
            else:
                examine(page, f"{name} {scheme} {size}", wrong, **(CONTRAST if again or scheme == "dark" else {}))


@pytest.mark.parametrize(
    ("partner", "email", "slug"),
    [
        ("halden", "everything@northgate.example", "northgate"),
        ("meridian", "everything@aldergate.example", "aldergate"),
    ],
)
def test_every_page_of_a_tenant_is_clean(
    portal: Portal, browser: Browser, screenshots: Path, partner: str, email: str, slug: str
) -> None:
    context, page, watch = open_context(browser, portal.host(partner))
    page.goto("/login")
    examine_in_all_lights(page, f"{partner}-login", watch.wrong, screenshots)
    page.goto("/login")
    log_in(page, email)
    seen = 0
    for name, path in tenant_pages(portal, slug).items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        examine_in_all_lights(page, f"{partner}-{name}", watch.wrong, screenshots, again=partner != "halden")
        seen += 1
    context.close()
    assert watch.wrong == []
    assert seen >= 14


def test_partner_pages_are_clean(portal: Portal, browser: Browser, screenshots: Path) -> None:
    context, page, watch = open_context(browser, portal.host("halden"))
    page.goto("/login")
    log_in(page, "owner@halden.example")
    for name, path in {
        "partner": "/",
        "partner-none": "/?q=zz",
        "enter": "/enter/quiet",
    }.items():
        page.goto(path)
        examine_in_all_lights(page, f"halden-{name}", watch.wrong, screenshots)
    context.close()
    assert watch.wrong == []


def test_a_page_that_is_not_there_says_so_in_every_light(portal: Portal, browser: Browser, screenshots: Path) -> None:
    context, page, watch = open_context(browser, portal.host("meridian"))
    page.goto("/nowhere")
    examine_in_all_lights(page, "meridian-nowhere", watch.wrong, screenshots)
    assert page.get_by_role("heading", name="There is nothing here").is_visible()
    context.close()
    assert [each for each in watch.wrong if "404 (Not Found)" not in each] == []


def test_the_examination_finds_what_is_planted(portal: Portal, browser: Browser) -> None:
    """A check that never fails proves nothing: a field without a label, faint text, a page too wide, a foreign image."""
    context, page, watch = open_context(browser, portal.host("halden"), viewport=WIDE)
    page.goto("/login")
    page.evaluate(
        """() => {
            const add = (tag, values) => document.querySelector("form").append(Object.assign(document.createElement(tag), values));
            add("input", {type: "text"});
            add("p", {textContent: "faint"});
            document.querySelector("form p").style.cssText = "color:#ccc;background:#fff;width:4000px";
            add("img", {src: "http://elsewhere.example/x.gif", alt: ""});
        }"""
    )
    examine(page, "planted", watch.wrong)
    context.close()
    found = " ".join(watch.wrong)
    for sign in ("label (critical)", "color-contrast (serious)", "wider than the window", "request off the host"):
        assert sign in found, watch.wrong
