"""Every code a first-party trigger gives has words for people, and the page says the same as the portal."""

from importlib import import_module
from pathlib import Path

import pytest

from billwright.extension.hookspecs import Hooks
from billwright.extension.loading import available_rules, available_triggers, settings_model
from billwright.extension.reasons import NOTES, REASONS, Reason, explain

ROOT = Path(__file__).parents[2]
TRIGGERS = ["milestones", "time_entries", "expenses", "subscriptions", "retainers", "usage", "progress"]
ROLES = {"billing_clerk", "project_operations", "contract_administrator", "integration_administrator"}


def test_the_mapping_has_exactly_the_codes_that_triggers_and_billing_give() -> None:
    modules = [import_module(f"billwright_plugins.{name}") for name in TRIGGERS]
    modules.append(import_module("billwright.billing.changes"))
    modules.extend(import_module(f"billwright.billing.{name}") for name in ("caps", "adjustments"))

    others = {
        import_module("billwright.billing.placing").BELOW_MINIMUM,
        import_module("billwright.billing.holdback_release").NOT_DUE,
    }
    assert {code for module in modules for code in module.REASONS} | others == set(REASONS)
    assert {code for module in modules for code in module.NOTES} == set(NOTES)
    assert not set(REASONS) & set(NOTES)


@pytest.mark.parametrize("reason", [*REASONS.values(), *NOTES.values()], ids=lambda reason: reason.code)
def test_the_words_are_sentences_and_stand_on_the_page(reason: Reason) -> None:
    page = (ROOT / "docs" / "reasons.md").read_text()
    role = reason.owner_role.replace("_", " ")

    assert f"| `{reason.code}` | {reason.title} | {reason.sentence} | {role} | {reason.remedy} |\n" in page
    assert reason.owner_role in ROLES
    for text in (reason.sentence, reason.remedy):
        assert text[0].isupper()
        assert text.endswith(".")


def test_the_page_has_no_other_codes() -> None:
    rows = [line for line in (ROOT / "docs" / "reasons.md").read_text().splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [*REASONS, *NOTES]


def test_a_code_of_a_partners_own_plugin_is_shown_in_plain_letters() -> None:
    assert explain("no_acceptance") is REASONS["no_acceptance"]
    assert explain("converted") is NOTES["converted"]
    assert explain("site_diary_missing").title == "Site diary missing"


@pytest.mark.parametrize("name", [*available_rules(), *available_triggers()])
def test_every_first_party_plugin_explains_itself_and_its_settings(name: str) -> None:
    readme = (ROOT / "plugins" / "billwright_plugins" / name / "README.md").read_text()
    model = settings_model(name)

    assert readme.startswith(f"# {name}\n")
    assert "## Example" in readme
    for setting in model.__struct_fields__ if model is not None else ():
        assert f"`{setting}`" in readme


@pytest.mark.parametrize(
    ("hook", "plugin"),
    [("propose_items", "expenses"), ("propose_settlements", "milestones"), ("examine_draft", "change_order_signed")],
)
def test_every_hook_page_quotes_a_plugin_as_it_stands(hook: str, plugin: str) -> None:
    page = (ROOT / "docs" / "hooks" / f"{hook}.md").read_text()
    source = (ROOT / "plugins" / "billwright_plugins" / plugin / "__init__.py").read_text()
    quoted = page.split("```python\n")[1].split("```")[0]

    assert hasattr(Hooks, hook)
    assert quoted.strip() in source
    assert "@hookimpl" in quoted
