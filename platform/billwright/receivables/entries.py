"""Entries of the journal before they are written. Pure: one that does not balance cannot be made."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billwright.kernel.rates import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``amount_minor``: debit positive, credit negative. ``role``: see ``accounts.Role``; found by the account if left out.

    ``base_minor`` is the same in the entity's base currency; booking values what has none.
    """

    account: str
    currency: str
    amount_minor: int
    receivable_id: UUID | None = None
    role: str = ""
    base_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``kind`` says what it books: ``invoice``, ``credit``, ``payment``, ``application``, ``transfer``, ``write_off``,
    ``holdback``; ``subject_id`` is what it books for. ``rates`` are those at which it was valued in ``base_currency``."""

    legal_entity_id: UUID
    kind: str
    subject_id: UUID
    booked_on: date
    lines: tuple[Line, ...]
    base_currency: str | None = None
    rates: tuple[Rate, ...] = ()

    def __post_init__(self) -> None:
        balance: Counter[str] = Counter()
        for line in self.lines:
            balance[line.currency] += line.amount_minor
        assert not any(balance.values()), f"{self.kind} of {self.subject_id} does not balance: {balance}"
        if self.base_currency is not None:
            in_base = [line.base_minor for line in self.lines]
            known = [minor for minor in in_base if minor is not None]
            assert len(known) == len(in_base), f"{self.kind} of {self.subject_id} is valued in part"
            assert not sum(known), f"{self.kind} of {self.subject_id} does not balance in {self.base_currency}"
