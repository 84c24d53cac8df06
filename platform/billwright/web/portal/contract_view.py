"""What the page of one contract says, made of stored facts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from billwright.extension.views import DecisionView, MilestoneView, PriceView, RateView
from billwright.tenancy.base import AnyRow
from billwright.web.portal.queries_contracts import ContractFacts
from billwright.web.portal.words import OF_CONTRACT, Status

DECISIONS: Final[Mapping[str, Status]] = {
    "accepted": ("Accepted", "done"),
    "rejected": ("Rejected", "blocked"),
    "reopened": ("Re-opened", "waiting"),
    "in_progress": ("In progress", "quiet"),
}
FIELDS: Final = {
    "amount": "amount",
    "currency": "currency",
    "name": "name",
    "removed": "removed",
    "added": "added",
    "replaced": "replaced",
    "milestone": "milestone",
    "due_on": "due date",
    "value": "contract value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision of the customer with the message that brought it, and what was said."""

    view: DecisionView
    status: Status
    note: str

    @property
    def message_id(self) -> UUID | None:
        return UUID(self.view.message_id) if self.view.message_id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """``price`` is the one in force now; ``earlier`` are those before it. ``items`` say what became of it."""

    view: MilestoneView
    price: PriceView | None
    earlier: tuple[PriceView, ...]
    decisions: tuple[Decision, ...]
    evidence: tuple[AnyRow, ...]
    items: tuple[AnyRow, ...]
    order_number: str
    message_id: UUID | None

    @property
    def id(self) -> UUID:
        return UUID(self.view.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a change order: ``what`` changes, from and to; None for nothing before or after."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A change order. Unsigned it changes nothing; ``resting`` names the milestones that wait for its signature."""

    row: AnyRow
    in_force: bool
    changes: tuple[Change, ...]
    resting: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """``order`` is the change order that made it; None for the contract as first agreed."""

    row: AnyRow
    order: Order | None
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``state`` says whether it holds today, later, or was replaced. ``card`` is the source's key of its rate card."""

    view: RateView
    card: str
    message_id: UUID | None
    state: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPage:
    milestones: tuple[Milestone, ...]
    orders: tuple[Order, ...]
    versions: tuple[Version, ...]
    rates: tuple[Rate, ...]
    clauses: tuple[Mapping[str, Any], ...]
    work: Sequence[AnyRow]
    agreed: Mapping[str, Decimal]
    """What the milestones in the agreement add up to, per currency."""
    notes: tuple[str, ...]
    """Codes that are about the contract as a whole, though each item bears them."""

    @property
    def unsigned(self) -> int:
        return sum(not order.in_force for order in self.orders)


def contract_page(facts: ContractFacts, items: Mapping[UUID, Sequence[AnyRow]], work: Sequence[AnyRow]) -> ContractPage:
    """Everything of one contract in the order of the page."""
    view = facts.view
    numbers = {row.ref: row.number for row in facts.milestones.values()}
    milestones = tuple(_milestone(facts, each, items) for each in view.milestones)
    orders = tuple(_order(row, view.now, numbers, milestones) for row in facts.orders)
    by_origin = {order.row.id: order for order in orders}
    agreed: dict[str, Decimal] = {}
    for each in milestones:
        if each.price and each.price.amount is not None and each.price.currency and not each.view.removed:
            agreed[each.price.currency] = agreed.get(each.price.currency, Decimal(0)) + each.price.amount
    return ContractPage(
        milestones=milestones,
        orders=orders,
        versions=tuple(
            Version(row=row, order=by_origin.get(row.origin_id), in_force=str(row.id) == view.version_id)
            for row in facts.versions
        ),
        rates=tuple(_rates(facts)),
        clauses=tuple(facts.head.clauses),
        work=work,
        agreed=agreed,
        notes=tuple(
            code for code in OF_CONTRACT if any(code in item.notes for each in milestones for item in each.items)
        ),
    )


def _milestone(facts: ContractFacts, view: MilestoneView, items: Mapping[UUID, Sequence[AnyRow]]) -> Milestone:
    now = facts.view.now
    begun = [price for price in view.prices if price.effective_at is None or price.effective_at <= now]
    notes = {str(row.id): row.note for row in facts.acceptances}
    order = next((row for row in facts.orders if str(row.id) == view.change_order_id), None)
    return Milestone(
        view=view,
        price=begun[-1] if begun else None,
        earlier=tuple(begun[:-1]),
        decisions=tuple(
            Decision(view=each, status=DECISIONS[each.decision], note=notes.get(each.id, "")) for each in view.decisions
        ),
        evidence=tuple(facts.evidence[UUID(each)] for each in view.evidence_ids if UUID(each) in facts.evidence),
        items=tuple(items.get(UUID(view.id), ())),
        order_number=order.number if order else "",
        message_id=UUID(view.message_id) if view.message_id else None,
    )


def _order(row: AnyRow, now: datetime, numbers: Mapping[str, str], milestones: Sequence[Milestone]) -> Order:
    in_force = row.signed_at is not None and row.signed_at <= now
    resting = tuple(
        f"{each.view.number} {each.view.name}" for each in milestones if each.view.change_order_id == str(row.id)
    )
    return Order(
        row=row,
        in_force=in_force,
        changes=tuple(_change(each, numbers) for each in row.changes),
        resting=() if in_force else resting,
    )


def _change(change: Mapping[str, Any], numbers: Mapping[str, str]) -> Change:
    field = str(change["field"]).removeprefix("milestone.")
    name = FIELDS.get(field, field.replace("_", " "))
    ref = change["milestone"]
    what = f"Milestone {numbers.get(ref, ref)}: {name}" if ref is not None else name.capitalize()
    return Change(what=what, before=change["before"], after=change["after"])


def _rates(facts: ContractFacts) -> list[Rate]:
    """Of each role or person the latest that has begun holds; the date counts in the legal entity's zone."""
    today = facts.view.now.astimezone(ZoneInfo(facts.view.time_zone)).date()
    cards = {rate["id"]: card for card in facts.rate_cards for rate in card.rates}
    begun: dict[tuple[str, str | None], date] = {}
    for rate in facts.view.rates:
        if rate.effective_from <= today:
            whose = (rate.role, rate.person_email)
            begun[whose] = max(begun.get(whose, rate.effective_from), rate.effective_from)
    return [
        Rate(
            view=rate,
            card=cards[rate.id].ref,
            message_id=cards[rate.id].message_id,
            state=_rate_state(rate, begun.get((rate.role, rate.person_email)), today),
        )
        for rate in facts.view.rates
    ]


def _rate_state(rate: RateView, latest: date | None, today: date) -> Status:
    if rate.effective_from > today:
        return ("From then on", "quiet")
    return ("In force", "done") if rate.effective_from == latest else ("Replaced", "quiet")
