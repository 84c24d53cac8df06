"""When two lines look like the same work, and an index that finds such lines without comparing all with all."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from difflib import SequenceMatcher
from typing import Final

from billwright.extension.views import BilledLineView, LineView
from billwright.kernel.money import Money

AnyLine = LineView | BilledLineView
# Work and costs of a day repeat by nature (eight hours at the same rate, the same hotel): day and description must match.
DAILY: Final = ("time", "expense")
# One schedule is billed period by period, one advance drawn item by item: the key tells the parts apart, not the subject.
IN_PARTS: Final = ("retainer", "subscription", "usage", "progress", "drawdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    similarity_percent: int
    window_days: int

    def alike(self, one: AnyLine, other: AnyLine) -> bool:
        """Whether two lines of one contract and one amount may be the same work.

        Numbers tell works apart: "Milestone 1 — Report" and "Milestone 2 — Report" are never alike.
        """
        if _numbers(one.description) != _numbers(other.description):
            return False
        overlap = _days_apart(one, other) == 0
        if _daily(one) or _daily(other):
            return overlap and self._similar(one.description, other.description)
        apart = _days_apart(one, other)
        if apart is not None and apart > self.window_days:
            return False
        return overlap or self._similar(one.description, other.description)

    def _similar(self, one: str, other: str) -> bool:
        first, second = " ".join(one.casefold().split()), " ".join(other.casefold().split())
        if first == second:
            return True
        matcher = SequenceMatcher(None, first, second, autojunk=False)
        wanted = self.similarity_percent / 100  # a likeness of letters, no money: equal fractions give equal floats
        return all(likeness() >= wanted for likeness in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio))


@dataclass(slots=True)
class Index:
    """Lines seen so far, by transaction key, by subject, and by contract and amount (and day, where days repeat)."""

    likeness: Likeness
    _keys: dict[str, list[BilledLineView]] = field(default_factory=lambda: defaultdict(list))
    _subjects: dict[str, list[BilledLineView]] = field(default_factory=lambda: defaultdict(list))
    _amounts: dict[tuple[str, Money, date | None], list[BilledLineView]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, line: BilledLineView) -> None:
        self._keys[line.transaction_key].append(line)
        self._subjects[line.subject_id].append(line)
        self._amounts[_bucket(line)].append(line)

    def same_key(self, line: LineView) -> list[BilledLineView]:
        return self._keys.get(line.transaction_key, [])

    def same_subject(self, line: LineView) -> list[BilledLineView]:
        return [other for other in self._subjects.get(line.subject_id, []) if not shares_a_whole(line, other)]

    def alike(self, line: LineView) -> list[BilledLineView]:
        if line.transaction_key.startswith("holdback:"):  # every invoice of an amount withholds the same
            return []
        others = self._amounts.get(_bucket(line), [])
        return [other for other in others if not shares_a_whole(line, other) and self.likeness.alike(line, other)]


def comes_in_parts(line: AnyLine) -> bool:
    """Whether several lines about one subject are each owed; a part of a milestone has its acceptance as fifth part of its key."""
    kind, _, rest = _whole(line).partition(":")
    return kind in IN_PARTS or (kind == "milestone" and rest.count(":") > 2)


def shares_a_whole(one: AnyLine, other: AnyLine) -> bool:
    """Whether two customers each pay their part of one thing; a part has the whole's key with ``:share:`` and its payer."""
    return one.transaction_key != other.transaction_key and _whole(one) == _whole(other) != one.transaction_key


def _whole(line: AnyLine) -> str:
    head, mark, _ = line.transaction_key.rpartition(":share:")
    return head if mark else line.transaction_key


def _bucket(line: AnyLine) -> tuple[str, Money, date | None]:
    return (line.contract_id, line.net, line.service_to if _daily(line) else None)


def _daily(line: AnyLine) -> bool:
    return line.transaction_key.partition(":")[0] in DAILY


def _numbers(description: str) -> list[str]:
    return re.findall(r"[0-9]+", description)


def _days_apart(one: AnyLine, other: AnyLine) -> int | None:
    """0 when the service periods overlap; ``None`` when one of the lines has none."""
    first, second = _period(one), _period(other)
    if first is None or second is None:
        return None
    return max((first[0] - second[1]).days, (second[0] - first[1]).days, 0)


def _period(line: AnyLine) -> tuple[date, date] | None:
    start, end = line.service_from or line.service_to, line.service_to or line.service_from
    return None if start is None or end is None else (start, end)
