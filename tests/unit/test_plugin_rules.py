"""The rules by example: each passes, blocks, and answers exactly at its limit."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.loading import callers, load_rules, plugin_settings
from billwright.extension.views import DraftView, Finding
from billwright.kernel.money import Money
from support.plugin_views import a_draft, a_line, totals

NOTHING: Mapping[str, Any] = {}


def examine(rule: str, draft: DraftView, settings: Mapping[str, Any] = NOTHING) -> Sequence[Finding]:
    """As the core does: settings checked, then the plugin called by its hook."""
    ((_, call),) = callers(load_rules([rule]), "examine_draft")
    found: Sequence[Finding] = call(draft=draft, settings=plugin_settings(rule, settings))
    return found


def codes(rule: str, draft: DraftView, settings: Mapping[str, Any] = NOTHING) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in examine(rule, draft, settings)]


@pytest.mark.parametrize(
    ("line", "settings", "expected"),
    [
        ({}, {}, []),
        ({"accepted_at": None}, {}, [("acceptance_missing", "blocking")]),
        ({"accepted_at": None, "acceptance_required": False}, {}, []),
        ({"accepted_at": None, "kind": "time"}, {}, []),
        ({"acceptance_items_open": 1}, {}, [("acceptance_with_open_items", "warning")]),
        ({"acceptance_items_open": 1}, {"open_items": "blocking"}, [("acceptance_with_open_items", "blocking")]),
        ({"acceptance_items_open": 1}, {"open_items": "ignore"}, []),
        (
            {"accepted_at": None, "acceptance_items_open": 1},
            {"open_items": "ignore"},
            [("acceptance_missing", "blocking")],
        ),
    ],
)
def test_acceptance_present(line: dict[str, Any], settings: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert codes("acceptance_present", a_draft(a_line(**line)), settings) == expected


def test_a_finding_names_line_amount_remedy_and_owner() -> None:
    draft = a_draft(a_line(id="l1"), a_line(id="l2", description="Milestone 2 — Built", accepted_at=None))

    assert examine("acceptance_present", draft) == [
        Finding(
            code="acceptance_missing",
            severity="blocking",
            subject="lines/l2",
            message="The customer has not accepted “Milestone 2 — Built” (1,000.00 EUR).",
            remedy="Obtain the customer's acceptance and send it, or take the line off the draft.",
            owner_role="project_operations",
            evidence={"milestone": "1", "contract": "C-1"},
        )
    ]


@pytest.mark.parametrize(
    ("line", "blocked"),
    [
        ({}, False),
        ({"change_order_id": "co", "change_order_number": "CO-7", "change_order_signed": True}, False),
        ({"change_order_id": "co", "change_order_number": "CO-7", "change_order_signed": False}, True),
        ({"change_order_id": "co", "change_order_number": "CO-7", "change_order_signed": None}, True),
        ({"change_order_id": "CO-7", "kind": "time"}, True),
    ],
)
def test_change_order_signed(line: dict[str, Any], blocked: bool) -> None:
    findings = examine("change_order_signed", a_draft(a_line(**line)))

    assert [finding.code for finding in findings] == (["change_order_unsigned"] if blocked else [])
    assert all("CO-7" in finding.message and finding.severity == "blocking" for finding in findings)


ORDER: Mapping[str, Any] = {"purchase_order": "PO-9", "purchase_order_minor": 500_000}


@pytest.mark.parametrize(
    ("required", "contract", "settings", "expected"),
    [
        (False, {}, {}, []),
        (True, {}, {}, [("purchase_order_missing", "blocking")]),
        (True, {"purchase_order": "PO-9"}, {}, []),
        (False, {**ORDER, "purchase_order_valid_until": date(2025, 4, 1)}, {}, []),  # its last day is today
        (
            False,
            {**ORDER, "purchase_order_valid_until": date(2025, 3, 31)},
            {},
            [("purchase_order_expired", "blocking")],
        ),
        (False, {**ORDER, "purchase_order_billed_minor": 400_000}, {}, [("purchase_order_nearly_used", "warning")]),
        (False, {**ORDER, "purchase_order_billed_minor": 400_001}, {}, [("purchase_order_exceeded", "blocking")]),
        (False, {**ORDER, "purchase_order_billed_minor": 349_999}, {}, []),
        (False, {**ORDER, "purchase_order_billed_minor": 350_000}, {}, [("purchase_order_nearly_used", "warning")]),
        (False, {**ORDER, "purchase_order_billed_minor": 350_000}, {"warn_at_percent": 100}, []),
        (
            False,
            {**ORDER, "purchase_order_billed_minor": 0},
            {"warn_at_percent": 20},
            [("purchase_order_nearly_used", "warning")],
        ),
        (False, {**ORDER, "currency": "USD"}, {}, [("purchase_order_currency_differs", "warning")]),
        (False, {**ORDER, "currency": None}, {}, []),
        (
            False,
            {**ORDER, "purchase_order_billed_minor": 400_001, "purchase_order_valid_until": date(2025, 3, 1)},
            {},
            [("purchase_order_expired", "blocking"), ("purchase_order_exceeded", "blocking")],
        ),
    ],
)
def test_purchase_order(
    required: bool, contract: dict[str, Any], settings: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    draft = a_draft(customer_po_required=required, contracts=(totals(**contract),))

    assert codes("purchase_order", draft, settings) == expected


def test_the_purchase_order_is_told_in_amounts_that_a_clerk_reads() -> None:
    draft = a_draft(contracts=(totals(**ORDER, purchase_order_billed_minor=450_050),))

    (finding,) = examine("purchase_order", draft)

    assert finding.message == (
        "Purchase order PO-9 is worth 5,000.00 EUR; 4,500.50 EUR is billed on it already, "
        "and this draft of 1,000.00 EUR exceeds it by 500.50 EUR."
    )
    assert finding.evidence["over"] == "500.50 EUR"


def test_only_the_lines_of_a_contract_count_against_its_order() -> None:
    draft = a_draft(
        a_line(id="l1"),
        a_line(id="l2", contract_id="c2"),
        contracts=(
            totals(**ORDER, purchase_order_billed_minor=100_000),
            totals(contract_id="c2", number="C-2", purchase_order="PO-2", purchase_order_minor=99_999),
            totals(contract_id="c3", number="C-3"),  # no line here, so nothing to say about it
        ),
        customer_po_required=True,
    )

    (finding,) = examine("purchase_order", draft)

    assert (finding.code, finding.evidence["contract"]) == ("purchase_order_exceeded", "C-2")


@pytest.mark.parametrize("rule", ["purchase_order", "contract_value"])
def test_a_draft_without_the_totals_of_its_contract_does_not_pass(rule: str) -> None:
    with pytest.raises(KeyError):
        examine(rule, a_draft(contracts=()))


@pytest.mark.parametrize(
    ("contract", "settings", "expected"),
    [
        ({}, {}, []),
        ({"billed_minor": 900_000}, {}, []),
        ({"billed_minor": 900_001}, {}, [("contract_value_exceeded", "blocking")]),
        ({"billed_minor": 925_000}, {"tolerance_percent": "2.5"}, []),
        ({"billed_minor": 925_001}, {"tolerance_percent": "2.5"}, [("contract_value_exceeded", "blocking")]),
        ({"billed_minor": 9_000_000, "value_minor": None}, {}, []),
        ({"currency": "USD"}, {}, [("contract_currency_differs", "warning")]),
        ({"currency": "DAI", "value_minor": None}, {}, [("contract_currency_differs", "warning")]),
    ],
)
def test_contract_value(contract: dict[str, Any], settings: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert codes("contract_value", a_draft(contracts=(totals(**contract),)), settings) == expected


def test_the_contract_value_is_told_in_amounts_that_a_clerk_reads() -> None:
    draft = a_draft(contracts=(totals(billed_minor=980_000),))

    (finding,) = examine("contract_value", draft, {"tolerance_percent": "5"})

    assert finding.message == (
        "Contract C-1 is worth 10,000.00 EUR; 9,800.00 EUR is billed already, "
        "and this draft of 1,000.00 EUR exceeds it by 800.00 EUR (a tolerance of 5 % is allowed)."
    )


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=5), st.integers(0, 10_000), st.integers(0, 40_000))
def test_the_contract_value_blocks_exactly_from_the_first_cent_above(nets: list[int], billed: int, value: int) -> None:
    lines = [a_line(id=f"l{number}", net=Money(net, "EUR")) for number, net in enumerate(nets)]
    draft = a_draft(*lines, contracts=(totals(value_minor=value, billed_minor=billed),))

    assert bool(codes("contract_value", draft)) == (billed + sum(nets) > value)


@pytest.mark.parametrize(
    ("line", "settings", "expected"),
    [
        ({}, {}, []),
        ({"evidence_count": 0}, {}, [("evidence_missing", "warning")]),
        ({"evidence_count": 0}, {"severity": "blocking"}, [("evidence_missing", "blocking")]),
        ({"evidence_count": 1}, {"minimum": 2}, [("evidence_missing", "warning")]),
        ({"evidence_count": 2}, {"minimum": 2}, []),
        ({"evidence_count": 0, "kind": "time"}, {}, []),
        ({"evidence_count": 0, "acceptance_required": False}, {}, []),
        (
            {"evidence_count": 0, "acceptance_required": False},
            {"without_acceptance": True},
            [("evidence_missing", "warning")],
        ),
    ],
)
def test_evidence_attached(line: dict[str, Any], settings: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert codes("evidence_attached", a_draft(a_line(**line)), settings) == expected
