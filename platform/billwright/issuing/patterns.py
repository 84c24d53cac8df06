"""Whether two number patterns can ever give the same number. Pure; decided for all numbers, not tried out on some.

A pattern is a line of places, each of which takes one of some signs: a literal its own, ``{year}`` 2000 to 2999, ``{number}``
digits. A number is either as wide as its padding or wider without a leading zero, so it is one of two such lines, the second
with one place that repeats. Two lines have a text in common if both can be walked to their ends by the same signs.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

FIELD: Final = re.compile(r"\{year\}|\{number(?::0(\d+)d)?\}")
DIGITS: Final = frozenset("0123456789")
SHOWN_FIRST: Final = "120"  # of several signs that would do, those that read like a number


class Place(NamedTuple):
    signs: frozenset[str]
    repeats: bool = False
    """Any number of times, also never."""


Line = tuple[Place, ...]


def common_number(one: str, other: str) -> str | None:
    """A short text that both patterns can give, or None if there is none.

    Years and numbers of the two are independent of each other: the firm's series run for years side by side.
    """
    found = [text for a in _lines(one) for b in _lines(other) if (text := _common(a, b)) is not None]
    return min(found, key=lambda text: (len(text), text), default=None)


def _lines(pattern: str) -> Iterator[Line]:
    for wider in (False, True):
        places: list[Place] = []
        end = 0
        for field in FIELD.finditer(pattern):
            places += _literal(pattern[end : field.start()])
            places += _year() if field.group() == "{year}" else _number(max(1, int(field.group(1) or 1)), wider=wider)
            end = field.end()
        yield (*places, *_literal(pattern[end:]))


def _literal(text: str) -> list[Place]:
    return [Place(frozenset(sign)) for sign in text]


def _year() -> list[Place]:
    return [Place(frozenset("2")), *[Place(DIGITS)] * 3]


def _number(width: int, *, wider: bool) -> list[Place]:
    if wider:
        return [Place(DIGITS - {"0"}), *[Place(DIGITS)] * width, Place(DIGITS, repeats=True)]
    return [Place(DIGITS)] * width


def _common(one: Line, other: Line) -> str | None:
    """Breadth first over pairs of places, so that what is found is short."""
    seen = {(0, 0)}
    waiting = deque([(0, 0, "")])
    while waiting:
        i, j, text = waiting.popleft()
        if i == len(one) and j == len(other):
            return text
        for at_i, at_j, sign in _steps(one, i, other, j):
            if (at_i, at_j) not in seen:
                seen.add((at_i, at_j))
                (waiting.append if sign else waiting.appendleft)((at_i, at_j, text + sign))
    return None


def _steps(one: Line, i: int, other: Line, j: int) -> Iterator[tuple[int, int, str]]:
    """Where one sign of both leads, or none where a place may be left out."""
    if i < len(one) and one[i].repeats:
        yield i + 1, j, ""
    if j < len(other) and other[j].repeats:
        yield i, j + 1, ""
    if i < len(one) and j < len(other) and (both := one[i].signs & other[j].signs):
        sign = next((each for each in SHOWN_FIRST if each in both), min(both))
        yield i + (not one[i].repeats), j + (not other[j].repeats), sign
