"""Rows of the agreements record to canonical objects: hand-made rows in the record's shape, then mangled ones."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.extension.canonical import (
    Acceptance,
    Canonical,
    ChangeOrder,
    Contract,
    Customer,
    Evidence,
    Milestone,
    Payment,
    Project,
    Signal,
    SourceMessage,
    TermChange,
)
from billwright.extension.connectors import Connector, MappingError, Source, UnknownTypeError
from billwright.extension.folders import FolderSource
from billwright_connectors import agreements
from billwright_connectors.agreements import Settings, map_message

AT = "2024-03-01T10:00:00+01:00"
ROWS: dict[str, dict[str, Any]] = {
    "contract": {
        "contract_id": "r:bridge", "title": "Bridge", "buyer": "Harbour Trust", "signed_at": AT,
        "original_total_value": 30000, "original_currency": "USD", "total_value": 30000, "total_raw": "30.000 USD",
    },
    "milestone": {
        "contract_id": "r:bridge", "number": "2",
        "as_first_agreed": {
            "name": "— Piers", "amount": 12000, "currency": "USD", "cost_raw": "12'000 USD", "change_order": None,
        },
    },
    "amendment": {
        "amendment_id": "r:bridge/A1", "contract_id": "r:bridge", "number": 1, "in_force_at": AT, "title": "Deeper",
        "by": "Ada", "total_after": 33000, "currency_after": "USD",
        "changes": [
            {"field": "contract.total", "before": 30000, "after": 33000},
            {"field": "milestone.2.amount", "before": 12000, "after": "15000.50"},
            {"field": "milestone.3", "before": {"name": "Lamps", "amount": 5, "currency": "BTC"}, "after": None},
            {"field": "milestone.2.deliverable.1", "before": None, "after": "x" * 900},
        ],
        "prices_after": {"2": {"name": "Piers", "amount": "15000.50", "currency": "DAI"}},
        "milestones_removed": {"3": {"name": "Lamps", "amount": 5, "currency": "BTC", "removed": True}},
        "before_differs": ["milestone.2.amount: the amendment says 1, later versions 2"],
    },
    "delivery": {
        "delivery_id": "d:one", "contract_id": "r:bridge", "milestone_numbers": ["1", "2"], "submitted_at": AT,
        "submitted_by": "Ada",
        "items": [{"number": "1", "deliverable": "Drawings", "evidence": ["https://example.org/a", "https://example.org/b"]},
                  {"number": "2", "deliverable": "Talk", "evidence_text": "given"}],
    },
    "evaluation": {
        "evaluation_id": "e:one", "contract_id": "r:bridge", "milestone_numbers": ["2"], "decision": "accepted",
        "decision_number": 2, "decided_at": AT, "decided_by": "Bo", "overtaken_by": "", "text": "Good",
        "items": [{"number": "1", "deliverable": "Drawings", "accepted": True}, {"deliverable": "Talk", "accepted": False}],
    },
    "status_event": {"contract_id": "r:bridge", "event": "listed", "date": AT, "wave": "Wave 1"},
    "invoice_event": {
        "event_id": "ie:1", "contract_id": "r:bridge", "milestone_numbers": ["2"], "event": "paid", "quote": "we paid",
        "date": "2024-03-01", "occurred_at": "2024-03-01T23:59:59+00:00", "buyer": "Harbour Trust",
        "milestone_amount": 15000, "milestone_currency": "USD",
    },
    "document": {
        "contract_id": "r:bridge", "kind": "agreement_as_signed", "path": "a/bridge.md", "commit": "c1",
        "occurred_at": AT, "milestone_numbers": [],
    },
}  # fmt: skip


def mapped(kind: str, **changed: Any) -> list[Canonical]:
    return list(map_message(message(kind, {**ROWS[kind], **changed}), Settings()))


def message(kind: str, row: Any, version: str = "v1") -> SourceMessage:
    return SourceMessage(
        type=f"agreements.{kind}.{version}",
        source="record",
        id="1",
        time=datetime(2024, 3, 1, tzinfo=UTC),
        sequence=None,
        subject="",
        data=msgspec.Raw(json.dumps(row).encode()),
    )


def test_the_module_is_a_folder_source_and_a_connector() -> None:
    connector: Connector = agreements
    assert isinstance(agreements, FolderSource)
    assert isinstance(agreements, Source)
    assert connector.manifest.capabilities == {"source"}
    assert msgspec.convert({"acceptance_settles_after_days": 3}, connector.manifest.settings_model) == Settings(
        acceptance_settles_after_days=3
    )


def test_an_agreement_is_the_buyer_a_project_and_a_contract_as_signed() -> None:
    customer, project, contract = mapped("contract", total_value=45000)
    assert customer == Customer(ref="buyer:harbour-trust", name="Harbour Trust")
    assert project == Project(ref="project:r:bridge", name="Bridge", customer=customer.ref)
    assert contract == Contract(
        ref="r:bridge",
        number="r:bridge",
        title="Bridge",
        customer=customer.ref,
        project=project.ref,
        signed_on=date(2024, 3, 1),
        currency="USD",
        value=Decimal(30000),
        acceptance_settles_after_days=14,
        grouping="each",
    )


def test_the_settle_time_comes_from_the_settings() -> None:
    contract = map_message(message("contract", ROWS["contract"]), Settings(acceptance_settles_after_days=3))[2]
    assert isinstance(contract, Contract)
    assert contract.acceptance_settles_after_days == 3


def test_a_milestone_keeps_the_price_and_its_wording_as_first_agreed() -> None:
    assert mapped("milestone") == [
        Milestone(
            ref="r:bridge/M2",
            contract="r:bridge",
            number="2",
            name="Piers",
            amount=Decimal(12000),
            currency="USD",
            amount_raw="12'000 USD",
            clause="Milestone 2",
        )
    ]


@pytest.mark.parametrize(
    ("terms", "amount", "currency", "raw"),
    [
        ({"amount": "0.64", "currency": "BTC", "cost_raw": "0.64BTC (~ $10000)"}, "0.64", "BTC", "0.64BTC (~ $10000)"),
        ({"amount": None, "currency": None, "cost_raw": "see the form"}, None, None, "see the form"),
        (
            {"amount": 10000, "currency": "USD", "cost_raw": "~~10,000 USD~~ (ours)"},
            None,
            "USD",
            "~~10,000 USD~~ (ours)",
        ),
        ({"amount": 5, "currency": "some euros", "cost_raw": None}, "5", None, "5 some euros"),
        ({"amount": 0, "currency": "USD"}, "0", "USD", "0 USD"),
    ],
)
def test_an_unclear_price_is_kept_and_never_guessed(
    terms: dict[str, Any], amount: Any, currency: Any, raw: str
) -> None:
    (milestone,) = mapped("milestone", as_first_agreed=terms)
    assert isinstance(milestone, Milestone)
    assert (milestone.amount, milestone.currency) == (Decimal(amount) if amount is not None else None, currency)
    assert milestone.amount_raw == raw


def test_an_amendment_is_a_signed_change_order_with_the_milestones_own_currency() -> None:
    order, removed, differs = mapped("amendment")
    assert isinstance(order, ChangeOrder)
    assert (order.number, order.signed_at, order.value_after) == (
        "1",
        datetime(2024, 3, 1, 9, tzinfo=UTC),
        Decimal(33000),
    )
    assert order.changes[:2] == (
        TermChange(field="value", before="30000", after="33000"),
        TermChange(milestone="r:bridge/M2", field="amount", before="12000", after="15000.50"),
    )
    assert order.changes[2] == TermChange(milestone="r:bridge/M3", field="removed", before="Lamps, 5, BTC")
    assert len(order.changes[3].after or "") == 300
    assert order.changes[4] == TermChange(milestone="r:bridge/M2", field="currency", before="DAI", after="DAI")
    assert isinstance(removed, Milestone)
    assert (removed.ref, removed.removed) == ("r:bridge/M3", True)
    assert isinstance(differs, Signal)
    assert differs.event == "amendment_differs_from_record"


def test_a_delivery_is_one_evidence_per_link_and_a_signal() -> None:
    delivered, *evidence = mapped("delivery")
    assert isinstance(delivered, Signal)
    assert delivered.milestones == ("r:bridge/M1", "r:bridge/M2")
    assert [each.uri for each in evidence if isinstance(each, Evidence)] == [
        "https://example.org/a",
        "https://example.org/b",
    ]
    assert {each.submitted_at for each in evidence if isinstance(each, Evidence)} == {
        datetime(2024, 3, 1, 9, tzinfo=UTC)
    }


def test_where_only_the_merge_is_known_the_submission_has_no_moment() -> None:
    _, first, _ = mapped("delivery", submitted_at_basis="git_merge_commit")
    assert isinstance(first, Evidence)
    assert first.submitted_at is None


def test_a_decision_is_an_acceptance_with_its_items() -> None:
    (acceptance,) = mapped("evaluation")
    assert isinstance(acceptance, Acceptance)
    assert (acceptance.ref, acceptance.decision, acceptance.milestones) == ("e:one#2", "accepted", ("r:bridge/M2",))
    assert [(item.number, item.accepted) for item in acceptance.items] == [("1", True), ("2", False)]


@pytest.mark.parametrize(
    ("changed", "event"),
    [
        ({"decision": None}, "evaluated_without_decision"),
        ({"decision": "in_progress", "overtaken_by": "e:other"}, "evaluation_after_acceptance"),
        ({"milestone_numbers": []}, "evaluated_without_decision"),
    ],
)
def test_a_check_that_decides_nothing_is_a_signal(changed: dict[str, Any], event: str) -> None:
    (signal,) = mapped("evaluation", **changed)
    assert isinstance(signal, Signal)
    assert signal.event == event


def test_paid_for_a_milestone_is_a_payment_with_where_its_amount_comes_from() -> None:
    _, payment = mapped("invoice_event")
    assert payment == Payment(
        ref="ie:1/payment",
        customer="buyer:harbour-trust",
        milestones=("r:bridge/M2",),
        amount=Decimal(15000),
        currency="USD",
        paid_on=date(2024, 3, 1),
        remittance="we paid (the whole milestone; amount as agreed)",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"milestone_currency": "BTC"},
        {"amount": "1.44", "currency": "BTC"},
        {"milestone_amount": None},
        {"milestone_amount": 0},
        {"milestone_numbers": []},
        {"event": "payment_test_sent"},
    ],
)
def test_what_is_no_payment_in_an_iso_currency_stays_a_signal(changed: dict[str, Any]) -> None:
    assert [type(each) for each in mapped("invoice_event", **changed)] == [Signal]


def test_events_and_documents_are_signals_and_evidence() -> None:
    assert [type(each) for each in mapped("status_event")] == [Signal]
    (evidence,) = mapped("document")
    assert isinstance(evidence, Evidence)
    assert evidence.title == "Agreement as signed: a/bridge.md"


@pytest.mark.parametrize(("kind", "version"), [("contract", "v2"), ("holiday", "v1")])
def test_an_unknown_type_is_told(kind: str, version: str) -> None:
    with pytest.raises(UnknownTypeError):
        map_message(message(kind, {}, version), Settings())


@pytest.mark.parametrize(
    ("kind", "changed", "field"),
    [
        ("contract", {"signed_at": "yesterday"}, "signed_at"),
        ("contract", {"signed_at": "2024-03-01T10:00:00"}, "signed_at"),
        ("contract", {"signed_at": "9999-12-31T23:59:59-23:00"}, "moment"),
        ("contract", {"original_total_value": "NaN"}, "original_total_value"),
        ("milestone", {"as_first_agreed": {"amount": "ten"}}, "as_first_agreed.amount"),
        ("milestone", {"as_first_agreed": {"amount": "1e40"}}, "as_first_agreed.amount"),
        ("amendment", {"changes": "none"}, "changes"),
        ("evaluation", {"decision": "perhaps"}, "decision"),
        ("delivery", {"items": [{"evidence": ["x" * 3000]}]}, "evidence"),
    ],
)
def test_a_broken_field_is_named(kind: str, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(MappingError) as caught:
        mapped(kind, **changed)
    assert caught.value.field == field


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
hostile = json_values | st.sampled_from(
    [
        "NaN",
        "Infinity",
        "1e999999",
        "",
        "x" * 12_000,
        -1,
        10**30,
        AT,
        "9999-12-31T23:59:59-23:00",
        "0001-01-01T00:00:00+14:00",
    ]
)


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, Any]:
    """A good row in which some fields, at any depth, have something else or are gone."""
    kind = draw(st.sampled_from(sorted(ROWS)))
    row = json.loads(json.dumps(ROWS[kind]))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = row
        while place:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            if draw(st.booleans()):
                place[key] = draw(hostile)
            else:
                del place[key]
            break
    return kind, draw(st.sampled_from([row, row, row, row, draw(json_values)]))


@settings(max_examples=300, deadline=None)
@given(mangled())
def test_a_mangled_row_maps_or_is_refused_and_nothing_else(kind_and_row: tuple[str, Any]) -> None:
    found = result(*kind_and_row)
    if isinstance(found, MappingError):
        assert found.field
        assert str(found)
        return
    assert found
    for each in found:
        assert msgspec.convert(msgspec.to_builtins(each), type(each)) == each


def result(kind: str, row: Any) -> Sequence[Canonical] | MappingError:
    try:
        return map_message(message(kind, row), Settings())
    except MappingError as error:
        return error
