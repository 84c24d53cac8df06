"""Only what a tenant enabled is loaded, in its order, with settings that are checked before a plugin sees them."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from billwright.extension.hookspecs import hookimpl
from billwright.extension.loading import (
    RULES,
    Installed,
    available_connectors,
    available_rules,
    available_triggers,
    build_manager,
    callers,
    load_rules,
    load_triggers,
    plugin_settings,
)
from billwright.kernel.errors import SettingsInvalidError
from support.plugin_views import a_contract, a_draft, a_line, a_milestone

SIX_RULES = [
    "acceptance_present",
    "change_order_signed",
    "contract_value",
    "duplicate_billing",
    "evidence_attached",
    "purchase_order",
]


def test_the_first_party_plugins_are_found_by_entry_point() -> None:
    assert set(SIX_RULES) <= set(available_rules())
    assert {"milestones", "time_entries", "expenses"} <= set(available_triggers())
    assert "csv_journal" in available_connectors()


@pytest.mark.parametrize("order", [SIX_RULES, SIX_RULES[::-1], ["purchase_order", "acceptance_present"]])
def test_a_manager_holds_the_enabled_rules_only_and_calls_them_in_the_tenants_order(order: list[str]) -> None:
    assert [name for name, _ in callers(load_rules(order), "examine_draft")] == order


def test_the_hook_itself_calls_in_the_tenants_order_too() -> None:
    draft = a_draft(a_line(accepted_at=None, change_order_id="co", change_order_signed=False))

    def first_codes(*order: str) -> list[str]:
        answers = load_rules(order).hook.examine_draft(draft=draft, settings={})
        return [findings[0].code for findings in answers]

    assert first_codes("acceptance_present", "change_order_signed") == ["acceptance_missing", "change_order_unsigned"]
    assert first_codes("change_order_signed", "acceptance_present") == ["change_order_unsigned", "acceptance_missing"]


def test_a_plugin_that_is_not_enabled_is_never_reached() -> None:
    contract = a_contract(milestones=(a_milestone(),))

    assert load_triggers(["time_entries"]).hook.propose_items(contract=contract) == [[]]
    assert load_triggers([]).hook.propose_items(contract=contract) == []


def test_managers_are_shared_per_list_of_names() -> None:
    assert load_rules(["purchase_order"]) is load_rules(("purchase_order",))
    assert load_rules(["purchase_order"]) is not load_rules(["contract_value"])


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        SettingsInvalidError, match=r"no rule 'purchase_ordr'. Installed: acceptance_present"
    ) as refusal:
        load_rules(["purchase_order", "purchase_ordr"])

    assert refusal.value.facts["plugin"] == "purchase_ordr"
    assert set(SIX_RULES) <= set(refusal.value.facts["known"] or [])  # type: ignore[arg-type]  # facts hold a list here


def test_a_trigger_is_no_rule() -> None:
    with pytest.raises(SettingsInvalidError, match="no rule 'milestones'"):
        load_rules(["milestones"])


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(SettingsInvalidError, match="enabled twice"):
        load_rules(["purchase_order", "purchase_order"])


@pytest.fixture
def partners_wheel() -> Iterator[ModuleType]:
    """A module as a partner's package would bring it, importable under its own name."""
    module = ModuleType("partners_wheel_for_tests")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=RULES)


def test_a_plugin_that_cannot_be_imported_harms_no_other(partners_wheel: ModuleType) -> None:
    partners_wheel.examine_draft = hookimpl(lambda draft: [])  # type: ignore[attr-defined]  # a module takes any attribute
    known = Installed(RULES, [point("broken", "no_such_module_anywhere"), point("good", partners_wheel.__name__)])

    assert [name for name, _ in callers(build_manager(known, ["good"]), "examine_draft")] == ["good"]
    with pytest.raises(SettingsInvalidError, match=r"'broken'.*cannot be loaded"):
        build_manager(known, ["good", "broken"])


