"""Templates use only the documented context; their fonts are there with their licences; nothing names the vendor."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jinja2 import Environment, FileSystemLoader, meta, nodes

from billwright.documents.layout import palette
from billwright.documents.mail import MailPage, OpenRow, ReminderPage
from billwright.documents.page import Fact, InvoicePage, LineBlock, PartyBlock, PaymentBlock, TaxBlock
from billwright.documents.sets import INVOICE_SETS, MAIL_SETS
from billwright.documents.texts import InvoiceTexts
from billwright.kernel.brand import Brand
from billwright_templates.versions import ROOT
from support.invoice_contents import ALDERGATE

# The portal's pages are filled by our own code with unknown names as errors; each is visited by the browser tests.
PORTAL = sorted((ROOT / "portal").rglob("*.html"))
TEMPLATES = sorted(
    path
    for path in ROOT.rglob("*")
    if path.suffix in {".html", ".txt", ".css"} and path.parent.name not in {"fonts", "portal"}
)
LOADED = re.compile(r"""(?:src|srcset|action|data)=["']?https?:|<link[^>]+href=["']?https?:""")
SIZE_MAX = 1_500_000
OF_JINJA = {"loop", "first", "last", "index", "splitlines"}


def names_of(kind: type[Any]) -> set[str]:
    if is_dataclass(kind):
        return {field.name for field in fields(kind)}
    return {field.name for field in msgspec.structs.fields(kind)}


INVOICE = names_of(InvoicePage)
PARTS = set().union(*map(names_of, (Fact, LineBlock, PartyBlock, PaymentBlock, TaxBlock, InvoiceTexts, Brand, OpenRow)))


def allowed(path: Path) -> set[str]:
    """Top-level names that a template at ``path`` may use."""
    if path.suffix == ".css":
        return set(palette(ALDERGATE)) | {"texts"}
    if path.is_relative_to(ROOT / "invoice"):
        return INVOICE
    mail, reminder = names_of(MailPage), names_of(ReminderPage)
    if "invoice" in path.name:
        return mail
    return reminder if "reminder" in path.name else mail & reminder


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_uses_only_the_documented_page(path: Path) -> None:
    parsed = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))

    assert meta.find_undeclared_variables(parsed) <= allowed(path)
    attributes = {node.attr for node in parsed.find_all(nodes.Getattr)}
    colours = {"primary", "on_primary", "ink", "muted", "rule", "tint"}
    colours |= {name for name in attributes if name.startswith("dark_")}
    assert attributes <= PARTS | OF_JINJA | colours


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_names_the_vendor_or_another_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()

    assert "billwright" not in text
    assert "http" not in text


@pytest.mark.parametrize("path", PORTAL, ids=lambda path: path.name)
def test_no_portal_page_names_the_vendor_or_loads_from_another_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()

    assert "billwright" not in text
    assert LOADED.search(text) is None


def test_every_set_is_complete() -> None:
    environment = Environment(autoescape=True, loader=FileSystemLoader(ROOT))
    wanted = [f"invoice/{name}/invoice.{kind}" for name in INVOICE_SETS for kind in ("html", "css")]
    wanted += [
        f"email/{name}/{mail}.{kind}"
        for name in MAIL_SETS
        for mail in ("invoice", "reminder")
        for kind in ("html", "txt")
    ]

    for name in wanted:
        environment.get_template(name)


def test_fonts_are_small_and_come_with_their_licences() -> None:
    fonts = ROOT / "fonts"
    families = {path.name.split("-")[0] for path in fonts.glob("*.ttf")}

    assert sum(path.stat().st_size for path in fonts.iterdir()) < SIZE_MAX
    assert {path.stem for path in fonts.glob("*.ttf")} == {path.stem for path in fonts.glob("*.woff2")}
    for family in families:
        assert "SIL Open Font License" in (fonts / f"{family}-OFL.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [InvoicePage, MailPage, ReminderPage], ids=lambda kind: kind.__name__)
def test_the_guide_names_every_field(kind: type[Any]) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "documents.md").read_text(encoding="utf-8")

    assert [name for name in sorted(names_of(kind)) if f"`{name}`" not in guide] == []
