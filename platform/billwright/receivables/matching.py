"""Which receivables a payment is for. Pure; careful rather than clever: what is not certain waits for a person."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

MatchedBy = Literal["number", "milestones", "amount", "person"]

GROUPS_MAX: Final = 8  # parts that a number may be torn into by blanks and dashes
TEXT_CHARS_MAX: Final = 2_000
FOUND_CHARS_MIN: Final = 5  # shorter numbers are not looked for inside a text: they would be found by chance
_GROUP: Final = re.compile(r"[A-Za-z0-9]+")


def number_key(number: str) -> str:
    """A number as it is compared: letters and digits only, upper case. ``nw 2026-0042`` is ``NW20260042``."""
    return "".join(_GROUP.findall(number)).upper()


def keys_within(text: str) -> frozenset[str]:
    """Keys of all numbers that ``text`` may hold: runs of whole words, so that ``INV-1`` is not found in ``INV-12``."""
    groups = [group.upper() for group in _GROUP.findall(text[:TEXT_CHARS_MAX])]
    runs = ("".join(groups[i : i + n]) for i in range(len(groups)) for n in range(1, GROUPS_MAX + 1))
    return frozenset(run for run in runs if len(run) >= FOUND_CHARS_MIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapplied:
    """Money that waits: what the payer said about it, and how much of it is left."""

    payment_id: UUID
    customer_id: UUID | None
    currency: str
    unapplied_minor: int
    invoice_number: str
    remittance: str
    milestone_ids: frozenset[UUID]

    @property
    def number(self) -> str:
        return number_key(self.invoice_number)

    @property
    def found_keys(self) -> frozenset[str]:
        return keys_within(self.invoice_number) | keys_within(self.remittance)

    @property
    def keys(self) -> frozenset[str]:
        return self.found_keys | {self.number} - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A receivable that some payment may be for. ``milestone_ids`` are those that its invoice bills."""

    receivable_id: UUID
    customer_id: UUID
    currency: str
    open_minor: int
    number_key: str
    milestone_ids: frozenset[UUID] = frozenset()
    bills_more: bool = False
    """Lines without a milestone stand on the invoice, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    payment_id: UUID
    receivable_id: UUID
    amount_minor: int
    matched_by: MatchedBy


def match(money: Unapplied, candidates: Iterable[Candidate]) -> tuple[Application, ...]:
    """How ``money`` is applied; empty when that is not certain. Never more than is open, never more than is left.

    By number; else by milestones; else by the exact amount. A payment that names a document of ours is for that document
    only: when it is settled, in another currency or of another customer, the money waits.
    """
    known = list(candidates)
    named = [each for each in known if each.number_key and each.number_key == money.number]
    named = named or [each for each in known if each.number_key in money.found_keys]
    if named:
        return _apply(money, _fitting(money, named), "number")
    fitting = _fitting(money, known)
    if money.milestone_ids:
        return _apply(money, _by_milestones(money, fitting), "milestones")
    exact = [each for each in fitting if each.open_minor == money.unapplied_minor]
    return _apply(money, exact, "amount") if money.customer_id is not None and len(exact) == 1 else ()


def _fitting(money: Unapplied, candidates: Iterable[Candidate]) -> list[Candidate]:
    return [
        each
        for each in candidates
        if each.open_minor > 0
        and each.currency == money.currency
        and (money.customer_id is None or each.customer_id == money.customer_id)
    ]


def _by_milestones(money: Unapplied, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The receivable that bills exactly these milestones; else all that together do; else the one that bills them all."""
    wanted = money.milestone_ids
    exact = [each for each in candidates if each.milestone_ids == wanted and not each.bills_more]
    if exact:
        return exact
    parts = [each for each in candidates if each.milestone_ids and each.milestone_ids <= wanted]
    covered = frozenset[UUID]().union(*(each.milestone_ids for each in parts))
    if covered == wanted and sum(each.open_minor for each in parts) == money.unapplied_minor:
        return parts
    return [each for each in candidates if wanted <= each.milestone_ids and each.open_minor >= money.unapplied_minor]


def _apply(money: Unapplied, chosen: Sequence[Candidate], matched_by: MatchedBy) -> tuple[Application, ...]:
    """One receivable takes what it can; several take the money only if it is exactly what they come to."""
    if len(chosen) > 1 and sum(each.open_minor for each in chosen) != money.unapplied_minor:
        return ()
    return tuple(
        Application(
            payment_id=money.payment_id,
            receivable_id=each.receivable_id,
            amount_minor=min(each.open_minor, money.unapplied_minor),
            matched_by=matched_by,
        )
        for each in chosen
    )
