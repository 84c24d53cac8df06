"""A contract's rows as the view that triggers see. Pure; everything is sorted by business facts, never by arrival."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from billwright.canon.caps import cap_views
from billwright.canon.schedule_views import schedule_views
from billwright.canon.terms import SignedOrder, Terms, apply_orders, natural
from billwright.extension.terms_expenses import read_expense_terms
from billwright.extension.terms_grouping import read_billing_policy
from billwright.extension.terms_holdback import read_holdback_terms
from billwright.extension.terms_time import read_time_terms
from billwright.extension.views import (
    BillToView,
    ChangeOrderView,
    ContractView,
    DecisionView,
    ExpenseView,
    MilestoneView,
    PriceView,
    RateView,
    TimeEntryView,
)

Rows = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything stored about one contract. ``contract`` is none, and ``ref`` set, while it is only named by others."""

    id: UUID
    ref: str
    contract: Row[Any] | None
    milestones: Rows
    acceptances: Rows
    evidence: Rows
    change_orders: Rows
    versions: Rows
    rate_cards: Rows
    time_entries: Rows
    expenses: Rows
    settlement: Mapping[str, tuple[Decimal, str, str]]
    now: datetime
    scheduled: Rows = ()
    payers: Collection[UUID] = ()
    """Those of the customers that share its bills which have arrived."""


def build_view(facts: Facts) -> ContractView:
    """The view of one contract; see ``ContractView`` for units and meaning."""
    contract = facts.contract
    time_terms = read_time_terms(contract.time_terms) if contract else None
    time_zone = (contract.time_zone if contract else None) or "UTC"
    versions = _versions(facts)
    first = versions.get(facts.id)
    return ContractView(
        id=str(facts.id),
        number=contract.number if contract else tail(facts.ref),
        title=contract.title if contract else "",
        known=contract is not None,
        customer_id=str(contract.customer_id) if contract else None,
        customer_known=bool(contract and contract.customer_known),
        project_id=_text(contract.project_id) if contract else None,
        project_name=(contract.project_name or "") if contract else "",
        signed_on=contract.signed_on if contract else None,
        currency=contract.currency if contract else None,
        value=contract.value if contract else None,
        billing=contract.billing if contract else "fixed_price",
        acceptance_settles_after_days=contract.acceptance_settles_after_days if contract else 0,
        status=contract.status if contract else "active",
        version_id=_version_now(facts, versions) or (first[1] if first else None),
        versions=tuple(
            sorted(versions.values(), key=lambda each: (each[0] is not None, each[0] or facts.now, each[1]))
        ),
        milestones=_milestones(facts, versions),
        change_orders=_change_orders(facts.change_orders),
        rates=_rates(facts.rate_cards),
        time_entries=tuple(_time_entry(row) for row in sorted(facts.time_entries, key=lambda r: (r.worked_on, r.ref))),
        expenses=tuple(_expense(row) for row in sorted(facts.expenses, key=lambda r: (r.spent_on, r.ref))),
        now=facts.now,
        time_zone=time_zone,
        settlement=facts.settlement,
        ended_on=contract.ended_on if contract else None,
        time_terms=time_terms,
        expense_terms=read_expense_terms(contract.expense_terms) if contract else None,
        holdback=read_holdback_terms(contract.holdback) if contract else None,
        billing_policy=read_billing_policy(contract.billing_policy) if contract else None,
        bill_to=_bill_to(facts),
        caps=cap_views(time_terms, facts.change_orders, time_zone),
        schedules=schedule_views(facts.scheduled),
    )


def _bill_to(facts: Facts) -> tuple[BillToView, ...]:
    stored = facts.contract.bill_to if facts.contract else None
    return tuple(
        BillToView(
            customer_id=str(UUID(each["customer_id"])),
            weight=Decimal(each["weight"]),
            known=UUID(each["customer_id"]) in facts.payers,
        )
        for each in stored or ()
    )


def tail(ref: str) -> str:
    """What a person would call an object of which only the source's key is known: its last part."""
    return ref.rstrip("/:# ").replace(":", "/").replace("#", "/").rpartition("/")[2] or ref


Versions = dict[UUID, tuple[datetime | None, str]]


def _versions(facts: Facts) -> Versions:
    """By origin: version 1, and one per change order that is signed today, from its signature as it is known today."""
    signed = {row.id: row.signed_at for row in facts.change_orders if row.signed_at is not None}
    return {
        row.origin_id: (signed.get(row.origin_id), str(row.id))
        for row in facts.versions
        if row.origin_id == facts.id or row.origin_id in signed
    }


def _version_now(facts: Facts, versions: Versions) -> str | None:
    begun = [(at, version) for at, version in versions.values() if at is not None and at <= facts.now]
    return max(begun)[1] if begun else None


def _milestones(facts: Facts, versions: Versions) -> tuple[MilestoneView, ...]:
    decisions, named = _decisions(facts.acceptances)
    evidence: defaultdict[UUID, list[str]] = defaultdict(list)
    for row in sorted(facts.evidence, key=lambda each: each.ref):
        for milestone_id in row.milestone_ids:
            evidence[milestone_id].append(str(row.id))
    terms = _terms(facts, versions)
    views = [
        _known(facts, row, terms[row.ref], decisions.get(row.id, ()), tuple(evidence[row.id]))
        for row in facts.milestones
    ]
    known = {row.id for row in facts.milestones}
    views.extend(
        _unknown(milestone_id, ref, decisions[milestone_id], tuple(evidence[milestone_id]))
        for milestone_id, ref in named.items()
        if milestone_id not in known
    )
    return tuple(sorted(views, key=lambda view: (natural(view.number), view.known, view.id)))


