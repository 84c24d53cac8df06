"""Reading a folder in the record's shape: order, refusals, first prices and decisions."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.extension.connectors import RejectedError
from billwright.extension.folders import Folder, FolderRecord
from billwright_connectors.agreements import Settings, read_folder

SIGNED = "2024-01-10T09:00:00+01:00"


def contract(contract_id: str = "r:a", **more: Any) -> dict[str, Any]:
    return {"contract_id": contract_id, "supplier": "Ada Ltd", "buyer": "B", "signed_at": SIGNED, **more}


def milestone(number: str, **more: Any) -> dict[str, Any]:
    return {"milestone_id": f"r:a/M{number}", "contract_id": "r:a", "number": number, **more}


def amendment(number: int, date: str, *changes: tuple[str, Any, Any]) -> dict[str, Any]:
    listed = [{"field": field, "before": before, "after": after} for field, before, after in changes]
    return {
        "amendment_id": f"r:a/A{number}", "contract_id": "r:a", "number": number, "date": date, "changes": listed,
    }  # fmt: skip


def evaluation(name: str, *history: tuple[str, str], milestones: tuple[str, ...] = ("1",)) -> dict[str, Any]:
    entries = [{"status": status, "date": date, "by": name} for status, date in history]
    return {
        "evaluation_id": f"e:{name}", "contract_id": "r:a", "milestone_numbers": list(milestones),
        "evaluated_at": "2024-02-01T00:00:00Z", "status_history": entries, "items": [{"deliverable": "x", "accepted": True}],
    }  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def write_and_read(**files: list[Any]) -> Folder:
        for name, rows in files.items():
            lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_folder(tmp_path, Settings())

    return write_and_read


def of_kind(folder: Folder, kind: str) -> list[FolderRecord]:
    return [message for message in folder.messages if message.type == f"agreements.{kind}.v1"]


def test_a_folder_without_agreements_is_rejected_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        read_folder(tmp_path, Settings())
    assert ".jsonl" in caught.value.remedy


def test_messages_come_in_the_order_in_which_things_happened_whatever_the_order_of_rows(read: Any) -> None:
    folder = read(
        contracts=[contract("r:late", signed_at="2024-03-01T00:00:00Z"), contract()],
        milestones=[milestone("2", amount=2), milestone("1", amount=1)],
        amendments=[amendment(1, SIGNED)],
        deliveries=[
            {
                "delivery_id": "d:x",
                "contract_id": "r:a",
                "milestone_numbers": ["1"],
                "submitted_at": "2024-02-01T00:00:00Z",
            }
        ],
        evaluations=[evaluation("x", ("accepted", "2024-02-01T00:00:00Z"))],
        invoice_events=[{"event_id": "ie:1", "contract_id": "r:a", "event": "paid", "date": "2024-02-01"}],
        status_events=[{"contract_id": "r:a", "event": "listed", "date": "2024-01-11T00:00:00+01:00", "commit": "c"}],
        documents=[{"contract_id": "r:a", "kind": "delivery", "path": "y.md", "commit": "c"}],
    )
    assert [message.id for message in folder.messages] == [
        "contract:r:a",
        "milestone:r:a/M1",
        "milestone:r:a/M2",
        "document:r:a/delivery/y.md@c",
        "amendment:r:a/A1",
        "status_event:r:a/listed/2024-01-11T00:00:00+01:00/c",
        "delivery:d:x",
        "evaluation:e:x#1",
        "invoice_event:ie:1",
        "contract:r:late",
    ]
    assert not folder.refused
    assert all(message.occurred_at.tzinfo is UTC for message in folder.messages)
    assert {message.tenant for message in folder.messages} == {"ada-ltd"}


def test_broken_rows_are_refused_one_by_one_with_reason_and_remedy(read: Any) -> None:
    folder = read(
        contracts=["\ufeff" + json.dumps(contract()), "{broken", "[1]", json.dumps(contract()), '{"contract_id": 7}',
                   contract("r:undated", signed_at=None), contract("r:zoneless", signed_at="2024-01-01T00:00:00"), ""],
        milestones=[milestone("1"), {**milestone("9"), "contract_id": "r:gone"}, milestone("1"),
                    {**milestone("1"), "milestone_id": "r:a/M1b"}, {**milestone("1"), "milestone_id": "r:a/Mx", "number": None}],
        evaluations=[{**evaluation("y", ("accepted", "soon"))}, {**evaluation("z"), "status_history": "none"}],
        status_events=[{"contract_id": "r:a", "event": "listed", "date": SIGNED}] * 2,
    )  # fmt: skip
    assert [(each.file.split(".")[0], each.line, each.code) for each in folder.refused] == [
        ("contracts", 2, "broken-row"),
        ("contracts", 3, "broken-row"),
        ("contracts", 4, "duplicate-row"),
        ("contracts", 5, "identifier-missing"),
        ("contracts", 6, "moment-missing"),
        ("contracts", 7, "moment-missing"),
        ("evaluations", 1, "moment-missing"),
        ("evaluations", 2, "moment-missing"),
        ("milestones", 2, "agreement-unknown"),
        ("milestones", 3, "duplicate-row"),
        ("milestones", 4, "duplicate-row"),
        ("milestones", 5, "identifier-missing"),
        ("status_events", 2, "duplicate-row"),
    ]
    assert all(each.reason.endswith(".") and each.remedy.endswith(".") for each in folder.refused)
    assert [message.id for message in folder.messages][:2] == ["contract:r:a", "milestone:r:a/M1"]
    assert len(folder.messages) == 3


def test_a_line_that_is_no_text_is_refused_alone(read: Any, tmp_path: Path) -> None:
    read(contracts=[contract()])
    good = json.dumps(milestone("1")).encode()
    (tmp_path / "milestones.jsonl").write_bytes(b'{"milestone_id": "\xff"}\r\n' + good + b"\r\n")
    folder = read_folder(tmp_path, Settings())
    assert [each.line for each in folder.refused] == [1]
    assert len(of_kind(folder, "milestone")) == 1


def test_amounts_stay_exact(read: Any) -> None:
    folder = read(
        contracts=[contract(original_total_value=0.1)], milestones=[milestone("1", amount=0.7387, currency="BTC")]
    )
    assert folder.messages[0].data["original_total_value"] == "0.1"
    assert folder.messages[1].data["as_first_agreed"]["amount"] == "0.7387"


def test_amendments_run_backwards_give_the_terms_as_first_agreed(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        milestones=[
            milestone("1", name="One", amount=50, currency="USD", cost_raw="50 USD"),
            milestone("2", name="Two", amount=30, currency="USD", cost_raw="30 USD"),
            milestone("4", name="Four", amount=7, currency="USD", cost_raw="7 USD"),
        ],
        amendments=[
            amendment(2, "2024-03-01T00:00:00Z", ("milestone.1.amount", 40, 50), ("milestone.4.name", "Vier", "Four")),
            amendment(
                1, "2024-02-01T00:00:00Z",
                ("milestone.1.amount", "0.5", 40), ("milestone.1.currency", "BTC", "USD"), ("milestone.1.name", "Uno", "One"),
                ("milestone.3", {"name": "Three", "amount": 9, "currency": "USD"}, None),
                ("milestone.4", None, {"name": "Vier", "amount": 7, "currency": "USD"}),
                ("milestone.1.deliverable.1", None, "More"), ("contract.total", 1, 2),
            ),
        ],
    )  # fmt: skip
    first = {message.data["number"]: message.data["as_first_agreed"] for message in of_kind(folder, "milestone")}
    assert first == {
        "1": {"name": "Uno", "amount": "0.5", "currency": "BTC", "cost_raw": None, "change_order": None},
        "2": {"name": "Two", "amount": 30, "currency": "USD", "cost_raw": "30 USD", "change_order": None},
        "3": {"name": "Three", "amount": 9, "currency": "USD", "cost_raw": None, "change_order": None},
        "4": {"name": "Vier", "amount": 7, "currency": "USD", "cost_raw": "7 USD", "change_order": "r:a/A1"},
    }
    came = {message.data["number"]: message.occurred_at for message in of_kind(folder, "milestone")}
    assert came["3"] == datetime(2024, 1, 10, 8, tzinfo=UTC)
    assert came["4"] == datetime(2024, 2, 1, tzinfo=UTC)
    one, two = of_kind(folder, "amendment")
    assert one.data["prices_after"]["1"] == {"name": "One", "amount": 40, "currency": "USD"}
    assert two.data["prices_after"]["1"] == {"name": "One", "amount": 50, "currency": "USD"}
    assert {number: terms["removed"] for number, terms in one.data["milestones_removed"].items()} == {"3": True}
    assert one.data["before_differs"] == two.data["before_differs"] == []


def test_a_milestone_that_went_and_came_back_is_taken_away_and_brought_back(read: Any) -> None:
    terms = {"name": "One", "amount": 5, "currency": "USD"}
    folder = read(
        contracts=[contract()],
        milestones=[milestone("1", **terms)],
        amendments=[
            amendment(1, "2024-02-01T00:00:00Z", ("milestone.1", terms, None)),
            amendment(2, "2024-03-01T00:00:00Z", ("milestone.1", None, terms)),
        ],
    )
    (only,) = of_kind(folder, "milestone")
    assert only.data["as_first_agreed"]["change_order"] is None
    removed = [message.data["milestones_removed"]["1"]["removed"] for message in of_kind(folder, "amendment")]
    assert removed == [True, False]


def test_an_amendment_that_contradicts_the_record_is_noted_and_the_rest_goes_on(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        milestones=[milestone("1", amount=50, currency="USD")],
        amendments=[
            amendment(
                1, "2024-02-01T00:00:00Z",
                ("milestone.1.amount", 40, 45), ("milestone.8.amount", 1, 2), ("milestone.9", None, {"amount": 3}),
            )
        ],
    )  # fmt: skip
    (changed,) = of_kind(folder, "amendment")
    assert sorted(changed.data["before_differs"]) == [
        "milestone.1.amount: the amendment says 45, later versions 50",
        "milestone.8.amount: the agreement has no such milestone at that time",
        "milestone.9: the amendment says 3 None (None), later versions none",
    ]
    assert of_kind(folder, "milestone")[0].data["as_first_agreed"]["amount"] == 40


def test_amendments_of_one_moment_keep_their_own_order(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        milestones=[milestone("1", amount=3)],
        amendments=[
            amendment(10, SIGNED, ("milestone.1.amount", 2, 3)),
            amendment(9, SIGNED, ("milestone.1.amount", 1, 2)),
        ],
    )
    nine, ten = of_kind(folder, "amendment")
    assert (nine.data["number"], ten.data["number"]) == (9, 10)
    assert datetime(2024, 1, 10, 8, tzinfo=UTC) < nine.occurred_at < ten.occurred_at
    assert nine.data["in_force_at"] == nine.occurred_at.isoformat()
    assert of_kind(folder, "milestone")[0].data["as_first_agreed"]["amount"] == 1


def test_each_entry_of_a_history_is_a_decision_at_its_moment(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        evaluations=[
            evaluation(
                "x",
                ("in_progress", "2024-02-01T00:00:00Z"), ("accepted", "2024-02-02T00:00:00Z"),
                ("in_progress", "2024-02-03T00:00:00Z"), ("needs_work", "2024-02-04T00:00:00Z"),
                ("accepted", "2024-02-05T00:00:00Z"),
            )
        ],
    )  # fmt: skip
    decisions = of_kind(folder, "evaluation")
    assert [message.data["decision"] for message in decisions] == [
        "in_progress", "accepted", "reopened", "rejected", "accepted",
    ]  # fmt: skip
    assert [message.id for message in decisions] == [f"evaluation:e:x#{n}" for n in range(1, 6)]
    assert [bool(message.data["items"]) for message in decisions] == [False, False, False, False, True]


def test_entries_are_ordered_by_moment_and_not_by_local_time(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        evaluations=[
            evaluation("x", ("accepted", "2024-02-01T17:00:00+02:00"), ("in_progress", "2024-02-01T17:16:00+05:00"))
        ],
    )
    assert [message.data["decision"] for message in of_kind(folder, "evaluation")] == ["in_progress", "accepted"]


def test_an_evaluation_without_history_decides_nothing(read: Any) -> None:
    folder = read(contracts=[contract()], evaluations=[evaluation("x")])
    (only,) = of_kind(folder, "evaluation")
    assert only.data["decision"] is None
    assert only.occurred_at == datetime(2024, 2, 1, tzinfo=UTC)


def test_a_check_under_way_does_not_disturb_what_another_evaluator_accepted(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        evaluations=[
            evaluation("first", ("accepted", "2024-02-02T00:00:00Z")),
            evaluation("second", ("in_progress", "2024-02-03T00:00:00Z"), ("accepted", "2024-02-20T00:00:00Z")),
            evaluation("third", ("rejected", "2024-02-04T00:00:00Z")),
            evaluation("before", ("in_progress", "2024-02-01T00:00:00Z")),
            evaluation("wider", ("in_progress", "2024-02-05T00:00:00Z"), milestones=("1", "2")),
        ],
    )
    found = {message.id: message.data["overtaken_by"] for message in of_kind(folder, "evaluation")}
    assert found == {
        "evaluation:e:before#1": "",
        "evaluation:e:first#1": "",
        "evaluation:e:second#1": "e:first",
        "evaluation:e:third#1": "",
        "evaluation:e:wider#1": "",
        "evaluation:e:second#2": "",
    }


GOOD: dict[str, dict[str, Any]] = {
    "contracts": contract(title="T", payee_accounts=["acct:1"]),
    "milestones": milestone("1", name="One", amount=5, currency="USD", cost_raw="5 USD"),
    "amendments": amendment(
        1,
        SIGNED,
        ("milestone.1.amount", 4, 5),
        ("milestone.2", {"amount": 1}, None),
        ("milestone.3", None, {"amount": 2}),
    ),
    "deliveries": {"delivery_id": "d:x", "contract_id": "r:a", "milestone_numbers": ["1"], "submitted_at": SIGNED},
    "evaluations": evaluation("x", ("accepted", SIGNED), ("in_progress", SIGNED)),
    "status_events": {"contract_id": "r:a", "event": "listed", "date": SIGNED, "commit": "c"},
    "invoice_events": {"event_id": "ie:1", "contract_id": "r:a", "event": "paid", "date": "2024-02-01"},
    "documents": {"contract_id": "r:a", "kind": "agreement", "path": "x.md", "commit": "c"},
}
hostile: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1, 0.5, "", "x" * 200, [], [None], [{}], {}, {"a": 1}, True, "2024-01-01", "9999-12-31T23:59:59-23:00"]
)
hostile_change = st.fixed_dictionaries(
    {
        "field": st.sampled_from(
            ["milestone", "milestone.", "milestone.1", "milestone.2", "milestone.1.amount", "milestone..x", 3]
        ),
        "before": hostile,
        "after": hostile,
    }
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([(name, field) for name, row in GOOD.items() for field in row]), hostile, min_size=1, max_size=4
    ),
    st.lists(hostile_change, max_size=4),
)
def test_whatever_a_row_holds_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, mangled: dict[tuple[str, str], Any], changes: list[Any]
) -> None:
    place = tmp_path_factory.mktemp("mangled")
    for name, row in GOOD.items():
        bad = {field: mangled.get((name, field), value) for field, value in row.items()}
        if name == "amendments" and changes:
            bad["changes"] = changes
        (place / f"{name}.jsonl").write_text(json.dumps(bad), encoding="utf-8")
    folder = read_folder(place, Settings())
    read = {message.file for message in folder.messages}
    refused = {refusal.file for refusal in folder.refused}
    assert read | refused == {f"{name}.jsonl" for name in GOOD}


def test_documents_lie_at_the_moment_of_what_they_word(read: Any) -> None:
    folder = read(
        contracts=[contract()],
        amendments=[amendment(1, "2024-02-01T00:00:00Z")],
        deliveries=[
            {
                "delivery_id": "d:deliveries/x", "contract_id": "r:a", "milestone_numbers": ["2"],
                "submitted_at": "2024-03-01T00:00:00Z", "merged_at": "2024-03-02T00:00:00Z",
            }
        ],
        documents=[
            {"contract_id": "r:a", "kind": kind, "path": path, "commit": "c", "text": "t"}
            for kind, path in (("agreement", "a.md"), ("agreement_as_signed", "a.md"), ("delivery", "deliveries/x.md"))
        ],
    )  # fmt: skip
    documents = {message.data["kind"]: message for message in of_kind(folder, "document")}
    assert documents["agreement"].occurred_at == datetime(2024, 2, 1, tzinfo=UTC)
    assert documents["agreement_as_signed"].occurred_at == datetime(2024, 1, 10, 8, tzinfo=UTC)
    assert documents["delivery"].occurred_at == datetime(2024, 3, 2, tzinfo=UTC)
    assert documents["delivery"].data["milestone_numbers"] == ("2",)
