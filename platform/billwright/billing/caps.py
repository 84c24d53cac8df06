"""Caps: what of a contract's time and expenses may be billed before its limits are reached. Pure.

What is billed counts first; of the rest what was done earlier counts first, so that the order in which facts arrive decides
nothing. What is over a hard cap is written down or waits; what is over a soft one is billed and noted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.views import CapView, ContractView, ExpenseView, ItemProposal, TimeEntryView
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, is_currency
from billwright.tenancy.base import AnyRow

REASONS: Final = ("cap_held", "cap_currency")
NOTES: Final = ("cap_written_down", "over_soft_cap")
KEPT_NOTES: Final = frozenset({"cap_written_down", "adjusted_by_person"})
"""What stays to be said of an item after it was billed."""
COUNTED: Final[Mapping[str, frozenset[str]]] = {
    "time": frozenset({"time"}),
    "time_and_expenses": frozenset({"time", "expense"}),
}
ADJUSTED_BY: Final = "cap:"
Fact = TimeEntryView | ExpenseView


@dataclass(slots=True, kw_only=True)
class CapUse:
    """How much of a cap is used up: ``billed`` by issued invoices, ``open`` by what is ready or on drafts, and how much
    was ``written_down`` because of it or is ``held`` by it. Minor units of ``currency``."""

    view: CapView
    currency: str
    billed: int = 0
    open: int = 0
    written_down: int = 0
    held: int = 0
    closed: bool = field(default=False)

    @property
    def name(self) -> str:
        return self.view.cap.name

    @property
    def limit(self) -> int:
        """The limit that holds now."""
        return _minor(self.view.limits[-1][1], self.currency)

    @property
    def used(self) -> int:
        return self.billed + self.open

    def limit_on(self, day: date | None) -> int:
        """What decides about work of ``day``: the cap of that day; with ``hold`` and ``warn`` the one of now."""
        if self.view.cap.when_reached != "write_down" or day is None:
            return self.limit
        begun = [amount for since, amount in self.view.limits if since is None or since <= day]
        return _minor(begun[-1], self.currency)


@dataclass(frozen=True, slots=True)
class Capped:
    proposals: dict[str, ItemProposal]
    uses: tuple[CapUse, ...]


def apply_caps(view: ContractView, proposals: Mapping[str, ItemProposal], known: Mapping[str, AnyRow]) -> Capped:
    """The proposals under the contract's caps, and how far each is used. ``known``: the contract's items by key."""
    if not view.caps:
        return Capped(dict(proposals), ())
    currency = view.currency if view.currency is not None and is_currency(view.currency) else None
    if currency is None:
        return Capped({key: _unclear(view, each) for key, each in proposals.items()}, ())
    meter = _Meter(view, currency)
    for key, row in known.items():
        if row.state == "billed":
            meter.count_billed(proposals.get(key), row)
    capped = {key: meter.take(proposals[key], known.get(key)) for key in sorted(proposals, key=meter.order(proposals))}
    return Capped({key: capped[key] for key in proposals}, tuple(meter.uses.values()))


@dataclass(slots=True)
class _Chain:
    """An entry and its corrections: what they are worth together, what of it is billed, and the cap that decided."""

    standard: int = 0
    allowed: int = 0
    by: CapUse | None = None
    held: bool = False


class _Meter:
    """Counts one contract's items against its caps, one after the other."""

    def __init__(self, view: ContractView, currency: str) -> None:
        self.uses = {each.cap.name: CapUse(view=each, currency=currency) for each in view.caps}
        self._currency = currency
        self._facts: dict[str, Fact] = {each.id: each for each in view.time_entries}
        self._facts.update({each.id: each for each in view.expenses})
        self._chains: dict[str, _Chain] = {}

    def order(self, proposals: Mapping[str, ItemProposal]) -> Callable[[str], tuple[date, int, int]]:
        """By the day of the work, then as the triggers gave them; a correction comes after what it corrects."""
        place = {each.subject_id: (each.service_to or date.min, n) for n, each in enumerate(proposals.values())}

        def key(name: str) -> tuple[date, int, int]:
            subject = proposals[name].subject_id
            root = self._root(subject)
            return (*place.get(root, place[subject]), 0 if root == subject else 1)

        return key

    def count_billed(self, proposal: ItemProposal | None, row: AnyRow) -> None:
        """A fact that is gone counts where it counted when it was billed."""
        if proposal is not None:
            mine = self._counting(proposal)
        else:
            mine = [self.uses[name] for name in row.caps or () if name in self.uses]
        for use in mine:
            if row.currency == self._currency:
                use.billed += row.amount_minor - row.written_off_minor
                if f"{ADJUSTED_BY}{use.name}" in row.adjusted_by and row.standard_minor is not None:
                    use.written_down += row.standard_minor - row.amount_minor

    def take(self, proposal: ItemProposal, row: AnyRow | None) -> ItemProposal:
        """One proposal, when all that comes before it is counted."""
        mine = self._counting(proposal)
        amount = proposal.amount
        chain = self._chains.setdefault(self._root(proposal.subject_id), _Chain())
        if row is not None and row.state == "billed":
            billed = row.amount_minor
            chain.standard += billed if row.standard_minor is None else row.standard_minor
            chain.allowed += billed
            return proposal
        if not mine:
            return proposal
        named = replace(proposal, caps=tuple(use.name for use in mine))
        if not proposal.ready or amount is None:
            return named
        if amount.currency != self._currency:
            return replace(named, ready=False, reasons=(*proposal.reasons, "cap_currency"))
        if chain.held or (amount.minor > 0 and self._hold(mine, proposal, amount)):
            chain.held = True
            return replace(named, ready=False, reasons=(*proposal.reasons, "cap_held"))
        return self._allow(named, amount, mine, chain)

    def _hold(self, mine: Sequence[CapUse], proposal: ItemProposal, amount: Money) -> bool:
        """Whether one of the caps holds it. What comes after what is held waits too, or the order would not count."""
        full = [
            use
            for use in mine
            if use.view.cap.when_reached == "hold"
            and (use.closed or amount.minor > use.limit_on(proposal.service_to) - use.used)
        ]
        for use in full:
            use.closed = True
            use.held += amount.minor
        return bool(full)

    def _allow(self, named: ItemProposal, amount: Money, mine: Sequence[CapUse], chain: _Chain) -> ItemProposal:
        chain.standard += amount.minor
        allowed = amount.minor
        if allowed < 0:
            allowed = min(chain.allowed, chain.standard) - chain.allowed  # what was never billed is not taken back
        else:
            for use in mine:
                room = max(use.limit_on(named.service_to) - use.used, 0)
                if use.view.cap.when_reached == "write_down" and room < allowed:
                    allowed, chain.by = room, use
        chain.allowed += allowed
        for use in mine:
            use.open += allowed
        soft = [use for use in mine if use.view.cap.when_reached == "warn"]
        notes = (*named.notes, "over_soft_cap") if any(use.used > use.limit for use in soft) else named.notes
        if allowed == amount.minor:
            return replace(named, notes=notes)
        if chain.by is not None:
            chain.by.written_down += amount.minor - allowed
        by = f"{ADJUSTED_BY}{chain.by.name}" if chain.by is not None else ADJUSTED_BY
        return replace(
            named,
            amount=Money(allowed, self._currency),
            standard=named.standard or amount,
            adjusted_by=" ".join(part for part in (named.adjusted_by, by) if part),
            notes=(*notes, "cap_written_down"),
            ready=allowed != 0,
            written_down=allowed == 0,
        )

    def _root(self, subject: str) -> str:
        fact = self._facts.get(subject)
        return fact.corrects_id if isinstance(fact, TimeEntryView) and fact.corrects_id is not None else subject

    def _counting(self, proposal: ItemProposal) -> list[CapUse]:
        """The caps that count it; a correction counts where what it corrects does."""
        fact = self._facts.get(self._root(proposal.subject_id))
        return [
            use
            for use in self.uses.values()
            if proposal.kind in COUNTED[use.view.cap.covers] and _covers(use.view, fact)
        ]


