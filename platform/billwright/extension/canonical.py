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

from billwright.extension.canonical_base import (
    AMOUNT_MAX,
    ZERO,
    Canonical,
    CountryCode,
    CurrencyCode,
    Email,
    Language,
    Name,
    Ref,
    Sha256,
    Short,
    Text,
    within,
)
from billwright.extension.canonical_work import (
    BillingSchedule,
    Expense,
    ProgressReport,
    Rate,
    RateCard,
    TimeEntry,
    UsageRecord,
)
from billwright.extension.einvoicing import CustomerEinvoice
from billwright.extension.terms_expenses import ExpenseTerms
from billwright.extension.terms_grouping import BillingPolicy, BillTo, check_bill_to
from billwright.extension.terms_holdback import HoldbackTerms
from billwright.extension.terms_tax import CustomerTax
from billwright.extension.terms_time import TimeTerms

__all__ = (
    "AMOUNT_MAX",
    "CANONICAL_TYPES",
    "Acceptance",
    "AcceptanceItem",
    "Address",
    "BillingSchedule",
    "Canonical",
    "ChangeOrder",
    "Clause",
    "Contact",
    "Contract",
    "Customer",
    "Evidence",
    "Expense",
    "Milestone",
    "Name",
    "Order",
    "Payment",
    "ProgressReport",
    "Project",
    "PurchaseOrder",
    "Rate",
    "RateCard",
    "Signal",
    "SourceMessage",
    "TermChange",
    "TimeEntry",
    "UsageRecord",
)


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
        within(self.value, "value", ZERO, AMOUNT_MAX)


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
        within(self.value, "value", ZERO, AMOUNT_MAX)
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
        within(self.amount, "amount", ZERO, AMOUNT_MAX)
        within(self.percent, "percent", ZERO, Decimal(100))
        within(self.draw_down_percent, "draw_down_percent", ZERO, Decimal(100), above=True)
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
        within(self.accepted_percent, "accepted_percent", ZERO, Decimal(100), above=True)
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
        within(self.amount, "amount", ZERO, AMOUNT_MAX, above=True)


class Signal(Canonical, frozen=True, kw_only=True):
    """A fact that bills nothing but that people want to see: an index tick, a chase, an invoice said to be wrong."""

    kind: ClassVar[str] = "signal"
    contract: Ref | None = None
    milestones: tuple[Ref, ...] = ()
    event: Name
    occurred_at: datetime
    text: Text = ""


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
