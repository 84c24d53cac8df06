"""What is billed by period, meter or progress: the terms of a billing schedule as messages carry them, and how triggers see it.

All prices and amounts are decimals in major units of the schedule's currency (the contract's if it names none); days are of
the legal entity's zone. A period is known by the month in which it begins (``2026-03``), so a corrected day keeps it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from billwright.kernel.money import Money

Every = Literal["month", "quarter", "half_year", "year"]
Timing = Literal["advance", "arrears"]
MONTHS: Final[dict[str, int]] = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}

_Label = Annotated[str, Meta(max_length=300)]
_Number = Annotated[str, Meta(min_length=1, max_length=100)]
_Currency = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,12}$", description="ISO 4217 code")]
_Unit = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,3}$", description="UN/ECE Recommendation 20 code, C62 for pieces")]
_MAX: Final = Decimal(10) ** 12


def _at_least(value: Decimal | None, field: str, low: Decimal = Decimal(0), *, above: bool = False) -> None:
    """msgspec has no bounds for decimals.

    Raises:
        ValueError: outside ``low`` to a trillion (``above``: ``low`` itself as well); msgspec makes a ValidationError of it.
    """
    if value is None:
        return
    if not value.is_finite() or value < low or value > _MAX or (above and value == low):
        raise ValueError(f"`{field}` must be {'above' if above else 'at least'} {low} and at most {_MAX}, not {value}")


def _in_order(days: Sequence[date], field: str) -> None:
    if any(one >= other for one, other in pairwise(days)):
        raise ValueError(f"`{field}` must be in the order of their days, each day once")


class _Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A part of the terms."""


class _Terms(_Part, frozen=True, tag_field="model", kw_only=True):
    """Terms that run from ``starts_on`` to ``ends_on``, both included; without an end until the contract is completed."""

    starts_on: date
    ends_on: date | None = None
    currency: _Currency | None = None
    every: Every = "month"

    def _check_term(self) -> None:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError("`ends_on` must not be before `starts_on`")


class RetainerTerms(_Terms, frozen=True, tag="retainer", kw_only=True):
    """``fixed``: ``amount`` per period. ``drawdown``: the same, and what the items of ``covers`` cost is drawn from it,
    ``hours`` of time if they are given, else their amounts; what is left rolls over for ``rollover_periods`` periods, at most
    ``rollover_max`` hours or amount at a time. ``replenishing``: ``amount`` once, and topped up to it when what is left falls below
    ``replenish_below``. ``true_up`` (fixed): after the end the work's value at rates is compared with what was paid.
    """

    style: Literal["fixed", "drawdown", "replenishing"] = "fixed"
    amount: Decimal
    timing: Timing = "advance"
    hours: Decimal | None = None
    covers: Annotated[tuple[Literal["time", "expense"], ...], Meta(min_length=1)] = ("time",)
    rollover_periods: Annotated[int, Meta(ge=0, le=120)] = 0
    rollover_max: Decimal | None = None
    replenish_below: Decimal | None = None
    true_up: Literal["none", "charge", "both"] = "none"

    def __post_init__(self) -> None:
        self._check_term()
        _at_least(self.amount, "amount", above=True)
        _at_least(self.hours, "hours", above=True)
        _at_least(self.rollover_max, "rollover_max")
        _at_least(self.replenish_below, "replenish_below", above=True)
        if self.hours is not None and (self.style != "drawdown" or self.covers != ("time",)):
            raise ValueError("`hours` are drawn by time of a retainer of style drawdown alone; leave them out")
        if (self.style == "replenishing") != (self.replenish_below is not None):
            raise ValueError("`replenish_below` belongs to style replenishing, which needs it")
        if self.replenish_below is not None and self.replenish_below > self.amount:
            raise ValueError("`replenish_below` must not be above `amount`")
        if self.true_up != "none" and self.style != "fixed":
            raise ValueError("`true_up` belongs to style fixed; leave it out")


class PriceStep(_Part, frozen=True, kw_only=True):
    """A new price from a day on."""

    effective_from: date
    price: Decimal

    def __post_init__(self) -> None:
        _at_least(self.price, "price")


class QuantityStep(_Part, frozen=True, kw_only=True):
    """A new quantity from a day on."""

    effective_from: date
    quantity: Decimal

    def __post_init__(self) -> None:
        _at_least(self.quantity, "quantity")


class IndexStep(_Part, frozen=True, kw_only=True):
    """The index value that counts from a day on; none while it is not published. ``source`` says where it was read."""

    effective_from: date
    value: Decimal | None = None
    source: _Label = ""

    def __post_init__(self) -> None:
        _at_least(self.value, "value", above=True)
        if self.value is not None and not self.source:
            raise ValueError("`source` must say where the index value was read")


class Indexation(_Part, frozen=True, kw_only=True):
    """Price = agreed price x (1 + share x (value / base - 1)), the change held between floor and cap, all against ``base``."""

    name: _Number
    base: Decimal
    steps: Annotated[tuple[IndexStep, ...], Meta(max_length=120)] = ()
    share_percent: Decimal = Decimal(100)
    floor_percent: Decimal | None = None
    cap_percent: Decimal | None = None

    def __post_init__(self) -> None:
        _at_least(self.base, "base", above=True)
        _at_least(self.share_percent, "share_percent")
        _at_least(self.floor_percent, "floor_percent", Decimal(-100))
        _at_least(self.cap_percent, "cap_percent", Decimal(-100))
        if self.floor_percent is not None and self.cap_percent is not None and self.floor_percent > self.cap_percent:
            raise ValueError("`floor_percent` must not be above `cap_percent`")
        _in_order([step.effective_from for step in self.steps], "steps")


