"""Canonical objects as messages carry them: what ``POST /v1/messages`` accepts and what a connector's mapping yields.

References between objects are the *source's own keys* (``ref``): an object may arrive before the one that it points to.
Amounts are decimal strings in major units. ``amount`` may be missing or in something that is no ISO currency only when a
connector says so with ``amount_raw``: such a price is kept as it is and holds the milestone, it is never guessed.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from billwright.extension.einvoicing import CustomerEinvoice
from billwright.extension.schedules import ProgressItem, ScheduleTerms
from billwright.extension.terms_expenses import DISTANCE_MAX, ExpenseTerms
from billwright.extension.terms_grouping import BillingPolicy, BillTo, check_bill_to
from billwright.extension.terms_holdback import HoldbackTerms
from billwright.extension.terms_tax import CustomerTax
from billwright.extension.terms_time import TimeTerms

Ref = Annotated[str, Meta(min_length=1, max_length=200, description="The source's own key of the object")]
Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=10_000)]
Short = Annotated[str, Meta(max_length=300)]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
CountryCode = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,12}$", description="ISO 4217 code")]
Language = Literal["en", "de", "fr"]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


def _within(value: Decimal | None, field: str, low: Decimal, high: Decimal, *, above: bool = False) -> None:
    """Refuse a number outside ``low..high`` (``above``: strictly above ``low``); msgspec has no bounds for decimals."""
    if value is None:
        return
    if not value.is_finite() or value < low or value > high or (above and value == low):
        kind = "above" if above else "at least"
        raise ValueError(f"`{field}` must be {kind} {low} and at most {high}, not {value}")


ZERO, AMOUNT_MAX = Decimal(0), Decimal(10) ** 12


class Canonical(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Base: ``ref`` is the source's key; ``kind`` names the object in types such as ``billwright.milestone.v1``."""

    kind: ClassVar[str]
    ref: Ref


