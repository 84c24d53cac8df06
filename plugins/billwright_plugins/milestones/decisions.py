"""When a milestone is earned: by the customer's decisions, by the contract's signature, or by a date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from billwright.extension.views import ContractView, DecisionView, MilestoneView
from billwright_plugins.pricing import start_of_day

# Two decisions of one moment have no order of their own: a check or a rejection comes before the acceptance that answers
# it, a re-opening after the acceptance that it re-opens. Never the order of arrival.
_PLACE_IN_A_MOMENT: Final = {"in_progress": 0, "rejected": 1, "accepted": 2, "reopened": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Earning:
    """``moment`` when earned; else ``reason`` and, if time alone will change it, ``look_again_at``."""

    moment: datetime | None = None
    decision: DecisionView | None = None
    reopened_later: bool = False
    reason: str | None = None
    look_again_at: datetime | None = None


def earning(contract: ContractView, milestone: MilestoneView) -> Earning:
    """How ``milestone`` stands at ``contract.now``."""
    if milestone.basis == "mobilisation":
        return _by_signature(contract)
    if milestone.acceptance_required:
        return _by_acceptance(milestone.decisions, contract.acceptance_settles_after_days, contract.now)
    if milestone.due_on is not None:
        return _by_date(start_of_day(milestone.due_on), contract.now, "not_yet_due")
    accepted = _by_acceptance(milestone.decisions, contract.acceptance_settles_after_days, contract.now)
    return (
        Earning(reason="no_due_date")
        if accepted.reason in {"no_acceptance", None} and not accepted.moment
        else accepted
    )


def _by_signature(contract: ContractView) -> Earning:
    if contract.signed_on is None:
        return Earning(reason="contract_not_signed")
    return _by_date(start_of_day(contract.signed_on), contract.now, "contract_not_signed")


def _by_date(moment: datetime, now: datetime, reason: str) -> Earning:
    return Earning(moment=moment) if moment <= now else Earning(reason=reason, look_again_at=moment)


def _by_acceptance(decisions: Sequence[DecisionView], settles_after_days: int, now: datetime) -> Earning:
    """The first acceptance that stood undisturbed for the settle time.

    The end of that time does not belong to it: a decision taken then cannot undo what is earned at that very moment.
    """
    history = in_their_order(decisions)
    for position, decision in enumerate(history):
        if decision.decision != "accepted" or decision.accepted_percent not in (None, 100):
            continue
        settled_at = decision.decided_at + timedelta(days=settles_after_days)
        disturbances = [later for later in history[position + 1 :] if later.decision != "accepted"]
        if any(later.decided_at < settled_at for later in disturbances):
            continue
        if now < settled_at:
            return Earning(decision=decision, reason="acceptance_settling", look_again_at=settled_at)
        return Earning(moment=decision.decided_at, decision=decision, reopened_later=bool(disturbances))
    return Earning(reason=_why_not_accepted(history))


def in_their_order(decisions: Sequence[DecisionView]) -> list[DecisionView]:
    """By their moments; decisions of one moment in the order that makes sense of them."""
    return sorted(decisions, key=_place)


def stands(history: Sequence[DecisionView], position: int, settles_after_days: int, now: datetime) -> bool:
    """Whether nothing disturbed the acceptance at ``position`` of ``history`` within the settle time, which is over."""
    settled_at = history[position].decided_at + timedelta(days=settles_after_days)
    later = history[position + 1 :]
    return now >= settled_at and not any(each.decision != "accepted" and each.decided_at < settled_at for each in later)


def _place(decision: DecisionView) -> tuple[datetime, int, int, str]:
    """Of two acceptances of one moment the one with more open items counts, so that they are seen."""
    return (decision.decided_at, _PLACE_IN_A_MOMENT[decision.decision], -decision.items_open, decision.id)


def _why_not_accepted(history: Sequence[DecisionView]) -> str:
    if not history:
        return "no_acceptance"
    last = history[-1].decision
    if last == "rejected":
        return "rejected"
    was_accepted = any(decision.decision == "accepted" for decision in history)
    return "reopened" if last == "reopened" or was_accepted else "no_acceptance"
