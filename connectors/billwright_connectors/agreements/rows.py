"""The rows as a mapping reads them: only what it needs, with types. Fields that a row has beyond these are ignored."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Id = Annotated[str, Meta(min_length=1, max_length=190)]
Aware = Annotated[datetime, Meta(tz=True)]
Numbers = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=10)], ...], Meta(max_length=100)]


class ContractRow(Struct, frozen=True, kw_only=True):
    contract_id: Id
    buyer: Annotated[str, Meta(min_length=1)]
    signed_at: Aware
    title: str | None = None
    original_total_value: Decimal | None = None
    original_currency: str | None = None
    total_value: Decimal | None = None
    total_raw: str | None = None


class FirstTerms(Struct, frozen=True, kw_only=True):
    name: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    cost_raw: str | None = None
    change_order: str | None = None
    removed: bool = False


class MilestoneRow(Struct, frozen=True, kw_only=True):
    contract_id: Id
    number: Annotated[str, Meta(min_length=1, max_length=10)]
    as_first_agreed: FirstTerms


class Change(Struct, frozen=True, kw_only=True):
    field: Annotated[str, Meta(min_length=1)]
    before: Any = None
    after: Any = None


class PriceAfter(Struct, frozen=True, kw_only=True):
    amount: Decimal | None = None
    currency: str | None = None


class AmendmentRow(Struct, frozen=True, kw_only=True):
    amendment_id: Id
    contract_id: Id
    number: int
    in_force_at: Aware
    title: str | None = None
    by: str | None = None
    total_after: Decimal | None = None
    currency_after: str | None = None
    changes: tuple[Change, ...] = ()
    prices_after: dict[str, PriceAfter] = {}
    milestones_removed: dict[str, FirstTerms] = {}
    before_differs: tuple[str, ...] = ()


class Item(Struct, frozen=True, kw_only=True):
    number: str | None = None
    deliverable: str | None = None
    accepted: bool | None = None
    evidence: tuple[str, ...] = ()
    notes: str | None = None


class DeliveryRow(Struct, frozen=True, kw_only=True):
    delivery_id: Id
    contract_id: Id
    submitted_at: Aware
    submitted_at_basis: str | None = None
    submitted_by: str | None = None
    milestone_numbers: Numbers = ()
    items: tuple[Item, ...] = ()


class EvaluationRow(Struct, frozen=True, kw_only=True):
    evaluation_id: Id
    contract_id: Id
    decision_number: int
    decided_at: Aware
    decision: Literal["accepted", "rejected", "reopened", "in_progress"] | None = None
    decided_by: str = ""
    evaluator: str | None = None
    overtaken_by: str = ""
    milestone_numbers: Numbers = ()
    items: tuple[Item, ...] = ()
    text: str | None = None


class StatusEventRow(Struct, frozen=True, kw_only=True):
    contract_id: Id
    event: Annotated[str, Meta(min_length=1, max_length=100)]
    date: Aware
    wave: str | None = None


class InvoiceEventRow(Struct, frozen=True, kw_only=True):
    event_id: Id
    contract_id: Id
    event: Annotated[str, Meta(min_length=1, max_length=100)]
    occurred_at: Aware
    milestone_numbers: Numbers = ()
    quote: str | None = None
    code: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    milestone_amount: Decimal | None = None
    milestone_currency: str | None = None
    buyer: str | None = None


class DocumentRow(Struct, frozen=True, kw_only=True):
    contract_id: Id
    kind: Annotated[str, Meta(min_length=1, max_length=60)]
    path: Annotated[str, Meta(min_length=1)]
    commit: str | None = None
    occurred_at: Aware
    milestone_numbers: Numbers = ()