def _terms(facts: Facts, versions: Versions) -> dict[str, Terms]:
    """Terms of the known milestones by ref, after all signed change orders."""
    first = versions.get(facts.id)
    terms = {}
    for row in facts.milestones:
        own = versions.get(row.change_order_id) if row.change_order_id else None
        base = PriceView(
            effective_at=None,
            amount=row.amount,
            currency=row.currency or (facts.contract.currency if facts.contract and not row.amount_raw else None),
            raw=row.amount_raw,
            change_order_id=None,
            contract_version_id=(own or first or (None, None))[1],
        )
        terms[row.ref] = Terms(prices=[base], removed=row.removed)
    orders = [
        SignedOrder(
            id=str(row.id),
            ref=row.ref,
            number=row.number,
            signed_at=row.signed_at,
            currency_after=row.currency_after,
            version_id=versions[row.id][1] if row.id in versions else None,
            changes=row.changes,
        )
        for row in facts.change_orders
        if row.signed_at is not None
    ]
    apply_orders(terms, orders)
    return terms


def _known(
    facts: Facts, row: Row[Any], terms: Terms, decisions: Sequence[DecisionView], evidence_ids: tuple[str, ...]
) -> MilestoneView:
    required = row.acceptance_required
    if required is None:
        required = facts.contract.acceptance_required if facts.contract else True
    return MilestoneView(
        id=str(row.id),
        number=row.number,
        name=terms.name or row.name,
        basis=row.basis,
        percent=row.percent,
        acceptance_required=required,
        due_on=row.due_on,
        clause=row.clause,
        removed=terms.removed,
        removed_at=terms.removed_at,
        prices=tuple(terms.prices),
        decisions=tuple(decisions),
        evidence_ids=evidence_ids,
        change_order_id=_text(row.change_order_id),
        message_id=_text(row.message_id),
        known=True,
        depends_on=tuple(str(each) for each in row.depends_on_ids),
        draw_down_percent=row.draw_down_percent,
        service_line=row.service_line,
    )


def _unknown(
    milestone_id: UUID, ref: str, decisions: Sequence[DecisionView], evidence_ids: tuple[str, ...]
) -> MilestoneView:
    """A milestone that only the customer's decisions name."""
    return MilestoneView(
        id=str(milestone_id),
        number=tail(ref),
        name="",
        basis="fixed",
        percent=None,
        acceptance_required=True,
        due_on=None,
        clause="",
        removed=False,
        prices=(),
        decisions=tuple(decisions),
        evidence_ids=evidence_ids,
        change_order_id=None,
        message_id=None,
        known=False,
    )


def _decisions(acceptances: Rows) -> tuple[dict[UUID, list[DecisionView]], dict[UUID, str]]:
    """Decisions by milestone in the order of their moments, and the ref of every milestone that they name."""
    decisions: defaultdict[UUID, list[DecisionView]] = defaultdict(list)
    named: dict[UUID, str] = {}
    for row in sorted(acceptances, key=lambda each: (each.decided_at, each.ref)):
        view = DecisionView(
            id=str(row.id),
            decision=row.decision,
            decided_at=row.decided_at,
            decided_by=row.decided_by,
            items_open=sum(item["accepted"] is False for item in row.items),
            message_id=_text(row.message_id),
            accepted_percent=row.accepted_percent,
        )
        for milestone_id, ref in dict(zip(row.milestone_ids, row.milestone_refs, strict=True)).items():
            decisions[milestone_id].append(view)
            named[milestone_id] = ref
    return decisions, named


def _change_orders(rows: Rows) -> tuple[ChangeOrderView, ...]:
    ordered = sorted(rows, key=lambda row: (natural(row.number), row.ref))
    return tuple(
        ChangeOrderView(
            id=str(row.id), number=row.number, title=row.title, signed_at=row.signed_at, value_after=row.value_after
        )
        for row in ordered
    )


def _rates(cards: Rows) -> tuple[RateView, ...]:
    """Rates of all cards by date; the same rate said twice on one card is one."""
    rates = {
        rate["id"]: RateView(
            id=rate["id"],
            role=rate["role"],
            person_email=rate["person_email"],
            hourly=Decimal(rate["hourly"]),
            currency=rate.get("currency") or card.currency,
            effective_from=date.fromisoformat(rate["effective_from"]),
            unit=rate.get("unit", "HUR"),
            work_kind=rate.get("work_kind", ""),
            project_id=rate.get("project_id"),
        )
        for card in sorted(cards, key=lambda each: each.ref)
        for rate in card.rates
    }
    return tuple(sorted(rates.values(), key=lambda each: (each.effective_from, each.role, each.person_email or "")))


def _time_entry(row: Row[Any]) -> TimeEntryView:
    return TimeEntryView(
        id=str(row.id),
        person_name=row.person_name,
        person_email=row.person_email,
        role=row.role,
        worked_on=row.worked_on,
        hours=row.hours,
        note=row.note,
        status=row.status,
        approved_by=row.approved_by,
        change_order_id=_text(row.change_order_id),
        message_id=_text(row.message_id),
        project_id=_text(row.project_id),
        work_kind=row.work_kind,
        corrects_id=_text(row.corrects_id),
    )


def _expense(row: Row[Any]) -> ExpenseView:
    return ExpenseView(
        id=str(row.id),
        person_name=row.person_name,
        spent_on=row.spent_on,
        category=row.category,
        description=row.description,
        amount=row.amount,
        currency=row.currency,
        status=row.status,
        approved_by=row.approved_by,
        receipt_uri=row.receipt_uri,
        message_id=_text(row.message_id),
        project_id=_text(row.project_id),
        tax_amount=row.tax_amount,
        distance=row.distance,
        distance_unit=row.distance_unit,
        per_diem_country=row.per_diem_country,
        day_fraction=row.day_fraction,
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