def _covers(view: CapView, fact: Fact | None) -> bool:
    cap = view.cap
    wanted = (cap.role, cap.person_email, cap.project or "", cap.change_order or "")
    if not any(wanted):
        return True
    if fact is None:
        return False
    entry = fact if isinstance(fact, TimeEntryView) else None
    has = (
        entry.role if entry else "",
        (entry.person_email or "") if entry else "",
        fact.project_id or "",
        (entry.change_order_id or "") if entry else "",
    )
    pairs = zip(wanted, has, strict=True)
    return all(not want or want.strip().casefold() == it.strip().casefold() for want, it in pairs)


def _unclear(view: ContractView, proposal: ItemProposal) -> ItemProposal:
    """A cap in no currency: what may count under it waits."""
    kinds = {kind for each in view.caps for kind in COUNTED[each.cap.covers]}
    if not proposal.ready or proposal.kind not in kinds:
        return proposal
    return replace(proposal, ready=False, reasons=(*proposal.reasons, "cap_currency"))


def as_billed(proposal: ItemProposal, row: AnyRow) -> ItemProposal:
    """What is said of an item that was billed after a write-down or write-up: as it was billed, while its price stands."""
    if row.standard_minor is None or proposal.amount is None:
        return proposal
    if (proposal.amount.minor, proposal.amount.currency) != (row.standard_minor, row.currency):
        return proposal
    return replace(
        proposal,
        amount=Money(row.amount_minor, row.currency),
        standard=proposal.amount,
        adjusted_by=row.adjusted_by,
        caps=tuple(row.caps or ()),
        notes=(*proposal.notes, *(note for note in row.notes if note in KEPT_NOTES)),
    )


def reached(uses: Iterable[CapUse]) -> list[tuple[CapUse, int]]:
    """(cap, percent) for each percent of a cap that is reached and to be told."""
    return [
        (use, percent)
        for use in uses
        for percent in use.view.cap.notify_at_percent
        if use.limit > 0 and (use.used + use.written_down + use.held) * 100 >= use.limit * percent
    ]


def _minor(amount: Decimal, currency: str) -> int:
    """The whole minor units within ``amount``: a fraction of a cent allows nothing."""
    return int(Fraction(amount) * 10 ** MINOR_UNIT_DIGITS[currency])
