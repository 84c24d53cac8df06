"""Milestones that the customer accepted in part, or a second time: which items they make, and how much each bills."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billwright.extension.views import ContractView, DecisionView, ItemProposal, MilestoneView
from billwright.kernel.money import Money, round_half_up
from billwright_plugins.milestones.decisions import Earning, earning, in_their_order, stands

WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time that a milestone is done: ``number`` in its key, the milestone with the decisions about it alone."""

    number: int
    milestone: MilestoneView
    accepted_anew: bool = False
    """It was credited, and a later occurrence is billed in its place."""
    taken_up: bool = False
    """It was credited, and the customer took it up again and has not accepted it since."""


def is_partial(decision: DecisionView) -> bool:
    return decision.decision == "accepted" and decision.accepted_percent not in (None, WHOLE)


def occurrences(contract: ContractView, milestone: MilestoneView) -> Iterator[Occurrence]:
    """The first one; after its invoice was credited, and the milestone taken up and accepted again, the next, and so on."""
    number, rest = 1, milestone
    while True:
        key = f"milestone:{contract.id}:{milestone.id}:{number}"
        since = _since_taken_up(contract, rest) if key in contract.credited else []
        anew = any(each.decision == "accepted" for each in since)
        yield Occurrence(number=number, milestone=rest, accepted_anew=anew, taken_up=bool(since) and not anew)
        if not anew:
            return
        number, rest = number + 1, replace(rest, decisions=tuple(since))


def _since_taken_up(contract: ContractView, milestone: MilestoneView) -> list[DecisionView]:
    """The decisions since it was taken up again after it was earned."""
    earned = earning(contract, milestone)
    if earned.decision is None or earned.moment is None:
        return []
    history = in_their_order(milestone.decisions)
    after = history[history.index(earned.decision) + 1 :]
    while after and after[0].decision == "accepted":
        after = after[1:]
    return after


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``percent`` of the milestone is accepted in all by ``decision``; ``share`` is what that adds."""

    decision: DecisionView
    moment: datetime
    percent: Decimal
    share: Fraction


def parts(contract: ContractView, milestone: MilestoneView, whole: Earning) -> list[Part]:
    """Acceptances in part that stood, up to the acceptance of the whole, each with what it adds."""
    found: list[Part] = []
    reached = Decimal(0)
    history = in_their_order(milestone.decisions)
    for place, decision in enumerate(history):
        if whole.decision is not None and decision.id == whole.decision.id and whole.moment is not None:
            break
        percent = decision.accepted_percent
        if not is_partial(decision) or percent is None or percent <= reached:
            continue
        if stands(history, place, contract.acceptance_settles_after_days, contract.now):
            share = Fraction(percent - reached) / 100
            found.append(Part(decision=decision, moment=decision.decided_at, percent=percent, share=share))
            reached = percent
    return found


def divided(contract: ContractView, whole: ItemProposal, shares: list[tuple[Part, ItemProposal]]) -> list[ItemProposal]:
    """``whole`` without what its parts bill, and the parts: together the price, net of what is billed already.

    A part that was billed keeps its amount; what a corrected decision changed of it, the next open one takes.
    """
    own = whole.transaction_key
    billed = {
        key: each.amount.minor for key, each in contract.billed.items() if key == own or key.startswith(f"{own}:")
    }
    if whole.amount is None or not (shares or billed):
        return [whole]
    currency, price = whole.amount.currency, whole.amount.minor
    wanted, done = Fraction(0), 0
    found: list[ItemProposal] = []
    for part, item in shares:
        assert item.amount is not None
        wanted += item.amount.minor * part.share
        key = item.transaction_key
        others = sum(minor for other, minor in billed.items() if other not in _keys(found))
        minor = billed[key] if key in billed else min(round_half_up(wanted) - done, price - done - others)
        if minor > 0:
            done += minor
            found.append(_with(item, Money(minor, currency)))
    gone = sum(minor for key, minor in billed.items() if key != own and key not in _keys(found))
    rest = billed.get(own, max(0, price - done - gone))
    return [
        _with(whole, Money(rest, currency)) if rest else replace(whole, ready=False, reasons=("zero_amount",)),
        *found,
    ]


def _keys(items: list[ItemProposal]) -> set[str]:
    return {item.transaction_key for item in items}


def _with(item: ItemProposal, amount: Money) -> ItemProposal:
    return replace(item, amount=amount, unit_price=amount.decimal)
