"""Canonical objects of work done: rates, time, expenses, and what is billed by period, meter or progress.

Part of ``extension/canonical.py``, from where others import them.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from billwright.extension.canonical_base import (
    AMOUNT_MAX,
    ZERO,
    Canonical,
    CountryCode,
    CurrencyCode,
    Email,
    Name,
    Ref,
    Short,
    Text,
    within,
)
from billwright.extension.schedules import ProgressItem, ScheduleTerms
from billwright.extension.terms_expenses import DISTANCE_MAX


class Rate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Price of an hour, or of a day (``daily``), of a role, a person, a project or a kind of work, from a date on.

    ``currency`` is the card's unless the rate has its own.
    """

    role: Short = ""
    person_email: Email | None = None
    hourly: Decimal | None = None
    effective_from: date
    daily: Decimal | None = None
    work_kind: Annotated[str, Meta(max_length=100)] = ""
    project: Ref | None = None
    currency: CurrencyCode | None = None

    def __post_init__(self) -> None:
        within(self.hourly, "hourly", ZERO, Decimal(1_000_000))
        within(self.daily, "daily", ZERO, Decimal(1_000_000))
        if (self.hourly is None) == (self.daily is None):
            raise ValueError("`hourly` or `daily` must be given, and not both")


class RateCard(Canonical, frozen=True, kw_only=True):
    """Prices per hour by role or person, from a day on."""

    kind: ClassVar[str] = "rate_card"
    contract: Ref
    currency: CurrencyCode
    rates: Annotated[tuple[Rate, ...], Meta(min_length=1, max_length=500)]


class TimeEntry(Canonical, frozen=True, kw_only=True):
    """Hours of one person on one day; only approved ones are billed.

    ``work_kind`` is empty for regular work. Hours below zero take back some of the entry that ``corrects`` names.
    """

    kind: ClassVar[str] = "time_entry"
    contract: Ref
    project: Ref | None = None
    person_name: Name
    person_email: Email | None = None
    role: Short = ""
    worked_on: date
    hours: Decimal
    note: Text = ""
    status: Literal["submitted", "approved", "rejected"] = "submitted"
    approved_by: Short = ""
    approved_at: datetime | None = None
    change_order: Ref | None = None
    work_kind: Annotated[str, Meta(max_length=100)] = ""
    corrects: Ref | None = None

    def __post_init__(self) -> None:
        if self.corrects is None:
            within(self.hours, "hours", ZERO, Decimal(24), above=True)
        elif self.corrects == self.ref:
            raise ValueError("`corrects` must name another entry, not this one")
        else:
            within(-self.hours, "hours taken back", ZERO, Decimal(24), above=True)


class Expense(Canonical, frozen=True, kw_only=True):
    """An amount spent for a customer; only approved ones are billed.

    ``tax_amount`` is the supplier's tax within ``amount``. A ``distance`` is billed by the contract's mileage table, a
    ``per_diem_country`` by its per diem table for ``day_fraction`` of a day; ``amount`` may be zero then.
    """

    kind: ClassVar[str] = "expense"
    contract: Ref
    project: Ref | None = None
    person_name: Name
    spent_on: date
    category: Short = ""
    description: Short = ""
    amount: Decimal
    currency: CurrencyCode
    status: Literal["submitted", "approved", "rejected"] = "submitted"
    approved_by: Short = ""
    receipt_uri: Annotated[str, Meta(max_length=2_000)] = ""
    tax_amount: Decimal | None = None
    distance: Decimal | None = None
    distance_unit: Literal["km", "mi"] = "km"
    per_diem_country: CountryCode | None = None
    day_fraction: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        by_table = self.distance is not None or self.per_diem_country is not None
        within(self.amount, "amount", ZERO, AMOUNT_MAX, above=not by_table)
        within(self.tax_amount, "tax_amount", ZERO, max(self.amount, ZERO))
        within(self.distance, "distance", ZERO, DISTANCE_MAX, above=True)
        within(self.day_fraction, "day_fraction", ZERO, Decimal(1), above=True)
        if self.distance is not None and self.per_diem_country is not None:
            raise ValueError("`distance` and `per_diem_country` are two expenses; send each as its own")


class BillingSchedule(Canonical, frozen=True, kw_only=True):
    """What a contract bills by period, meter or progress: a retainer, a subscription, usage, or a schedule of values."""

    kind: ClassVar[str] = "billing_schedule"
    contract: Ref
    number: Name
    name: Short = ""
    clause: Short = ""
    service_line: Annotated[str, Meta(max_length=100)] = ""
    change_order: Ref | None = None
    terms: ScheduleTerms


class UsageRecord(Canonical, frozen=True, kw_only=True):
    """What a meter or a site report counted on a day; only approved records are billed. A negative quantity takes back."""

    kind: ClassVar[str] = "usage_record"
    contract: Ref
    schedule: Ref
    used_on: date
    quantity: Decimal
    note: Short = ""
    status: Literal["submitted", "approved", "rejected"] = "approved"
    approved_by: Short = ""

    def __post_init__(self) -> None:
        within(self.quantity, "quantity", -AMOUNT_MAX, AMOUNT_MAX)


class ProgressReport(Canonical, frozen=True, kw_only=True):
    """How much of a schedule of values is done in all up to a day; only approved reports are billed."""

    kind: ClassVar[str] = "progress_report"
    contract: Ref
    schedule: Ref
    number: Short = ""
    as_of: date
    items: Annotated[tuple[ProgressItem, ...], Meta(min_length=1, max_length=1_000)]
    status: Literal["submitted", "approved", "rejected"] = "submitted"
    approved_by: Short = ""

    def __post_init__(self) -> None:
        if len({item.number for item in self.items}) != len(self.items):
            raise ValueError("`items` must name each item once")