def test_a_plugin_may_leave_out_arguments_that_it_does_not_need(partners_wheel: ModuleType) -> None:
    partners_wheel.examine_draft = hookimpl(lambda draft: [draft.id])  # type: ignore[attr-defined]  # as above
    manager = build_manager(Installed(RULES, [point("short", partners_wheel.__name__)]), ["short"])

    ((_, examine),) = callers(manager, "examine_draft")

    assert examine(draft=a_draft(), settings={}) == ["draft-1"]


@pytest.mark.parametrize(
    ("attribute", "function", "words"),
    [
        ("examine_draft", lambda draft: [], "no hook examine_draft"),  # without the marker
        ("examine_draft", hookimpl(lambda invoice: []), "invoice"),  # an argument that the hook does not have
        ("examine_drafts", hookimpl(lambda draft: []), "unknown hook"),
    ],
)
def test_a_plugin_that_does_not_fit_the_hooks_is_refused_at_load(
    partners_wheel: ModuleType, attribute: str, function: Any, words: str
) -> None:
    setattr(partners_wheel, attribute, function)

    with pytest.raises(SettingsInvalidError, match=f"does not fit this release.*{words}") as refusal:
        build_manager(Installed(RULES, [point("odd", partners_wheel.__name__)]), ["odd"])
    assert refusal.value.facts["plugin"] == "odd"


def test_a_plugin_that_wraps_the_hook_is_refused(partners_wheel: ModuleType) -> None:
    @hookimpl(wrapper=True)
    def examine_draft(draft: Any) -> Any:
        return (yield)

    partners_wheel.examine_draft = examine_draft  # type: ignore[attr-defined]  # as above
    with pytest.raises(SettingsInvalidError, match="wraps the hook"):
        build_manager(Installed(RULES, [point("wrapper", partners_wheel.__name__)]), ["wrapper"])


def test_two_packages_with_one_name_are_refused() -> None:
    with pytest.raises(SettingsInvalidError, match=r"Two installed packages.*'same'"):
        Installed(RULES, [point("same", "one"), point("same", "other")])
    assert list(Installed(RULES, [point("same", "one"), point("same", "one")])) == ["same"]


def test_settings_come_back_complete_and_storable() -> None:
    assert plugin_settings("duplicate_billing", {"window_days": 10}) == {
        "near": "warning",
        "similarity_percent": 90,
        "window_days": 10,
    }
    assert plugin_settings("contract_value", {"tolerance_percent": "2.5"}) == {"tolerance_percent": "2.5"}
    assert plugin_settings("change_order_signed", {}) == {}


@pytest.mark.parametrize("name", SIX_RULES)
def test_every_rule_runs_on_its_defaults_and_on_its_stored_settings(name: str) -> None:
    ((_, examine),) = callers(load_rules([name]), "examine_draft")

    assert examine(draft=a_draft(), settings={}) == []
    assert examine(draft=a_draft(), settings=plugin_settings(name, {})) == []


@pytest.mark.parametrize(
    ("name", "raw", "field", "words"),
    [
        ("contract_value", {"tolerance": 1}, "tolerance", "Use one of: tolerance_percent"),
        ("contract_value", {"tolerance_percent": "NaN"}, "tolerance_percent", "percentage from 0 to 100"),
        ("contract_value", {"tolerance_percent": "101"}, "tolerance_percent", "percentage from 0 to 100"),
        ("purchase_order", {"warn_at_percent": "many"}, "warn_at_percent", "a whole number from 1 to 100"),
        ("purchase_order", {"warn_at_percent": 0}, "warn_at_percent", "a whole number from 1 to 100"),
        ("evidence_attached", {"minimum": 2, "severity": "red"}, "severity", "warning or blocking"),
        ("change_order_signed", {"strict": True}, "strict", "no settings"),
    ],
)
def test_a_wrong_setting_is_refused_with_field_and_remedy(
    name: str, raw: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(SettingsInvalidError, match=words) as refusal:
        plugin_settings(name, raw)

    assert refusal.value.facts == {"plugin": name, "field": field}


def test_settings_of_an_unknown_plugin_are_refused() -> None:
    with pytest.raises(SettingsInvalidError, match="no rule or trigger 'nothing'"):
        plugin_settings("nothing", {})
