"""Settings in words and figures: contrasts never flatter, the matrix says what it does, plugins that are gone are said."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.extension.loading import available_rules
from billwright.kernel.brand import CONTRAST_TEXT, Brand, contrast
from billwright.tenancy.configuration import ApprovalRule, ReminderStep, RuleSetting
from billwright.web.portal import settings_view as view

COLOURS = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


@settings(max_examples=20)  # each measures 19 pairs with exact decimals
@given(COLOURS, COLOURS, COLOURS)
def test_the_contrast_report_never_flatters(primary: str, accent: str, ink: str) -> None:
    """A pair passes exactly when its ratio reaches 4.5, and no shown ratio is above the real one."""
    for each in view.contrasts(Brand(name="X", slug="x", primary=primary, accent=accent, ink=ink)):
        ratio = contrast(each.text, each.background)
        assert each.passes == (ratio >= CONTRAST_TEXT)
        assert Decimal(each.ratio) <= ratio < Decimal(each.ratio) + Decimal("0.1")


def test_a_faint_accent_is_told() -> None:
    found = view.contrasts(Brand(name="X", slug="x", accent="#c0c0c0"))
    assert [(each.where, each.theme) for each in found if not each.passes] == [("Accent", "Documents and mails")]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, "Every draft: the manager decides first, then finance."),
        ({"steps": ()}, "Every draft: nobody is asked, it is issued by itself."),
        ({"currency": "USD", "steps": ("finance",)}, "Drafts in USD: finance decides alone."),
        ({"legal_entity": "DE01", "steps": ("manager",)}, "Drafts of legal entity DE01: the manager decides alone."),
        (
            {"customer": "C-1", "currency": "EUR", "at_least": Decimal("1234567.50"), "steps": ("finance",)},
            "Drafts for Alpine Rail over EUR 1,234,567.50 net or exactly that: finance decides alone.",
        ),
    ],
)
def test_a_row_of_the_matrix_is_a_sentence(rule: dict[str, object], sentence: str) -> None:
    (said,) = view.matrix_sentences([ApprovalRule(name="n", **rule)], {"C-1": "Alpine Rail"})  # type: ignore[arg-type] # fields of one row, by name
    assert said.text == sentence


def test_rows_behind_one_that_takes_everything_are_never_reached() -> None:
    rules = [ApprovalRule(name="one", currency="EUR"), ApprovalRule(name="all"), ApprovalRule(name="late", steps=())]
    said = view.matrix_sentences(rules, {})
    assert [each.unreached for each in said] == [False, False, True]
    assert [each.free for each in said] == [False, False, True]
    assert not view.ends_open(rules)
    assert view.ends_open(rules[:1])
    assert view.ends_open([])


def test_reminders_come_in_the_order_of_their_days() -> None:
    steps = [ReminderStep(days_after_due=day, tone="firm") for day in (14, -3, 0, 1)]
    said = [when for when, _ in view.reminder_sentences(steps)]
    assert said == [
        "3 days before the due date",
        "On the due date",
        "1 day after the due date",
        "14 days after the due date",
    ]


def test_a_rule_that_is_not_installed_any_more_is_said() -> None:
    gone, *others = view.plugins_of(available_rules(), [RuleSetting(name="gone")])
    assert (gone.name, gone.enabled, gone.broken) == ("gone", True, "It is not installed any more.")
    assert {each.enabled for each in others} == {False}
    assert all(each.about.endswith(".") for each in others)


def test_a_version_says_what_became_different_in_words() -> None:
    before = {"approval_hours": 24, "deliver_by_mail": True, "rules": [{"name": "a", "settings": {}}], "same": 1}
    after = {"approval_hours": 8, "deliver_by_mail": False, "rules": [], "same": 1}
    said = [(each.part, each.before, each.after) for each in view.version_changes(before, after)]
    assert said == [
        ("Clock of an approval step", "24", "8"),
        ("Delivery by e-mail", "yes", "no"),
        ("Rules", "name: a", "none"),
    ]
    assert view.version_changes(None, after) == []
