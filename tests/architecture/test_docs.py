"""Documents that a machine can check: short where they shall be short, and true where they quote the code."""

import importlib
import inspect
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from billwright.extension.hookspecs import Hooks
from billwright.insight.invariants import INVARIANTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README_LINES_MAX, DECISION_LINES_MAX = 100, 50
HOOKS = [name for name, _ in inspect.getmembers(Hooks, inspect.isfunction) if not name.startswith("_")]
GROUPS = {
    "propose_items": "billwright.triggers",
    "propose_settlements": "billwright.triggers",
    "examine_draft": "billwright.rules",
}
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_readme_is_a_map() -> None:
    assert lines_of(ROOT / "README.md") <= README_LINES_MAX


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_a_decision_is_short_numbered_and_names_its_test(page: Path) -> None:
    assert lines_of(page) <= DECISION_LINES_MAX
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"tests/[\w/]+\.py", text)
    assert named or "import-linter" in text, "name the test that enforces it"
    assert [test for test in named if not (ROOT / test).is_file()] == []


def test_every_hook_has_a_page_and_no_page_is_about_nothing() -> None:
    assert {page.stem for page in (DOCS / "hooks").glob("*.md")} == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_page_shows_the_real_signature_and_a_real_plugin(hook: str) -> None:
    page = (DOCS / "hooks" / f"{hook}.md").read_text(encoding="utf-8")
    parameters = [name for name in inspect.signature(getattr(Hooks, hook)).parameters if name != "self"]
    assert f"{hook}({', '.join(parameters)})" in page

    plugins = set(re.findall(r"plugins/billwright_plugins/(\w+)", page))
    assert plugins, "show a real one"
    for plugin in plugins:
        module = importlib.import_module(f"billwright_plugins.{plugin}")
        assert hasattr(module, hook), f"{plugin} does not implement {hook}"
        assert plugin in {each.name for each in entry_points(group=GROUPS[hook])}


def test_the_page_of_the_invariants_names_all_of_them() -> None:
    page = (DOCS / "invariants.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == [str(each.number) for each in INVARIANTS]


PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
