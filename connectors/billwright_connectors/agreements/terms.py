"""The terms of milestones as first agreed: the last version with the amendments run backwards, one agreement at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from billwright_connectors.agreements.lines import Row

TERMS: Final = ("name", "amount", "currency")

Terms = dict[str, Any]
"""``name``, ``amount``, ``currency`` as the record has them, none where it has none."""


@dataclass(slots=True)
class History:
    """What running backwards found, by milestone number or by amendment id."""

    first: dict[str, Terms] = field(default_factory=dict)
    """Terms at signing; for a milestone that came later, the terms with which it came."""
    added_by: dict[str, str] = field(default_factory=dict)
    """Amendment with which a milestone came that was not there at signing."""
    repriced: set[str] = field(default_factory=set)
    """Milestones whose amount or currency ever changed: the last version's wording says nothing about the first price."""
    prices_after: dict[str, dict[str, Terms]] = field(default_factory=dict)
    """Terms in force after an amendment, for the milestones whose price it changes."""
    removed: dict[str, dict[str, bool]] = field(default_factory=dict)
    """Milestones that an amendment takes away (true) or brings back (false)."""
    oddities: dict[str, list[str]] = field(default_factory=dict)


def run_back(last: dict[str, Terms], amendments: Sequence[Row]) -> History:
    """Undo ``amendments`` (oldest first) from the ``last`` version of an agreement's milestones.

    Where an amendment's ``after`` is not what the later ones led back to, its ``before`` is believed all the same and
    the difference is noted: the record's word about the earlier state is all there is.
    """
    history = History()
    state = {number: dict(terms) for number, terms in last.items()}
    for row in reversed(amendments):
        after = {number: dict(terms) for number, terms in state.items()}
        changes = changes_of(row)
        for change in reversed(changes):
            undo(change, state, row["amendment_id"], history)
        priced = {split_field(change["field"]) for change in changes}
        for number in sorted(number for number, term in priced if number and term in ("amount", "currency")):
            if number in after:
                history.prices_after.setdefault(row["amendment_id"], {})[number] = after[number]
    for number, terms in state.items():
        history.first[number] = terms
        history.added_by.pop(number, None)
    for number, amendment in history.added_by.items():
        history.removed[amendment].pop(number, None)
    return history


def changes_of(row: Row) -> list[Row]:
    """The changes of an amendment that name a field; the mapping refuses a row with any other."""
    changes = row.get("changes")
    listed = changes if isinstance(changes, list) else []
    return [change for change in listed if isinstance(change, dict) and isinstance(change.get("field"), str)]


def split_field(name: str) -> tuple[str | None, str]:
    """``milestone.2.amount`` as ``("2", "amount")``, ``milestone.2`` as ``("2", "")``, ``contract.total`` without number."""
    head, _, rest = name.partition(".")
    if head != "milestone" or not rest:
        return None, rest or head
    number, _, term = rest.partition(".")
    return number, term


def undo(change: Row, state: dict[str, Terms], amendment: str, history: History) -> None:
    """Undo one change in ``state``; changes of deliverables, durations and the contract itself leave it alone."""
    number, term = split_field(change["field"])
    before, after = change.get("before"), change.get("after")
    if number is None or (term and term not in TERMS):
        return
    if not term:
        undo_existence(number, change, state, amendment, history)
        return
    terms = state.get(number)
    if terms is None:
        note(history, amendment, f"{change['field']}: the agreement has no such milestone at that time")
        return
    if terms[term] != after:
        note(history, amendment, f"{change['field']}: the amendment says {after}, later versions {terms[term]}")
    terms[term] = before
    if term != "name":
        history.repriced.add(number)


def undo_existence(number: str, change: Row, state: dict[str, Terms], amendment: str, history: History) -> None:
    """Undo that a milestone came (``before`` is none) or went (``after`` is none)."""
    before, after = change.get("before"), change.get("after")
    found = state.pop(number, None)
    expected = known_terms(after) if isinstance(after, dict) else None
    if found != expected:
        note(
            history,
            amendment,
            f"milestone.{number}: the amendment says {wording(expected)}, later versions {wording(found)}",
        )
    if isinstance(before, dict):
        state[number] = known_terms(before)
        history.removed.setdefault(amendment, {})[number] = not isinstance(after, dict)
    elif found is not None:
        history.first[number] = found
        history.added_by[number] = amendment
        history.removed.setdefault(amendment, {})[number] = False


def known_terms(terms: Row) -> Terms:
    return {term: terms.get(term) for term in TERMS}


def wording(terms: Terms | None) -> str:
    return "none" if terms is None else f"{terms['amount']} {terms['currency']} ({terms['name']})"


def note(history: History, amendment: str, text: str) -> None:
    history.oddities.setdefault(amendment, []).append(text)
