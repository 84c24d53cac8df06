"""Terms of a contract about expenses: categories with limits, receipts, mark-up and tax; mileage; per diem; exchange rates.

Part of the canonical contract (``expense_terms``) and of ``ContractView``. Amounts are decimals in major units.
"""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from billwright.extension.terms_time import AMOUNT_MAX, ZERO, Name, Part, bounded

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
DISTANCE_MAX: Final = Decimal(10) ** 6
RATE_MAX: Final = Decimal(10) ** 6
MARK_UP_MAX: Final = Decimal(1000)


class Category(Part, frozen=True, kw_only=True):
    """What the customer pays for one category of expenses. Limits are in ``currency``, of the amount before mark-up.

    ``tax``: the supplier's tax is billed on as part of the cost (``at_cost``), or taken off first, so that the invoice's
    own tax comes on the net (``net``).
    """

    name: Name
    billable: bool = True
    currency: Currency | None = None
    item_limit: Decimal | None = None
    day_limit: Decimal | None = None
    receipt_above: Decimal | None = None
    mark_up_percent: Decimal = ZERO
    tax: Literal["at_cost", "net"] = "at_cost"

    def __post_init__(self) -> None:
        for field in ("item_limit", "day_limit", "receipt_above"):
            bounded(getattr(self, field), field, ZERO, AMOUNT_MAX)
        bounded(self.mark_up_percent, "mark_up_percent", ZERO, MARK_UP_MAX)
        limits = (self.item_limit, self.day_limit, self.receipt_above)
        if any(limit is not None for limit in limits) and self.currency is None:
            raise ValueError("`currency` is missing: a limit needs the currency in which it is meant")


class MileageTier(Part, frozen=True, kw_only=True):
    """``rate`` for each unit of distance up to ``up_to`` in the year (none: without end)."""

    up_to: Decimal | None = None
    rate: Decimal

    def __post_init__(self) -> None:
        bounded(self.up_to, "up_to", ZERO, DISTANCE_MAX, above=True)
        bounded(self.rate, "rate", ZERO, RATE_MAX)


class Mileage(Part, frozen=True, kw_only=True):
    """What a distance costs from a day on. Tiers count what one person drove on this contract in the calendar year."""

    unit: Literal["km", "mi"] = "km"
    currency: Currency
    effective_from: date
    tiers: Annotated[tuple[MileageTier, ...], Meta(min_length=1, max_length=10)]

    def __post_init__(self) -> None:
        ends = [tier.up_to for tier in self.tiers]
        bounds = [end for end in ends[:-1] if end is not None]
        rising = all(low < high for low, high in pairwise(bounds))
        if ends[-1] is not None or len(bounds) != len(ends) - 1 or not rising:
            raise ValueError("`tiers` must rise by `up_to`, and the last one alone has none")


class PerDiem(Part, frozen=True, kw_only=True):
    """What a day in a country costs from a day on."""

    country: Country
    currency: Currency
    effective_from: date
    amount: Decimal

    def __post_init__(self) -> None:
        bounded(self.amount, "amount", ZERO, AMOUNT_MAX, above=True)


class ExpenseRate(Part, frozen=True, kw_only=True):
    """One unit of ``currency`` is ``rate`` of the terms' ``currency`` from a day on; ``source`` says who declared it."""

    currency: Currency
    rate: Decimal
    source: Name
    effective_from: date

    def __post_init__(self) -> None:
        bounded(self.rate, "rate", ZERO, RATE_MAX, above=True)


class ExpenseTerms(Part, frozen=True, kw_only=True):
    """How expenses of a contract are billed. Without terms each is passed on at cost in its own currency.

    ``listed_only``: what is in none of ``categories`` waits. ``currency``: what was spent in another one is converted by
    ``rates``, and waits where none holds on its day.
    """

    categories: Annotated[tuple[Category, ...], Meta(max_length=100)] = ()
    listed_only: bool = False
    mileage: Annotated[tuple[Mileage, ...], Meta(max_length=100)] = ()
    per_diem: Annotated[tuple[PerDiem, ...], Meta(max_length=1000)] = ()
    currency: Currency | None = None
    rates: Annotated[tuple[ExpenseRate, ...], Meta(max_length=1000)] = ()

    def __post_init__(self) -> None:
        _once("categories", [each.name.strip().casefold() for each in self.categories])
        _once("mileage", [f"{each.unit} from {each.effective_from}" for each in self.mileage])
        _once("per_diem", [f"{each.country} from {each.effective_from}" for each in self.per_diem])
        _once("rates", [f"{each.currency} from {each.effective_from}" for each in self.rates])
        if self.rates and self.currency is None:
            raise ValueError("`currency` is missing: `rates` lead to it")


def _once(field: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"`{field}` says {twice[0]!r} twice; keep one of them")


def read_expense_terms(stored: Any) -> ExpenseTerms | None:
    """The terms as they are stored; none where the contract has none."""
    return None if stored is None else msgspec.convert(stored, ExpenseTerms, strict=False)
