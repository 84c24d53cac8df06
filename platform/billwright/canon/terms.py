"""What signed change orders made of the milestones: prices with the moment from which each holds, names, removal. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from billwright.extension.views import PriceView

_GONE: Final = frozenset({"removed"})
_BACK: Final = frozenset({"added", "replaced"})
_NO: Final = frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder:
    """A signed change order; ``changes`` as stored: ``{milestone, field, before, after}``."""

    id: str
    ref: str
    number: str
    signed_at: datetime
    currency_after: str | None
    version_id: str | None
    changes: Sequence[Mapping[str, Any]]

    @property
    def place(self) -> tuple[datetime, tuple[tuple[int, int, str], ...], str]:
        return (self.signed_at, natural(self.number), self.ref)


@dataclass(slots=True, kw_only=True)
class Terms:
    """Terms of one milestone while change orders are worked through, oldest first."""

    prices: list[PriceView] = field(default_factory=list)
    name: str | None = None
    removed: bool = False
    removed_at: datetime | None = None


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which ``M10`` comes after ``M9``."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts)


def apply_orders(terms: Mapping[str, Terms], orders: Iterable[SignedOrder]) -> None:
    """Work ``orders`` into ``terms`` (by milestone ref) in the order of their signatures, never of their arrival."""
    for order in sorted(orders, key=lambda each: each.place):
        by_milestone: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
        for change in order.changes:
            if change["milestone"] is not None:
                by_milestone[change["milestone"]][change["field"].removeprefix("milestone.")] = change["after"]
        for ref, after in by_milestone.items():
            if ref in terms:
                _change(terms[ref], after, order)


def _change(terms: Terms, after: Mapping[str, str | None], order: SignedOrder) -> None:
    if "amount" in after or "currency" in after:
        terms.prices.append(_price(terms.prices, after, order))
    if after.get("name"):
        terms.name = after["name"]
    for name, value in after.items():
        gone = _removal(name, value)
        if gone is not None:
            terms.removed = gone
            terms.removed_at = order.signed_at if gone else None


def _removal(name: str, value: str | None) -> bool | None:
    """Whether a change takes the milestone away, brings it back, or says nothing about that."""
    if name in _GONE:
        return (value or "").lower() not in _NO
    if name in _BACK:
        return False
    return value is None if name == "milestone" else None


def _price(earlier: Sequence[PriceView], after: Mapping[str, str | None], order: SignedOrder) -> PriceView:
    """The new price; what the order leaves unsaid stays as it was. An amount that is no number is kept as words."""
    before = earlier[-1] if earlier else None
    raw = after.get("amount") or ""
    amount = parse(raw) if "amount" in after else (before.amount if before else None)
    stated = after.get("currency") if "currency" in after else order.currency_after
    return PriceView(
        effective_at=order.signed_at,
        amount=amount,
        currency=stated or (before.currency if before and "currency" not in after else None),
        raw=raw,
        change_order_id=order.id,
        contract_version_id=order.version_id,
    )


def parse(text: str) -> Decimal | None:
    """A plain finite decimal, else none."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
