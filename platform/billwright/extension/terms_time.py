"""Terms of a contract about time: how hours are rounded, what kinds of work cost, caps.

Part of the canonical contract (``time_terms``) and of ``ContractView``. Hours and prices are decimals in major units.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Ref = Annotated[str, Meta(min_length=1, max_length=200)]
HOURS_A_DAY: Final = Decimal(24)
AMOUNT_MAX: Final = Decimal(10) ** 12
MULTIPLIER_MAX: Final = Decimal(100)
MINUTES_AN_HOUR: Final = 60
ZERO: Final = Decimal(0)
PERCENT_MAX: Final = 100


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Base of all parts: a misspelt term is an error, never a term that is silently not there."""


def bounded(value: Decimal | None, field: str, low: Decimal, high: Decimal, *, above: bool = False) -> None:
    """Refuse a number outside ``low..high`` (``above``: strictly above ``low``).

    Raises:
        ValueError: msgspec makes it name the place.
    """
    if value is None:
        return
    if not value.is_finite() or value < low or value > high or (above and value == low):
        raise ValueError(f"`{field}` must be {'above' if above else 'at least'} {low} and at most {high}, not {value}")


class WorkKind(Part, frozen=True, kw_only=True):
    """A kind of work that is not regular: overtime, travel, on call.

    ``multiplier`` is of the regular rate; without one the kind needs a rate of its own in a rate card. ``minimum_hours``
    are billed for each entry at least: a call-out of ten minutes may cost two hours.
    """

    kind: Name
    multiplier: Decimal | None = None
    minimum_hours: Decimal = ZERO

    def __post_init__(self) -> None:
        bounded(self.multiplier, "multiplier", ZERO, MULTIPLIER_MAX, above=True)
        bounded(self.minimum_hours, "minimum_hours", ZERO, HOURS_A_DAY)


class Cap(Part, frozen=True, kw_only=True):
    """Not to exceed ``amount`` for all time of the contract, or for that of one role, person, project or change order.

    What is above is written down (``write_down``: the cap in force on the day of the work decides, a later and higher one
    does not bring it back), waits (``hold``: it is billed when a signed change order raises the cap), or is billed and told
    to the people who decide (``warn``). ``notify_at_percent``: the contract administrator is told once at each.
    """

    name: Name
    amount: Decimal
    role: Annotated[str, Meta(max_length=300)] = ""
    person_email: Annotated[str, Meta(max_length=254)] = ""
    project: Ref | None = None
    change_order: Ref | None = None
    covers: Literal["time", "time_and_expenses"] = "time"
    when_reached: Literal["write_down", "hold", "warn"] = "write_down"
    notify_at_percent: Annotated[tuple[Annotated[int, Meta(ge=1, le=PERCENT_MAX)], ...], Meta(max_length=10)] = (
        80,
        100,
    )

    def __post_init__(self) -> None:
        bounded(self.amount, "amount", ZERO, AMOUNT_MAX)


class TimeTerms(Part, frozen=True, kw_only=True):
    """How time of a contract is billed. Without terms each entry is billed with its own hours, exactly.

    ``increment_minutes``: hours are rounded ``up`` or to the ``nearest`` whole increment, each entry by itself or all of one
    person, day and rate together (``per``). ``minimum_hours`` hold for each entry. A daily rate is billed in days of
    ``hours_per_day``, all hours of one person, day and rate together, rounded up or to the nearest ``day_step`` of a day.
    """

    increment_minutes: Annotated[int, Meta(ge=0, le=1440)] = 0
    rounding: Literal["up", "nearest"] = "up"
    per: Literal["entry", "day"] = "entry"
    minimum_hours: Decimal = ZERO
    hours_per_day: Decimal = Decimal(8)
    day_step: Decimal = Decimal("0.5")
    work_kinds: Annotated[tuple[WorkKind, ...], Meta(max_length=50)] = ()
    caps: Annotated[tuple[Cap, ...], Meta(max_length=50)] = ()

    def __post_init__(self) -> None:
        bounded(self.minimum_hours, "minimum_hours", ZERO, HOURS_A_DAY)
        bounded(self.hours_per_day, "hours_per_day", ZERO, HOURS_A_DAY, above=True)
        bounded(self.day_step, "day_step", ZERO, Decimal(1), above=True)
        _once([each.kind.strip().casefold() for each in self.work_kinds], "work_kinds")
        _once([each.name for each in self.caps], "caps")

    @property
    def rounds_days(self) -> bool:
        """Whether hours of one person and day are rounded together, so that what is billed of them counts for the rest."""
        return self.per == "day" and self.increment_minutes > 0


def _once(names: list[str], field: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"`{field}` names {twice[0]!r} twice; keep one of them")


def read_time_terms(stored: Any) -> TimeTerms | None:
    """The terms as they are stored; none where the contract has none."""
    return None if stored is None else msgspec.convert(stored, TimeTerms, strict=False)
