"""Read-only views that triggers and rules see. Plain frozen data, no session behind it: a plugin is a pure function of it.

Identifiers are the platform's, as text. Moments are UTC, dates are of the legal entity's zone. Amounts are ``Money``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from billwright.extension.schedules import BilledItem, RetainerTerms, ScheduleView
from billwright.extension.terms_expenses import ExpenseTerms
from billwright.extension.terms_grouping import BillingPolicy
from billwright.extension.terms_holdback import HoldbackTerms
from billwright.extension.terms_time import Cap, TimeTerms
from billwright.kernel.money import Money

TaxCategory = Literal["S", "Z", "E", "AE", "K", "G", "O"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceView:
    """A price in force from ``effective_at`` on. ``amount`` is none or ``currency`` no ISO code when the source was unclear."""

    effective_at: datetime | None
    amount: Decimal | None
    currency: str | None
    raw: str
    change_order_id: str | None
    contract_version_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """One decision of the customer, in the order of ``decided_at``."""

    id: str
    decision: Literal["accepted", "rejected", "reopened", "in_progress"]
    decided_at: datetime
    decided_by: str
    items_open: int
    message_id: str | None
    accepted_percent: Decimal | None = None
    """How much is accepted in all by now; none means the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneView:
    id: str
    number: str
    name: str
    basis: Literal["fixed", "percent", "mobilisation"]
    percent: Decimal | None
    acceptance_required: bool
    due_on: date | None
    clause: str
    removed: bool
    prices: tuple[PriceView, ...]
    decisions: tuple[DecisionView, ...]
    evidence_ids: tuple[str, ...]
    change_order_id: str | None
    message_id: str | None
    known: bool
    """False when decisions name it but the agreement has no such milestone."""
    removed_at: datetime | None = None
    """When a signed change order removed it; none if it is not removed, or if the milestone itself says so."""
    depends_on: tuple[str, ...] = ()
    """Identifiers of milestones that must be earned first."""
    draw_down_percent: Decimal | None = None
    """It is an advance: so much of every other amount is drawn from it until it is used up."""
    service_line: str = ""

    @property
    def several_decisions(self) -> bool:
        """Whether it was accepted in part, or decided about more than once: it may then be billed in several items."""
        accepted = [each for each in self.decisions if each.decision == "accepted"]
        in_part = any(each.accepted_percent is not None for each in accepted)
        return in_part or (bool(accepted) and len(self.decisions) > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOrderView:
    id: str
    number: str
    title: str
    signed_at: datetime | None
    value_after: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateView:
    id: str
    role: str
    person_email: str | None
    hourly: Decimal
    currency: str
    effective_from: date
    unit: Literal["HUR", "DAY"] = "HUR"
    """``hourly`` is the price of one unit: of a day for ``DAY``."""
    work_kind: str = ""
    project_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEntryView:
    id: str
    person_name: str
    person_email: str | None
    role: str
    worked_on: date
    hours: Decimal
    note: str
    status: Literal["submitted", "approved", "rejected"]
    approved_by: str
    change_order_id: str | None
    message_id: str | None
    project_id: str | None = None
    work_kind: str = ""
    corrects_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapView:
    """A cap as signed change orders made it. ``limits``: (from which day on, amount), oldest first; no day: from the start."""

    cap: Cap
    limits: tuple[tuple[date | None, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpenseView:
    id: str
    person_name: str
    spent_on: date
    category: str
    description: str
    amount: Decimal
    currency: str
    status: Literal["submitted", "approved", "rejected"]
    approved_by: str
    receipt_uri: str
    message_id: str | None
    project_id: str | None = None
    tax_amount: Decimal | None = None
    distance: Decimal | None = None
    distance_unit: Literal["km", "mi"] = "km"
    per_diem_country: str | None = None
    day_fraction: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillToView:
    """A customer's part of every bill, in proportion to the ``weight`` of the others."""

    customer_id: str
    weight: Decimal
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractView:
    """A contract with all facts that may make something billable, as of ``now``."""

    id: str
    number: str
    title: str
    known: bool
    customer_id: str | None
    customer_known: bool
    project_id: str | None
    project_name: str
    signed_on: date | None
    currency: str | None
    value: Decimal | None
    billing: Literal["fixed_price", "time_and_materials", "mixed"]
    acceptance_settles_after_days: int
    status: Literal["active", "completed", "terminated"]
    version_id: str | None
    versions: tuple[tuple[datetime | None, str], ...]
    """(effective_at, version id), oldest first."""
    milestones: tuple[MilestoneView, ...]
    change_orders: tuple[ChangeOrderView, ...]
    rates: tuple[RateView, ...]
    time_entries: tuple[TimeEntryView, ...]
    expenses: tuple[ExpenseView, ...]
    now: datetime
    time_zone: str = "UTC"
    """IANA name of the legal entity's zone: a moment is a date there."""
    settlement: Mapping[str, tuple[Decimal, str, str]] = field(default_factory=dict)
    """Non-ISO unit -> (rate, settlement currency, source of the rate), as the tenant declared it."""
    ended_on: date | None = None
    """The last day on which work belongs to the contract, where it has ended."""
    time_terms: TimeTerms | None = None
    expense_terms: ExpenseTerms | None = None
    holdback: HoldbackTerms | None = None
    billing_policy: BillingPolicy | None = None
    bill_to: tuple[BillToView, ...] = ()
    """The customers that share each bill; empty where ``customer_id`` pays it alone."""
    caps: tuple[CapView, ...] = ()
    schedules: tuple[ScheduleView, ...] = ()
    billed: Mapping[str, BilledItem] = field(default_factory=dict)
    """Transaction key -> what was billed, net of credits. Only of contracts that have schedules or advances."""
    credited: frozenset[str] = frozenset()
    """Transaction keys that were billed and credited in full, not to be billed again. Of the same contracts alone."""

    @property
    def remembers(self) -> bool:
        """Whether what was billed matters for what is billed next: the core then fills ``billed`` and ``credited``."""
        return (
            bool(self.schedules)
            or any(each.draw_down_percent is not None or each.several_decisions for each in self.milestones)
            or (self.time_terms is not None and self.time_terms.rounds_days)
            or any(rate.unit == "DAY" for rate in self.rates)
        )

    @property
    def settles(self) -> bool:
        """Whether something was paid in advance that other items use up: the core then asks ``propose_settlements``."""
        return any(each.draw_down_percent is not None for each in self.milestones) or any(
            isinstance(each.terms, RetainerTerms) for each in self.schedules
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProposal:
    """A billable item that a trigger wants: ready, or waiting with reason codes (``docs/reasons.md`` explains each).

    ``transaction_key`` is made of business facts; the same fact gives the same key for ever. ``look_again_at`` asks for
    another look when time alone changes the answer (an acceptance that settles).
    """

    transaction_key: str
    kind: Literal[
        "milestone", "time", "expense", "retainer", "subscription", "usage", "progress", "drawdown", "holdback"
    ]
    subject_id: str
    ready: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    description: str = ""
    quantity: Decimal = Decimal(1)
    unit: str = "C62"
    unit_price: Decimal | None = None
    amount: Money | None = None
    service_from: date | None = None
    service_to: date | None = None
    clause: str = ""
    contract_version_id: str | None = None
    change_order_id: str | None = None
    rate_id: str | None = None
    acceptance_id: str | None = None
    evidence_ids: tuple[str, ...] = ()
    message_id: str | None = None
    look_again_at: datetime | None = None
    worked: Decimal | None = None
    """The source's quantity, where the terms bill another one."""
    standard: Money | None = None
    """The price before write-downs and write-ups, where they changed ``amount``; ``adjusted_by`` says which."""
    adjusted_by: str = ""
    caps: tuple[str, ...] = ()
    """The caps that count it."""
    written_down: bool = False
    """Nothing of it is billed, and nobody need do anything: a cap is used up, or rounding left nothing."""
    follows: str | None = None
    """Transaction key of the item that this one settles: both belong on one draft. The amount is negative then."""
    service_line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One line of a draft with everything it rests on."""

    id: str
    transaction_key: str
    kind: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    net: Money
    tax_category: str
    service_from: date | None
    service_to: date | None
    contract_id: str
    contract_number: str
    milestone_id: str | None
    milestone_number: str
    acceptance_required: bool
    accepted_at: datetime | None
    acceptance_items_open: int
    change_order_id: str | None
    change_order_number: str
    change_order_signed: bool | None
    evidence_count: int
    subject_id: str
    notes: tuple[str, ...] = ()
    """What is worth knowing about its item (``docs/reasons.md``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTotals:
    """What a contract is worth and what was already billed on it, this draft not counted. Minor units of ``currency``."""

    contract_id: str
    number: str
    currency: str | None
    value_minor: int | None
    billed_minor: int
    purchase_order: str
    purchase_order_minor: int | None
    purchase_order_valid_until: date | None
    purchase_order_billed_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLineView:
    """A line of another draft or invoice of the same customer, for duplicate checks."""

    invoice_id: str
    invoice_label: str
    transaction_key: str
    subject_id: str
    contract_id: str
    description: str
    net: Money
    service_from: date | None
    service_to: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """A priced draft, as rule plugins see it."""

    id: str
    legal_entity: str
    customer_id: str
    customer_name: str
    customer_po_required: bool
    currency: str
    today: date
    lines: tuple[LineView, ...]
    contracts: tuple[ContractTotals, ...]
    history: tuple[BilledLineView, ...]

    @property
    def net(self) -> Money:
        """Sum of the lines. A draft always has at least one line."""
        first, *rest = self.lines
        return sum((line.net for line in rest), start=first.net)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule has to say about a draft. ``subject`` is a path: ``lines/{id}`` or ``draft``; ``remedy`` a sentence."""

    code: str
    severity: Literal["info", "warning", "blocking"]
    subject: str
    message: str
    remedy: str
    owner_role: str = "billing_clerk"
    technical: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)
