"""The buyer's decisions in evaluations: one per entry of ``status_history``, told apart from checks that decide nothing.

The rule, with the cases that led to it, stands in docs/connectors/agreements.md.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billwright_connectors.agreements.lines import Line, Row, RowRefusedError, moment_of, text_of, texts_of

STATUS: Final = {"accepted": "accepted", "rejected": "rejected", "needs_work": "rejected"}
"""Sent back for work is a rejection of what was delivered; every other word is a check under way."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of an evaluation. ``overtaken_by`` names the evaluation that had accepted before this one began."""

    evaluation: Line
    number: int
    last: bool
    decision: str | None
    at: datetime
    by: str
    overtaken_by: str = ""


def decisions_of(line: Line) -> list[Decision]:
    """Entries of one evaluation in the order of their moments; one without a decision where it has no history.

    After an acceptance of the same evaluation an unfinished status is a re-opening.

    Raises:
        RowRefusedError: an entry has no status or no moment.
    """
    row = line.row
    history = row.get("status_history") or []
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise RowRefusedError("moment-missing", "status_history is no list of entries.", "Export the evaluation again.")
    if not history:
        by = row.get("evaluator")
        return [Decision(line, 1, True, None, moment_of(row, "evaluated_at"), by if isinstance(by, str) else "")]
    entries = sorted(((moment_of(entry, "date"), text_of(entry, "status"), entry) for entry in history), key=_moment)
    decisions: list[Decision] = []
    accepted = False
    for number, (at, status, entry) in enumerate(entries, start=1):
        decision = STATUS.get(status, "reopened" if accepted else "in_progress")
        accepted = accepted or decision == "accepted"
        by = entry.get("by")
        last = number == len(entries)
        decisions.append(Decision(line, number, last, decision, at, by if isinstance(by, str) else ""))
    return decisions


def _moment(entry: tuple[datetime, str, Row]) -> datetime:
    return entry[0]


def mark_overtaken(decisions: Sequence[Decision]) -> list[Decision]:
    """Mark checks that went on while another evaluation had already accepted all their milestones.

    Such a check decides nothing: a second evaluator who is still at work does not take back what the first accepted.
    """
    accepted: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for each in decisions:
        if each.decision == "accepted":
            for key in _milestones(each):
                accepted[key].append((each.at, each.evaluation.row["evaluation_id"]))
    return [_marked(each, accepted) for each in decisions]


def _marked(each: Decision, accepted: dict[tuple[str, str], list[tuple[datetime, str]]]) -> Decision:
    own = each.evaluation.row["evaluation_id"]
    if each.decision != "in_progress":
        return each
    by = ""
    for key in _milestones(each):
        earlier = sorted((at, other) for at, other in accepted.get(key, ()) if other != own and at <= each.at)
        if not earlier:
            return each
        by = by or earlier[0][1]
    return Decision(each.evaluation, each.number, each.last, each.decision, each.at, each.by, by)


def _milestones(each: Decision) -> list[tuple[str, str]]:
    row = each.evaluation.row
    return [(row["contract_id"], number) for number in texts_of(row, "milestone_numbers")]
