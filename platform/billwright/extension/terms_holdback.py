"""Holdback (US: retainage) as a contract agrees it: what is withheld of each invoice, how much at most, and until when.

Percentages are decimals in percent: ``"10"`` is ten percent. Amounts are major units of the contract's currency.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

Percent = Decimal
Mode = Literal["line", "receivable"]
Component = Literal["milestone", "time", "expense", "retainer", "subscription", "usage", "progress"]
Label = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^:\s][^:]*$")]

LINE_COUNTRIES: Final[dict[str, str]] = {
    "AU": "ATO, GSTR 2000/29 paragraphs 172 to 189: GST on a retained amount is attributed when it is released",
    "CA": "Excise Tax Act s. 168(7): GST/HST on a holdback is payable when it is paid or its period expires",
    "GB": "VAT Regulations 1995 reg. 89 (HMRC VATTOS5170): the tax point of a retention is its invoice or payment",
}
"""Countries of the seller whose tax falls due with the release, with the source (looked up in November 2026). Elsewhere the
invoice is of the full amount with its full tax, and part of the receivable is retained."""


def usual_mode(country: str) -> Mode:
    """The mode where the contract names none: it never defers tax that may be due at once."""
    return "line" if country in LINE_COUNTRIES else "receivable"


def _percent(value: Decimal | None, field: str) -> None:
    if value is not None and not (value.is_finite() and 0 <= value <= 100):
        raise ValueError(f"`{field}` must be a percentage from 0 to 100, not {value}")


class HoldbackComponent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another percentage for one kind of work; 0 leaves it out."""

    kind: Component
    percent: Percent

    def __post_init__(self) -> None:
        _percent(self.percent, "percent")


class HoldbackStep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From ``from_percent`` of the contract's value billed on, only ``percent`` is withheld."""

    from_percent: Percent
    percent: Percent

    def __post_init__(self) -> None:
        _percent(self.from_percent, "from_percent")
        _percent(self.percent, "percent")


class HoldbackRelease(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A moment at which ``percent`` of what is then outstanding is released; 100 ends the withholding.

    ``on``: the ``day`` has come in the legal entity's zone; a signal of the contract has the event ``event``; the milestone
    with the number ``milestone`` is accepted; the contract's status is completed.
    """

    name: Label
    percent: Percent = Decimal(100)
    on: Literal["day", "event", "milestone", "completion"]
    day: date | None = None
    event: Annotated[str, Meta(max_length=300)] = ""
    milestone: Annotated[str, Meta(max_length=300)] = ""

    def __post_init__(self) -> None:
        _percent(self.percent, "percent")
        if self.percent == 0:
            raise ValueError("`percent` of a release must be above 0")
        given = {"day": self.day is not None, "event": bool(self.event), "milestone": bool(self.milestone)}
        for field, present in given.items():
            if present != (self.on == field):
                raise ValueError(f"`{field}` of release {self.name} goes with `on`: {field}, and only with it")


class HoldbackTerms(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``percent`` of everything that is billed, or as ``components`` says by kind of work.

    ``steps`` lower the percentage while the contract is billed; ``cap_percent`` is of the contract's value as amended, and
    with ``cap_amount`` the smaller one holds. ``mode``: ``line`` takes the holdback off each invoice, net of tax, and bills
    it later; ``receivable`` bills everything and lets part of the receivable (of the amount with tax, or without it by
    ``of``) fall due only at the release; none is as usual in the seller's country.
    """

    percent: Percent
    components: Annotated[tuple[HoldbackComponent, ...], Meta(max_length=20)] = ()
    mode: Mode | None = None
    of: Literal["gross", "net"] = "gross"
    cap_percent: Percent | None = None
    cap_amount: Decimal | None = None
    steps: Annotated[tuple[HoldbackStep, ...], Meta(max_length=20)] = ()
    releases: Annotated[tuple[HoldbackRelease, ...], Meta(min_length=1, max_length=20)]
    release_document: Literal["own", "with_others"] = "own"
    clause: Annotated[str, Meta(max_length=300)] = ""

    def percent_of(self, kind: str) -> Percent:
        """What is withheld of a kind of work, before any step."""
        return next((each.percent for each in self.components if each.kind == kind), self.percent)

    def __post_init__(self) -> None:
        _percent(self.percent, "percent")
        _percent(self.cap_percent, "cap_percent")
        kinds = [each.kind for each in self.components]
        if len({*kinds}) < len(kinds):
            raise ValueError("`components` name the same kind of work twice; keep one of them")
        if self.cap_amount is not None and not (self.cap_amount.is_finite() and 0 <= self.cap_amount <= 10**12):
            raise ValueError(f"`cap_amount` must be from 0 to {10**12}, not {self.cap_amount}")
        names = [release.name for release in self.releases]
        if len({*names}) < len(names):
            raise ValueError("`releases` have the same name twice; it is part of what each one is known by")
        if self.releases[-1].percent != 100:
            raise ValueError("the last of `releases` must be of 100 percent, or something is withheld for ever")
        bounds = [step.from_percent for step in self.steps]
        if sorted({*bounds}) != bounds:
            raise ValueError("`steps` must come in the order of `from_percent`, each once")


def read_holdback_terms(stored: Any) -> HoldbackTerms | None:
    """The terms as they are stored; none where the contract withholds nothing."""
    return None if stored is None else msgspec.convert(stored, HoldbackTerms, strict=False)
