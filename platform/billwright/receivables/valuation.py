"""What entries are worth in the base currency of their legal entity, to the minor unit.

What came in at one rate leaves at that rate: a receivable, a holdback or a customer's deposit carries its value from the entry
that made it, in proportion to what is taken, and the last part takes the exact rest. The difference between that and what
money is worth on its day is a realised gain or loss. A credit or a write-off turns back what was booked, at its value: it
makes no difference. Amounts are rounded once per line; what rounding leaves goes to the other lines, never to money or
receivables.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final
from uuid import UUID

from sqlalchemy import case, func, or_, select

from billwright.canon.rates import read_rates
from billwright.kernel.money import round_half_up
from billwright.kernel.rates import Rate, carried, spread
from billwright.receivables.accounts import Books
from billwright.receivables.entries import Entry, Line
from billwright.receivables.tables import JournalEntryRow, JournalLineRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

SETTLING: Final = frozenset({"payment", "application", "transfer", "refund"})
"""Kinds of entries in which money meets what it pays for: their difference is realised."""
CARRIED: Final = frozenset({"receivable", "holdback", "deposits"})
"""Roles whose balances carry their value."""
Key = tuple[UUID, UUID, str]


@dataclass(slots=True)
class Carrying:
    """Valued balances by legal entity, receivable or subject, and role: minor units in their currency and in the base one."""

    balances: dict[Key, tuple[int, int]] = field(default_factory=dict)

    def move(self, key: Key, amount_minor: int, rate: Rate) -> tuple[int, bool]:
        """The base value of ``amount_minor`` moved on the balance of ``key``, and whether any of it was carried.

        What lowers the balance takes its share of the value; what raises it, or goes beyond zero, is worth ``rate``.
        """
        there, value = self.balances.get(key, (0, 0))
        taken = 0
        if there * amount_minor < 0:
            taken = min(abs(there), abs(amount_minor)) * (1 if amount_minor > 0 else -1)
        left = carried(value, there + taken, there)
        fresh = round_half_up(rate.exact_minor(amount_minor - taken))
        self.balances[key] = (there + amount_minor, left + fresh)
        return left - value + fresh, bool(taken)

    def correct(self, key: Key, difference_minor: int) -> None:
        there, value = self.balances[key]
        self.balances[key] = (there, value + difference_minor)


def value_entries(tx: Tx, entries: Sequence[Entry], books: Mapping[UUID, Books]) -> list[Entry]:
    """The entries with base amounts on all lines; in a currency that is not the entity's own only if the firm keeps rates.

    No statement for entries in the entity's own currency, two for any number of others.
    """
    foreign = [entry for entry in entries if _is_foreign(entry, books)]
    ledger = read_configuration(tx).ledger
    carrying, rates = Carrying(), read_rates(tx, "", [])
    if foreign and ledger.rates:
        rates = read_rates(tx, ledger.rates, [entry.booked_on for entry in foreign])
        carrying = _carrying(tx, foreign)
    valued = []
    for entry in entries:
        base = books[entry.legal_entity_id].currency if entry.legal_entity_id in books else ""
        currency = entry.lines[0].currency if entry.lines else base
        rate = rates.find(currency, base, entry.booked_on) if base else None
        valued.append(entry if rate is None else value_entry(entry, rate, books[entry.legal_entity_id], carrying))
    return valued


def _is_foreign(entry: Entry, books: Mapping[UUID, Books]) -> bool:
    known = books.get(entry.legal_entity_id)
    return known is not None and any(line.currency != known.currency for line in entry.lines)


def value_entry(entry: Entry, rate: Rate, books: Books, carrying: Carrying) -> Entry:
    """One entry, all of whose lines are in ``rate.of``, valued in ``rate.into``. Pure, but for ``carrying``, which it moves."""
    assert {line.currency for line in entry.lines} <= {rate.of}, (
        f"{entry.kind} of {entry.subject_id} is in two currencies"
    )
    if rate.of == rate.into:
        lines = tuple(replace(line, base_minor=line.amount_minor) for line in entry.lines)
        return replace(entry, lines=lines, base_currency=rate.into)
    moved = {place: _moved(entry, line, rate, carrying) for place, line in enumerate(entry.lines) if _carries(line)}
    back = {place for place, (_, was_carried) in moved.items() if was_carried}
    free = [place for place, line in enumerate(entry.lines) if place not in (back or moved) and line.amount_minor]
    if entry.kind in SETTLING or not free:
        lines = _settled(entry, moved, rate, books)
    else:
        lines = _turned(entry, {place: moved[place][0] for place in back or moved}, rate, turned_back=bool(back))
        for place in moved:
            carrying.correct(key_of(entry, lines[place]), (lines[place].base_minor or 0) - moved[place][0])
    return replace(entry, lines=lines, base_currency=rate.into, rates=(rate,))


def _carries(line: Line) -> bool:
    return line.role in CARRIED and bool(line.amount_minor)


def _moved(entry: Entry, line: Line, rate: Rate, carrying: Carrying) -> tuple[int, bool]:
    return carrying.move(key_of(entry, line), line.amount_minor, rate)


def key_of(entry: Entry, line: Line) -> Key:
    """Deposits are carried by whose they are (the payment, the credit note), the others by receivable."""
    subject = line.receivable_id if line.receivable_id and line.role != "deposits" else entry.subject_id
    return entry.legal_entity_id, subject, line.role


def _settled(entry: Entry, moved: Mapping[int, tuple[int, bool]], rate: Rate, books: Books) -> tuple[Line, ...]:
    """Money at the day's rate, what it pays for as it was carried, and the difference as a gain or a loss."""
    lines = tuple(
        replace(
            line, base_minor=moved[place][0] if place in moved else round_half_up(rate.exact_minor(line.amount_minor))
        )
        for place, line in enumerate(entry.lines)
    )
    difference = sum(line.base_minor or 0 for line in lines)
    if not difference:
        return lines
    role: Final = "exchange_gain" if difference > 0 else "exchange_loss"
    booked = Line(account=books.account(role), currency=rate.of, amount_minor=0, role=role, base_minor=-difference)
    return (*lines, booked)


