"""Nothing is billed twice, under its own key or under another name; what repeats by nature is left alone."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.loading import plugin_settings
from billwright.extension.views import DraftView
from billwright.kernel.money import Money
from billwright_plugins.duplicate_billing import examine_draft
from billwright_plugins.duplicate_billing.likeness import AnyLine, Index, Likeness
from support.plugin_views import a_billed_line, a_draft, a_line

NOTHING: Mapping[str, Any] = {}


def codes(draft: DraftView, settings: Mapping[str, Any] = NOTHING) -> list[tuple[str, str, str]]:
    findings = examine_draft(draft, plugin_settings("duplicate_billing", settings))
    return [(finding.subject, finding.code, finding.severity) for finding in findings]


def against(settings: Mapping[str, Any] = NOTHING, **billed: Any) -> list[tuple[str, str]]:
    return [each[1:] for each in codes(a_draft(history=(a_billed_line(**billed),)), settings)]


def test_the_same_key_elsewhere_blocks_and_says_where() -> None:
    draft = a_draft(
        history=(a_billed_line(transaction_key="milestone:c1:l1:1", net=Money(1, "EUR"), contract_id="c9"),)
    )

    (finding,) = examine_draft(draft, NOTHING)

    assert (finding.code, finding.severity, finding.subject) == ("billed_twice", "blocking", "lines/l1")
    assert finding.message == "“Milestone 1 — Design approved” (1,000.00 EUR) is billed already: invoice 2025-0007."
    assert finding.evidence["others"] == [{"invoice_id": "inv-1", "transaction_key": "milestone:c1:l1:1"}]


def test_the_same_subject_under_another_key_blocks() -> None:
    assert against(subject_id="subject-l1", net=Money(1, "EUR")) == [("subject_billed_twice", "blocking")]


def test_lines_of_one_draft_are_compared_too_and_the_later_one_is_named() -> None:
    same_key = a_draft(a_line(id="l1"), a_line(id="l2", transaction_key="milestone:c1:l1:1"))
    alike = a_draft(a_line(id="l1"), a_line(id="l2"))

    assert codes(same_key) == [("lines/l2", "billed_twice", "blocking")]
    assert codes(alike) == [("lines/l2", "near_duplicate", "warning")]


@pytest.mark.parametrize(
    ("billed", "near"),
    [
        ({}, True),
        ({"net": Money(100_001, "EUR")}, False),
        ({"net": Money(100_000, "USD")}, False),
        ({"contract_id": "c2"}, False),
        ({"description": "Something else altogether"}, False),  # other numbers: "1" is missing
        ({"description": "1 x something else altogether"}, True),  # the same day
        ({"description": "1 x something else altogether", "service_to": date(2025, 3, 11)}, False),
        ({"description": "Milestone 2 — Design approved"}, False),
        ({"description": "MILESTONE 1 -  design  approved", "service_to": date(2025, 4, 24)}, True),  # 45 days apart
        ({"service_to": date(2025, 4, 25)}, False),  # 46 days
        ({"service_from": date(2025, 1, 1), "service_to": date(2025, 12, 31), "description": "Phase 1"}, True),
        ({"service_to": None}, True),
        ({"service_to": None, "description": "Phase 1"}, False),
    ],
)
def test_a_line_that_looks_like_another_one_is_told(billed: dict[str, Any], near: bool) -> None:
    assert against(**billed) == ([("near_duplicate", "warning")] if near else [])


@pytest.mark.parametrize("wrong_letters", range(0, 51, 7))
def test_likeness_counts_exactly_from_the_set_percentage_on(wrong_letters: int) -> None:
    """Two descriptions of a hundred letters, of which all but the last few are the same."""
    percent = 100 - wrong_letters
    line = a_line(description="a" * percent + "b" * wrong_letters, service_to=date(2025, 3, 1))
    draft = a_draft(line, history=(a_billed_line(description="a" * percent + "c" * wrong_letters),))

    assert codes(draft, {"similarity_percent": percent}) == [("lines/l1", "near_duplicate", "warning")]
    if wrong_letters:
        assert codes(draft, {"similarity_percent": percent + 1}) == []


@pytest.mark.parametrize(("near", "expected"), [("blocking", [("near_duplicate", "blocking")]), ("ignore", [])])
def test_what_a_near_duplicate_means_is_set(near: str, expected: list[tuple[str, str]]) -> None:
    assert against({"near": near}) == expected
    assert against({"near": near}, transaction_key="milestone:c1:l1:1") == [("billed_twice", "blocking")]


def hours(identifier: str, **given_fields: Any) -> Any:
    return a_line(
        **{
            "id": identifier,
            "transaction_key": f"time:{identifier}",
            "kind": "time",
            "description": "Ann Lee, Engineer — Load test",
            "service_from": date(2025, 3, 10),
            "service_to": date(2025, 3, 10),
        }
        | given_fields
    )


def test_days_of_equal_work_are_not_duplicates_but_one_day_twice_is() -> None:
    days = [hours(f"t{n}", service_from=date(2025, 3, n), service_to=date(2025, 3, n)) for n in (10, 11, 12)]
    colleague = hours("t-bob", description="Bob Ray, Surveyor — Soil samples")

    assert codes(a_draft(*days, colleague)) == []
    assert codes(a_draft(*days, colleague, hours("t-copy"))) == [("lines/t-copy", "near_duplicate", "warning")]


def test_many_places_are_counted_not_listed() -> None:
    history = tuple(
        a_billed_line(invoice_id=f"i{n}", invoice_label=f"invoice {n}", transaction_key=f"k{n}", subject_id=f"s{n}")
        for n in range(5)
    )
    (finding,) = examine_draft(a_draft(history=history), NOTHING)

    assert finding.message.endswith("invoice 0, invoice 1, invoice 2 and 2 more.")
    assert len(finding.evidence["others"]) == 5


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=8))
def test_each_key_passes_once_and_every_repetition_blocks(keys: list[str]) -> None:
    lines = [
        a_line(id=f"l{number}", transaction_key=key, net=Money(number + 1, "EUR")) for number, key in enumerate(keys)
    ]
    repeated = [f"lines/l{number}" for number, key in enumerate(keys) if key in keys[:number]]

    assert [(subject, code) for subject, code, _ in codes(a_draft(*lines))] == [
        (each, "billed_twice") for each in repeated
    ]


def test_a_long_draft_of_equal_hours_is_examined_by_day() -> None:
    """2,000 lines of one amount: comparing all with all would be two million comparisons of descriptions."""
    compared = []

    class Counting(Likeness):
        def alike(self, one: AnyLine, other: AnyLine) -> bool:
            compared.append((one, other))
            return super().alike(one, other)

    index = Index(Counting(similarity_percent=90, window_days=45))
    for n in range(2_000):
        day = date.fromordinal(738_000 + n)
        assert index.alike(hours(f"t{n}", service_from=day, service_to=day)) == []
        index.add(a_billed_line(transaction_key=f"time:t{n}", service_from=day, service_to=day))
    assert compared == []


@pytest.mark.parametrize(("days_later", "alike"), [(0, True), (1, False)])
def test_daily_lines_are_alike_on_the_same_day_only(days_later: int, alike: bool) -> None:
    other = a_billed_line(
        transaction_key="time:t9",
        description="ann lee, engineer — load test",
        service_to=date(2025, 3, 10 + days_later),
    )

    assert Likeness(similarity_percent=90, window_days=45).alike(hours("t1"), other) is alike
