"""Canonical objects as the views that a trigger sees: what the core's canon does over a database, in memory and simple."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from billwright.extension.canonical import Acceptance, Canonical, ChangeOrder, Contract, Evidence, Milestone
from billwright.extension.views import ChangeOrderView, ContractView, DecisionView, MilestoneView, PriceView


def contract_views(objects: Iterable[Canonical], *, now: datetime) -> list[ContractView]:
    """One view per contract in ``objects``; of an object that comes more than once the last counts."""
    latest = {(each.kind, each.ref): each for each in objects}
    mine: dict[str, list[Canonical]] = defaultdict(list)
    for each in latest.values():
        if isinstance(each, Milestone | ChangeOrder | Acceptance | Evidence):
            mine[each.contract].append(each)
    return [_view(each, mine[each.ref], now) for each in latest.values() if isinstance(each, Contract)]


def _view(contract: Contract, mine: list[Canonical], now: datetime) -> ContractView:
    orders = [each for each in mine if isinstance(each, ChangeOrder)]
    decisions: dict[str, list[Acceptance]] = defaultdict(list)
    for each in mine:
        if isinstance(each, Acceptance):
            for ref in each.milestones:
                decisions[ref].append(each)
    known = {each.ref: each for each in mine if isinstance(each, Milestone)}
    return ContractView(
        id=contract.ref,
        number=contract.number,
        title=contract.title,
        known=True,
        customer_id=contract.customer,
        customer_known=True,
        project_id=contract.project,
        project_name="",
        signed_on=contract.signed_on,
        currency=contract.currency,
        value=contract.value,
        billing=contract.billing,
        acceptance_settles_after_days=contract.acceptance_settles_after_days,
        status=contract.status,
        version_id=None,
        versions=(),
        milestones=tuple(
            _milestone(ref, known.get(ref), orders, decisions[ref]) for ref in known.keys() | decisions.keys()
        ),
        change_orders=tuple(
            ChangeOrderView(
                id=order.ref,
                number=order.number,
                title=order.title,
                signed_at=order.signed_at,
                value_after=order.value_after,
            )
            for order in orders
        ),
        rates=(),
        time_entries=(),
        expenses=(),
        now=now,
    )


def _milestone(
    ref: str, milestone: Milestone | None, orders: list[ChangeOrder], decisions: list[Acceptance]
) -> MilestoneView:
    return MilestoneView(
        id=ref,
        number=ref.rpartition("/M")[2],
        name=milestone.name if milestone else "",
        basis="fixed",
        percent=None,
        acceptance_required=True,
        due_on=None,
        clause="",
        removed=milestone.removed if milestone else False,
        prices=tuple(_prices(milestone, orders)) if milestone else (),
        decisions=tuple(
            DecisionView(
                id=each.ref,
                decision=each.decision,
                decided_at=each.decided_at,
                decided_by=each.decided_by,
                items_open=sum(item.accepted is False for item in each.items),
                message_id=None,
            )
            for each in decisions
        ),
        evidence_ids=(),
        change_order_id=milestone.change_order if milestone else None,
        message_id=None,
        known=milestone is not None,
    )


def _prices(milestone: Milestone, orders: list[ChangeOrder]) -> Iterable[PriceView]:
    yield PriceView(
        effective_at=None,
        amount=milestone.amount,
        currency=milestone.currency,
        raw=milestone.amount_raw,
        change_order_id=None,
        contract_version_id=None,
    )
    for order in orders:
        changed = {change.field: change.after for change in order.changes if change.milestone == milestone.ref}
        if "amount" not in changed:
            continue
        yield PriceView(
            effective_at=order.signed_at,
            amount=Decimal(changed["amount"]) if changed["amount"] is not None else None,
            currency=changed.get("currency", order.currency_after),
            raw=changed["amount"] or "",
            change_order_id=order.ref,
            contract_version_id=None,
        )