class Address(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    street: Short = ""
    postal_code: Short = ""
    city: Short = ""
    country: CountryCode | None = None


class Contact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    email: Email | None = None
    role: Short = ""


class Customer(Canonical, frozen=True, kw_only=True):
    """A party that is billed, with what invoices to it need."""

    kind: ClassVar[str] = "customer"
    name: Name
    legal_name: Short = ""
    tax_id: Short = ""
    address: Address = Address()
    billing_email: Email | None = None
    contacts: tuple[Contact, ...] = ()
    language: Language = "en"
    currency: CurrencyCode | None = None
    po_required: bool = False
    payment_terms_days: Annotated[int, Meta(ge=0, le=365)] | None = None
    tax_category: Literal["S", "Z", "E", "AE", "K", "G", "O"] | None = None
    einvoice: CustomerEinvoice | None = None
    tax: CustomerTax | None = None


class Project(Canonical, frozen=True, kw_only=True):
    """Work for one customer; contracts and time belong to it."""

    kind: ClassVar[str] = "project"
    name: Name
    customer: Ref
    code: Short = ""
    manager_email: Email | None = None
    cost_centre: Short = ""


class Clause(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: Short
    title: Short = ""
    text: Text = ""


class PurchaseOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: Name
    value: Decimal | None = None
    valid_until: date | None = None

    def __post_init__(self) -> None:
        _within(self.value, "value", ZERO, AMOUNT_MAX)


class Contract(Canonical, frozen=True, kw_only=True):
    """Version 1 of an agreement; later versions come from change orders only.

    ``grouping``: what is ready goes on an invoice at once (``immediate``, with what else is ready), when its month is over
    (``monthly``), or each thing on an invoice of its own (``each``).
    """

    kind: ClassVar[str] = "contract"
    number: Name
    title: Short = ""
    customer: Ref
    project: Ref | None = None
    legal_entity: Short = ""
    signed_on: date | None = None
    currency: CurrencyCode | None = None
    value: Decimal | None = None
    value_raw: Short = ""
    billing: Literal["fixed_price", "time_and_materials", "mixed"] = "fixed_price"
    grouping: Literal["immediate", "monthly", "each"] = "immediate"
    acceptance_required: bool = True
    purchase_order: PurchaseOrder | None = None
    payment_terms_days: Annotated[int, Meta(ge=0, le=365)] | None = None
    acceptance_settles_after_days: Annotated[int, Meta(ge=0, le=90)] = 0
    clauses: tuple[Clause, ...] = ()
    status: Literal["active", "completed", "terminated"] = "active"
    ended_on: date | None = None
    time_terms: TimeTerms | None = None
    expense_terms: ExpenseTerms | None = None
    holdback: HoldbackTerms | None = None
    billing_policy: BillingPolicy | None = None
    bill_to: Annotated[tuple[BillTo, ...], Meta(max_length=20)] = ()

    def __post_init__(self) -> None:
        _within(self.value, "value", ZERO, AMOUNT_MAX)
        check_bill_to(self.bill_to)


class TermChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One changed term. ``milestone`` is the milestone's ref, or none for a term of the contract itself."""

    milestone: Ref | None = None
    field: Name
    before: Short | None = None
    after: Short | None = None


class ChangeOrder(Canonical, frozen=True, kw_only=True):
    """Changes nothing billable until it is signed. ``milestone.amount`` changes carry amount and currency of the new price."""

    kind: ClassVar[str] = "change_order"
    contract: Ref
    number: Name
    title: Short = ""
    signed_at: datetime | None = None
    signed_by: Short = ""
    value_after: Decimal | None = None
    currency_after: CurrencyCode | None = None
    changes: tuple[TermChange, ...] = ()


class Milestone(Canonical, frozen=True, kw_only=True):
    """The price as first agreed; ``percent`` is of the contract's value. Mobilisation is earned by signature.

    ``depends_on``: milestones that must be earned before this one is billed. ``draw_down_percent`` makes it an advance: that
    share of every other amount of the contract is drawn from it until it is used up.
    """

    kind: ClassVar[str] = "milestone"
    contract: Ref
    number: Name
    name: Short = ""
    basis: Literal["fixed", "percent", "mobilisation"] = "fixed"
    amount: Decimal | None = None
    percent: Decimal | None = None
    currency: CurrencyCode | None = None
    amount_raw: Short = ""
    acceptance_required: bool | None = None
    due_on: date | None = None
    clause: Short = ""
    change_order: Ref | None = None
    removed: bool = False
    depends_on: Annotated[tuple[Ref, ...], Meta(max_length=100)] = ()
    draw_down_percent: Decimal | None = None
    service_line: Annotated[str, Meta(max_length=100)] = ""

    def __post_init__(self) -> None:
        _within(self.amount, "amount", ZERO, AMOUNT_MAX)
        _within(self.percent, "percent", ZERO, Decimal(100))
        _within(self.draw_down_percent, "draw_down_percent", ZERO, Decimal(100), above=True)
        if self.ref in self.depends_on:
            raise ValueError("`depends_on` must name other milestones, not this one")


class AcceptanceItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: Short
    title: Short = ""
    accepted: bool | None = None
    note: Text = ""


class Acceptance(Canonical, frozen=True, kw_only=True):
    """One decision of the customer about one or more milestones, at ``decided_at``. Decisions add up to a history.

    ``accepted_percent``: how much of each milestone is accepted in all by now; none means the whole.
    """

    kind: ClassVar[str] = "acceptance"
    contract: Ref
    milestones: Annotated[tuple[Ref, ...], Meta(min_length=1, max_length=100)]
    decision: Literal["accepted", "rejected", "reopened", "in_progress"]
    decided_at: datetime
    decided_by: Short = ""
    note: Text = ""
    items: tuple[AcceptanceItem, ...] = ()
    accepted_percent: Decimal | None = None

    def __post_init__(self) -> None:
        _within(self.accepted_percent, "accepted_percent", ZERO, Decimal(100), above=True)
        if self.accepted_percent is not None and self.decision != "accepted":
            raise ValueError("`accepted_percent` belongs to the decision accepted; leave it out")


class Evidence(Canonical, frozen=True, kw_only=True):
    """What proves that something was delivered or agreed, by its place or its hash."""

    kind: ClassVar[str] = "evidence"
    contract: Ref
    milestones: tuple[Ref, ...] = ()
    title: Name
    uri: Annotated[str, Meta(max_length=2_000)] = ""
    sha256: Sha256 | None = None
    media_type: Short = ""
    submitted_at: datetime | None = None
    submitted_by: Short = ""


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
        _within(self.hourly, "hourly", ZERO, Decimal(1_000_000))
        _within(self.daily, "daily", ZERO, Decimal(1_000_000))
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
            _within(self.hours, "hours", ZERO, Decimal(24), above=True)
        elif self.corrects == self.ref:
            raise ValueError("`corrects` must name another entry, not this one")
        else:
            _within(-self.hours, "hours taken back", ZERO, Decimal(24), above=True)


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
        _within(self.amount, "amount", ZERO, AMOUNT_MAX, above=not by_table)
        _within(self.tax_amount, "tax_amount", ZERO, max(self.amount, ZERO))
        _within(self.distance, "distance", ZERO, DISTANCE_MAX, above=True)
        _within(self.day_fraction, "day_fraction", ZERO, Decimal(1), above=True)
        if self.distance is not None and self.per_diem_country is not None:
            raise ValueError("`distance` and `per_diem_country` are two expenses; send each as its own")


class Payment(Canonical, frozen=True, kw_only=True):
    """Money received. ``invoice_number`` as the payer wrote it; without a match the payment waits unallocated."""

    kind: ClassVar[str] = "payment"
    customer: Ref | None = None
    invoice_number: Short = ""
    milestones: tuple[Ref, ...] = ()
    amount: Decimal
    currency: CurrencyCode
    paid_on: date
    remittance: Text = ""

    def __post_init__(self) -> None:
        _within(self.amount, "amount", ZERO, AMOUNT_MAX, above=True)


class Signal(Canonical, frozen=True, kw_only=True):
    """A fact that bills nothing but that people want to see: an index tick, a chase, an invoice said to be wrong."""

    kind: ClassVar[str] = "signal"
    contract: Ref | None = None
    milestones: tuple[Ref, ...] = ()
    event: Name
    occurred_at: datetime
    text: Text = ""


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
        _within(self.quantity, "quantity", -AMOUNT_MAX, AMOUNT_MAX)


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


CANONICAL_TYPES: dict[str, type[Canonical]] = {
    cls.kind: cls
    for cls in (
        Customer, Project, Contract, ChangeOrder, Milestone, Acceptance, Evidence, RateCard, TimeEntry, Expense, Payment, Signal,
        BillingSchedule, UsageRecord, ProgressReport,
    )
}  # fmt: skip


class Order(Struct, frozen=True):
    """Place of a message among all about one object: sequence first where the source has one, else its time."""

    time: datetime
    sequence: int | None = None


class SourceMessage(Struct, frozen=True, kw_only=True):
    """A stored message as a mapping sees it."""

    type: str
    source: str
    id: str
    time: datetime
    sequence: int | None
    subject: str
    data: msgspec.Raw
