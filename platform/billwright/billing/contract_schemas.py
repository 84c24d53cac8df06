"""Contracts and milestones as the API shows them: their terms as they hold now, and what became of the work."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from billwright.billing.schemas import ReasonOut, reasons_out
from billwright.canon.schemas import Named, named, named_or_none, shown_or_none
from billwright.extension.views import ContractView, MilestoneView, PriceView, RateView
from billwright.kernel.amount_out import AmountOut, DecimalText, amount_out, decimal_out
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow


class PriceOut(Struct, frozen=True, kw_only=True):
    """A price as it was agreed. ``amount`` is null when none can be read; ``raw`` keeps what the source said then.

    ``currency`` may be no ISO 4217 code: such a price is held. ``effective_at`` is null for the price first agreed.
    """

    amount: DecimalText | None
    currency: str | None
    raw: str
    effective_at: datetime | None
    change_order: str | None


class ItemStateOut(Struct, frozen=True, kw_only=True):
    """What became of a milestone: where its billable item stands, and why."""

    id: str
    state: str
    reasons: list[ReasonOut]
    notes: list[ReasonOut]
    amount: AmountOut | None
    invoice: Named | None


class DecisionOut(Struct, frozen=True):
    """A decision of the customer; ``items_open`` counts what was left open."""

    id: str
    decision: str
    decided_at: datetime
    decided_by: str
    items_open: int


class MilestoneOut(Struct, frozen=True, kw_only=True):
    """A milestone. ``price_now`` is the price in force now, after all change orders signed so far.

    ``known`` is false for one that decisions name but the agreement does not contain. ``percent`` is of the contract's
    value. ``items`` say what became of it: one item, unless a plugin bills it in parts.
    """

    id: str
    number: str
    name: str
    contract: Named
    known: bool
    basis: str
    percent: DecimalText | None
    price_now: PriceOut | None
    prices: list[PriceOut]
    acceptance_required: bool
    due_on: date | None
    clause: str
    change_order: str | None
    removed: bool
    removed_at: datetime | None
    decisions: list[DecisionOut]
    evidence: list[str]
    items: list[ItemStateOut]
    message: str | None


class PurchaseOrderOut(Struct, frozen=True):
    number: str
    value: DecimalText | None
    valid_until: date | None


class ContractOut(Struct, frozen=True, kw_only=True):
    """A contract as its source sent it. ``value`` is as signed, before change orders."""

    id: str
    ref: str
    number: str
    title: str
    customer: Named
    project: Named | None
    legal_entity: str
    signed_on: date | None
    value: DecimalText | None
    value_raw: str
    currency: str | None
    billing: str
    grouping: str
    acceptance_required: bool
    acceptance_settles_after_days: int
    purchase_order: PurchaseOrderOut | None
    payment_terms_days: int | None
    status: str
    message: str | None
    updated_at: datetime


class ContractVersionOut(Struct, frozen=True, kw_only=True):
    """Version 1 came with the contract, each signed change order made one. ``origin`` is that contract or change order."""

    id: str
    number: int
    origin: str
    effective_at: datetime | None
    value: DecimalText | None
    currency: str | None
    made_at: datetime


class ChangeOrderOut(Struct, frozen=True, kw_only=True):
    """Changes nothing until it is signed. ``changes`` are ``{milestone, field, before, after}``."""

    id: str
    number: str
    title: str
    signed_at: datetime | None
    signed_by: str
    value_after: DecimalText | None
    currency_after: str | None
    changes: list[Any]


class HourlyRateOut(Struct, frozen=True, kw_only=True):
    """An hourly rate; ``in_force`` is false for one that begins later or that a later one of the same role replaced."""

    id: str
    role: str
    person_email: str | None
    hourly: DecimalText
    currency: str
    effective_from: date
    in_force: bool


class ContractDetail(Struct, frozen=True, kw_only=True):
    """A contract with its versions, change orders, milestones and rates. ``value_now`` is after signed change orders."""

    contract: ContractOut
    version_now: str | None
    value_now: DecimalText | None
    currency_now: str | None
    versions: list[ContractVersionOut]
    change_orders: list[ChangeOrderOut]
    milestones: list[MilestoneOut]
    rates: list[HourlyRateOut]


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else decimal_out(value)


def _shown(prefix: str, text: str | None) -> str | None:
    return None if text is None else show(prefix, UUID(text))


def contract_out(row: AnyRow) -> ContractOut:
    ordered = PurchaseOrderOut(row.po_number, _decimal(row.po_value), row.po_valid_until) if row.po_number else None
    return ContractOut(
        id=show("ctr", row.id),
        ref=row.ref,
        number=row.number,
        title=row.title,
        customer=named("cus", row.customer_id, row.customer_name),
        project=named_or_none("prj", row.project_id, row.project_name),
        legal_entity=row.legal_entity,
        signed_on=row.signed_on,
        value=_decimal(row.value),
        value_raw=row.value_raw,
        currency=row.currency,
        billing=row.billing,
        grouping=row.grouping,
        acceptance_required=row.acceptance_required,
        acceptance_settles_after_days=row.acceptance_settles_after_days,
        purchase_order=ordered,
        payment_terms_days=row.payment_terms_days,
        status=row.status,
        message=shown_or_none("msg", row.message_id),
        updated_at=row.updated_at,
    )


def _price(view: PriceView) -> PriceOut:
    return PriceOut(
        amount=_decimal(view.amount),
        currency=view.currency,
        raw=view.raw,
        effective_at=view.effective_at,
        change_order=_shown("chg", view.change_order_id),
    )


def _item_state(row: AnyRow) -> ItemStateOut:
    return ItemStateOut(
        id=show("bil", row.id),
        state=row.state,
        reasons=reasons_out(row.reasons),
        notes=reasons_out(row.notes),
        amount=None if row.amount_minor is None else amount_out(row.amount_minor, row.currency),
        invoice=named_or_none("inv", row.invoice_id, row.invoice_number),
    )


def milestone_out(view: MilestoneView, contract: Named, now: datetime, items: Sequence[AnyRow]) -> MilestoneOut:
    prices = [_price(price) for price in view.prices]
    in_force = [price for price in prices if price.effective_at is None or price.effective_at <= now]
    return MilestoneOut(
        id=show("mil", UUID(view.id)),
        number=view.number,
        name=view.name,
        contract=contract,
        known=view.known,
        basis=view.basis,
        percent=_decimal(view.percent),
        price_now=in_force[-1] if in_force else None,
        prices=prices,
        acceptance_required=view.acceptance_required,
        due_on=view.due_on,
        clause=view.clause,
        change_order=_shown("chg", view.change_order_id),
        removed=view.removed,
        removed_at=view.removed_at,
        decisions=[
            DecisionOut(show("acc", UUID(each.id)), each.decision, each.decided_at, each.decided_by, each.items_open)
            for each in view.decisions
        ],
        evidence=[show("evi", UUID(each)) for each in view.evidence_ids],
        items=[_item_state(row) for row in items],
        message=_shown("msg", view.message_id),
    )


def _version(row: AnyRow) -> ContractVersionOut:
    return ContractVersionOut(
        id=show("cvn", row.id),
        number=row.number,
        origin=show("ctr" if row.origin_id == row.contract_id else "chg", row.origin_id),
        effective_at=row.effective_at,
        value=_decimal(row.value),
        currency=row.currency,
        made_at=row.made_at,
    )


def _order(row: AnyRow) -> ChangeOrderOut:
    return ChangeOrderOut(
        id=show("chg", row.id),
        number=row.number,
        title=row.title,
        signed_at=row.signed_at,
        signed_by=row.signed_by,
        value_after=_decimal(row.value_after),
        currency_after=row.currency_after,
        changes=row.changes,
    )


def _rates(rates: Sequence[RateView], today: date) -> list[HourlyRateOut]:
    """Of each role or person the latest that has begun is in force; two that begin on one day both say so."""
    begun: dict[tuple[str, str | None], date] = {}
    for rate in rates:
        if rate.effective_from <= today:
            whose = (rate.role, rate.person_email)
            begun[whose] = max(begun.get(whose, rate.effective_from), rate.effective_from)
    return [
        HourlyRateOut(
            id=show("rat", UUID(rate.id)),
            role=rate.role,
            person_email=rate.person_email,
            hourly=decimal_out(rate.hourly),
            currency=rate.currency,
            effective_from=rate.effective_from,
            in_force=begun.get((rate.role, rate.person_email)) == rate.effective_from,
        )
        for rate in rates
    ]


def contract_detail(
    row: AnyRow,
    view: ContractView,
    orders: Sequence[AnyRow],
    versions: Sequence[AnyRow],
    items: Mapping[UUID, Sequence[AnyRow]],
) -> ContractDetail:
    now = view.now
    signed = [order for order in orders if order.signed_at is not None and order.signed_at <= now]
    values = [order.value_after for order in signed if order.value_after is not None]
    currencies = [order.currency_after for order in signed if order.currency_after is not None]
    contract = contract_out(row)
    name = Named(contract.id, contract.number)
    return ContractDetail(
        contract=contract,
        version_now=_shown("cvn", view.version_id),
        value_now=_decimal(values[-1] if values else row.value),
        currency_now=currencies[-1] if currencies else row.currency,
        versions=[_version(each) for each in versions],
        change_orders=[_order(each) for each in orders],
        milestones=[milestone_out(each, name, now, items.get(UUID(each.id), ())) for each in view.milestones],
        rates=_rates(view.rates, now.date()),
    )
