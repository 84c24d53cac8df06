"""Trigger ``milestones``: one billable item per milestone, earned by acceptance, signature or date.

In: a contract with its milestones, prices and the customer's decisions. Does: finds the moment at which each milestone
was earned and the price in force then. Out: one proposal per milestone, ready or waiting with reasons; none is left out.
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import ContractView, ItemProposal, MilestoneView
from billwright_plugins.milestones.advances import draw_down
from billwright_plugins.milestones.decisions import Earning, earning
from billwright_plugins.milestones.parts import Occurrence, divided, is_partial, occurrences, parts
from billwright_plugins.milestones.prices import Price, changed_later, do_not_match_total, in_force, timeline
from billwright_plugins.pricing import (
    AMOUNT_REASONS,
    Charge,
    charge,
    in_order,
    party_reasons,
    shortened,
    signed_change_orders,
    version_at,
)

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "not_in_agreement",
    "removed_from_agreement",
    "change_order_unsigned",
    "contract_terminated",
    "contract_not_signed",
    "rejected",
    "reopened",
    "acceptance_settling",
    "no_acceptance",
    "no_due_date",
    "not_yet_due",
    "waits_for_others",
    "accepted_anew",
    "released_by_credit",
    "advance_left_over",
    *AMOUNT_REASONS,
)
NOTES: Final = (
    "reopened_after_acceptance",
    "removed_after_acceptance",
    "accepted_with_open_items",
    "price_changed_after_acceptance",
    "milestones_do_not_match_total",
    "converted",
)


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """One proposal per milestone of ``contract``, more where it was accepted in parts or, after a credit, once more."""
    mismatch = do_not_match_total(contract)
    unearned = {each.id for each in contract.milestones if earning(contract, each).moment is None}
    found: list[ItemProposal] = []
    for milestone in contract.milestones:
        for occurrence in occurrences(contract, milestone):
            items = _items(contract, occurrence, mismatch=mismatch)
            found.extend(_after_others(item, milestone, unearned) for item in items)
    return found


@hookimpl
def propose_settlements(contract: ContractView, items: Sequence[ItemProposal]) -> Sequence[ItemProposal]:
    """What ``items`` use up of the advances of ``contract``."""
    return draw_down(contract, items)


def _items(contract: ContractView, occurrence: Occurrence, *, mismatch: bool) -> list[ItemProposal]:
    """The whole milestone, or what is left of it beside the parts that were accepted."""
    milestone = occurrence.milestone
    earned = earning(contract, milestone)
    key = f"milestone:{contract.id}:{milestone.id}:{occurrence.number}"
    whole = _proposal(contract, milestone, earned, key, mismatch=mismatch)
    if occurrence.accepted_anew:
        return [replace(whole, ready=False, reasons=("accepted_anew",))]
    if occurrence.taken_up:
        return [replace(whole, ready=False, reasons=("reopened", "released_by_credit"))]
    in_parts = any(is_partial(each) for each in milestone.decisions) or any(
        each.startswith(f"{key}:") for each in contract.billed
    )
    if not in_parts or not milestone.acceptance_required:
        return [whole]
    shares = []
    for part in parts(contract, milestone, earned):
        standing = Earning(moment=part.moment, decision=part.decision)
        item = _proposal(contract, milestone, standing, f"{key}:{part.decision.id}", mismatch=mismatch)
        text = shortened(f"{item.description} ({part.percent.normalize():f} % accepted)")
        if item.ready:
            shares.append((part, replace(item, description=text)))
    return divided(contract, whole, shares)


def _proposal(
    contract: ContractView, milestone: MilestoneView, earned: Earning, key: str, *, mismatch: bool
) -> ItemProposal:
    moment = earned.moment or (earned.decision.decided_at if earned.decision else contract.now)
    prices = timeline(contract, milestone)
    price = in_force(prices, moment)
    charged = _charge(contract, price)
    reasons = _reasons(contract, milestone, earned, charged)
    notes = {
        "reopened_after_acceptance": earned.reopened_later,
        "removed_after_acceptance": milestone.removed and earned.moment is not None,
        "accepted_with_open_items": earned.decision is not None and earned.decision.items_open > 0,
        "price_changed_after_acceptance": earned.moment is not None and changed_later(prices, price, moment),
        "milestones_do_not_match_total": mismatch,
        "converted": charged.converted,
    }
    return ItemProposal(
        transaction_key=key,
        kind="milestone",
        subject_id=milestone.id,
        ready=not reasons,
        reasons=reasons,
        notes=in_order([code for code, holds in notes.items() if holds], NOTES),
        description=_description(milestone, charged),
        unit_price=charged.unit_price,
        amount=charged.money,
        service_to=_day(contract, earned),
        clause=milestone.clause,
        contract_version_id=version_at(contract, moment),
        change_order_id=(price.change_order_id if price else None) or milestone.change_order_id,
        acceptance_id=earned.decision.id if earned.decision else None,
        evidence_ids=tuple(sorted(set(milestone.evidence_ids))),
        message_id=(earned.decision.message_id if earned.decision else None) or milestone.message_id,
        look_again_at=earned.look_again_at,
        service_line=milestone.service_line,
    )


def _after_others(proposal: ItemProposal, milestone: MilestoneView, unearned: Set[str]) -> ItemProposal:
    """``proposal``, waiting while a milestone that it depends on is not earned. A removed one, or none, holds nobody."""
    if not unearned & {*milestone.depends_on}:
        return proposal
    codes = in_order({*proposal.reasons, "waits_for_others"}, REASONS)
    return replace(proposal, ready=False, reasons=codes)


def _day(contract: ContractView, earned: Earning) -> date | None:
    """The day of earning: a decision's moment is a day of the legal entity's zone; due dates and signatures are days already."""
    if earned.moment is None:
        return None
    if earned.decision is None:
        return earned.moment.date()
    return earned.moment.astimezone(ZoneInfo(contract.time_zone)).date()


def _charge(contract: ContractView, price: Price | None) -> Charge:
    if price is None:
        return charge(None, contract.currency, contract.settlement, rounding=False)
    charged = charge(price.amount, price.currency, contract.settlement, rounding=price.share)
    if price.problem is None:
        return charged
    return replace(charged, problems=charged.problems - {"no_amount"} | {price.problem})


def _reasons(contract: ContractView, milestone: MilestoneView, earned: Earning, charged: Charge) -> tuple[str, ...]:
    """All reasons in their fixed order. What only follows from another reason is left out: it could not be mended."""
    codes = set(party_reasons(contract))
    if milestone.known:
        codes |= charged.problems
    else:
        codes.add("not_in_agreement")
    if milestone.change_order_id is not None and milestone.change_order_id not in signed_change_orders(contract):
        codes.add("change_order_unsigned")
    if earned.moment is None:
        assert earned.reason is not None
        codes.add(earned.reason)
        codes |= {"removed_from_agreement"} if milestone.removed else set()
        settling = earned.reason == "acceptance_settling"  # accepted already: time alone will release it
        codes |= {"contract_terminated"} if contract.status == "terminated" and not settling else set()
    return in_order(codes, REASONS)


def _description(milestone: MilestoneView, charged: Charge) -> str:
    text = f"Milestone {milestone.number}" + (f" — {milestone.name}" if milestone.name else "")
    return shortened(f"{text} ({charged.remark})" if charged.remark else text)