class SubscriptionTerms(_Terms, frozen=True, tag="subscription", kw_only=True):
    """``price`` of one unit per ``price_per``, billed every period. Periods are calendar ones, or counted from the start."""

    price: Decimal
    price_per: Every = "month"
    quantity: Decimal = Decimal(1)
    unit: _Unit = "C62"
    timing: Timing = "advance"
    align: Literal["calendar", "start"] = "calendar"
    prices: Annotated[tuple[PriceStep, ...], Meta(max_length=120)] = ()
    quantities: Annotated[tuple[QuantityStep, ...], Meta(max_length=500)] = ()
    index: Indexation | None = None

    def __post_init__(self) -> None:
        self._check_term()
        _at_least(self.price, "price")
        _at_least(self.quantity, "quantity")
        _in_order([step.effective_from for step in self.prices], "prices")
        _in_order([step.effective_from for step in self.quantities], "quantities")


class Tier(_Part, frozen=True, kw_only=True):
    """``price`` of one unit up to and with ``up_to`` of a period; the last tier has no end."""

    up_to: Decimal | None = None
    price: Decimal

    def __post_init__(self) -> None:
        _at_least(self.up_to, "up_to", above=True)
        _at_least(self.price, "price")


class UsageTerms(_Terms, frozen=True, tag="usage", kw_only=True):
    """Metered records of a period, billed after it. ``tiered``: each unit at the price of its tier; ``volume``: all units at
    the price of the tier that their number reaches. ``included`` of a period cost nothing and come before the first tier.
    """

    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=50)]
    scheme: Literal["tiered", "volume"] = "tiered"
    unit: _Unit = "C62"
    included: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self._check_term()
        _at_least(self.included, "included")
        ends = [tier.up_to for tier in self.tiers]
        if ends[-1] is not None or any(end is None for end in ends[:-1]):
            raise ValueError("`tiers`: the last tier, and only that, must have no `up_to`")
        bounds = [end for end in ends if end is not None]
        if any(one >= other for one, other in pairwise(bounds)):
            raise ValueError("`tiers` must be in the order of `up_to`, each bound once")


class ValueItem(_Part, frozen=True, kw_only=True):
    """One item of a schedule of values: a ``value`` of which a percentage is done, or a ``unit_price`` per measured unit."""

    number: _Number
    name: _Label = ""
    value: Decimal | None = None
    unit_price: Decimal | None = None
    quantity: Decimal | None = None
    unit: _Unit = "C62"

    def __post_init__(self) -> None:
        _at_least(self.value, "value")
        _at_least(self.unit_price, "unit_price")
        _at_least(self.quantity, "quantity")
        if (self.value is None) == (self.unit_price is None):
            raise ValueError(f"Item {self.number} needs either a `value` or a `unit_price`")


class ProgressTerms(_Part, frozen=True, tag="progress", tag_field="model", kw_only=True):
    """A schedule of values; progress reports say how much of each item is done. ``quantity`` of an item is the agreed most."""

    items: Annotated[tuple[ValueItem, ...], Meta(min_length=1, max_length=1_000)]
    currency: _Currency | None = None

    def __post_init__(self) -> None:
        if len({item.number for item in self.items}) != len(self.items):
            raise ValueError("`items` must have a `number` each, no number twice")


ScheduleTerms = RetainerTerms | SubscriptionTerms | UsageTerms | ProgressTerms


class ProgressItem(_Part, frozen=True, kw_only=True):
    """How much of an item is done in all up to the report's day: ``percent`` of its value, or ``quantity`` of its units."""

    number: _Number
    percent: Decimal | None = None
    quantity: Decimal | None = None

    def __post_init__(self) -> None:
        _at_least(self.percent, "percent")
        _at_least(self.quantity, "quantity")
        if self.percent is not None and self.percent > 100:
            raise ValueError("`percent` must be at most 100")
        if (self.percent is None) == (self.quantity is None):
            raise ValueError(f"Item {self.number} needs either a `percent` or a `quantity`")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What a meter or a site report counted on a day, or over days that end on it. A negative quantity takes back."""

    id: str
    used_on: date
    quantity: Decimal
    status: Literal["submitted", "approved", "rejected"]
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """What was done in all up to ``as_of``; items that it leaves out stand as they stood."""

    id: str
    number: str
    as_of: date
    status: Literal["submitted", "approved", "rejected"]
    items: tuple[ProgressItem, ...]
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """A billing schedule with what was reported for it. ``terms`` is none when only reports name it."""

    id: str
    number: str
    name: str
    clause: str
    service_line: str
    change_order_id: str | None
    terms: ScheduleTerms | None
    usage: tuple[UsageView, ...]
    reports: tuple[ProgressView, ...]
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledItem:
    """What was billed of an item, net of credits. ``invoice`` is the document's number, ``issued_on`` its date."""

    amount: Money
    quantity: Decimal
    invoice: str = ""
    issued_on: date | None = None