def _turned(entry: Entry, fixed: dict[int, int], rate: Rate, *, turned_back: bool) -> tuple[Line, ...]:
    """An invoice at the day's rate, rounded on the receivable; what turns something back at the value that it was carried."""
    if not fixed:
        fixed = {0: round_half_up(rate.exact_minor(entry.lines[0].amount_minor))}
    others = [place for place in range(len(entry.lines)) if place not in fixed]
    total, parts = -sum(fixed.values()), [entry.lines[place].amount_minor for place in others]
    amount = sum(parts)
    used = replace(rate, value=_implied(rate, total, amount)) if turned_back and amount else rate
    values = fixed | dict(zip(others, spread(parts, used, total), strict=True))
    return tuple(replace(line, base_minor=values[place]) for place, line in enumerate(entry.lines))


def _implied(rate: Rate, total_minor: int, amount_minor: int) -> Fraction:
    """The rate at which ``amount_minor`` is exactly ``total_minor``."""
    return Fraction(total_minor) / (rate.exact_minor(amount_minor) / rate.value)


def _carrying(tx: Tx, entries: Iterable[Entry]) -> Carrying:
    """Balances of all that ``entries`` may take from. What was booked without a value is not in them."""
    keys = [key_of(entry, line) for entry in entries for line in entry.lines if _carries(line)]
    whose = case((JournalLineRow.role == "deposits", JournalEntryRow.subject_id), else_=JournalLineRow.receivable_id)
    query = (
        select(
            JournalEntryRow.legal_entity_id,
            whose.label("subject"),
            JournalLineRow.role,
            func.sum(JournalLineRow.amount_minor).label("amount_minor"),
            func.sum(JournalLineRow.base_minor).label("base_minor"),
        )
        .join(JournalEntryRow, JournalEntryRow.id == JournalLineRow.entry_id)
        .where(
            JournalLineRow.base_minor.is_not(None),
            JournalLineRow.role.in_(sorted(CARRIED)),
            or_(
                JournalLineRow.receivable_id.in_(sorted({subject for _, subject, role in keys if role != "deposits"})),
                JournalEntryRow.subject_id.in_(sorted({subject for _, subject, role in keys if role == "deposits"})),
            ),
        )
        .group_by(JournalEntryRow.legal_entity_id, whose, JournalLineRow.role)
    )
    return Carrying(
        {
            (row.legal_entity_id, row.subject, row.role): (int(row.amount_minor), int(row.base_minor))
            for row in tx.session.execute(query)
        }
    )
