"""Write-downs and write-ups by people, as they bear on what triggers propose. Pure.

An adjustment is bound to the price that the person saw. When the facts make another one, the item waits until somebody
decides anew: a write-down of half the hours must not become one of all of them.
"""

from dataclasses import replace
from typing import Final

from billwright.extension.views import ItemProposal
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow

OUTDATED: Final = "adjustment_outdated"
REASONS: Final = (OUTDATED,)
NOTES: Final = ("adjusted_by_person",)
ADJUSTED_BY: Final = "person:"
REASON_CODES: Final = {
    "goodwill": "Goodwill",
    "budget_overrun": "Over the budget that was agreed",
    "rework": "Rework of our own",
    "training": "Training of our own people",
    "agreed_price": "Another price was agreed",
    "correction": "Correction of what was entered",
}
"""Why a person may bill another amount: code and words."""


def adjusted(proposal: ItemProposal, adjustment: AnyRow) -> ItemProposal:
    """The proposal at the amount that a person set; what was withdrawn changes nothing.

    Args:
        proposal: As its trigger gives it.
        adjustment: The newest of its item (``ItemAdjustmentRow``).
    """
    if adjustment.withdrawn:
        return proposal
    seen = Money(adjustment.standard_minor, adjustment.currency)
    if proposal.amount != seen:
        return replace(proposal, ready=False, written_down=False, reasons=(*proposal.reasons, OUTDATED))
    amount = Money(adjustment.amount_minor, adjustment.currency)
    nothing = proposal.ready and not amount
    return replace(
        proposal,
        amount=amount,
        standard=proposal.amount,
        adjusted_by=f"{ADJUSTED_BY}{adjustment.reason_code}",
        notes=(*proposal.notes, *NOTES),
        ready=proposal.ready and bool(amount),
        written_down=nothing,
    )
