"""Where somebody who has to mend a cause goes first: from a reason code to a page of the tenant. Pure."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from billwright.kernel.ids import show


@dataclass(frozen=True, slots=True)
class Mend:
    """``path`` is of the tenant, without a slash in front."""

    label: str
    path: str


ON_CONTRACT: Final = {
    "change_order_unsigned": ("See the change order", "orders"),
    "contract_not_signed": ("See the agreement", "agreement"),
    "contract_terminated": ("See the agreement", "agreement"),
    "billing_is_fixed_price": ("See how the contract is billed", "agreement"),
    "no_rate": ("See the rates", "rates"),
    "rate_ambiguous": ("See the rates", "rates"),
    "not_in_agreement": ("See what was agreed", "milestones"),
    "removed_from_agreement": ("See the change order", "orders"),
    "no_acceptance": ("See the milestone", "milestones"),
    "rejected": ("See what the customer decided", "milestones"),
    "reopened": ("See what the customer decided", "milestones"),
    "acceptance_settling": ("See since when it settles", "milestones"),
    "not_yet_due": ("See when it is due", "milestones"),
    "no_due_date": ("See the milestone", "milestones"),
    "milestones_do_not_match_total": ("See what was agreed", "milestones"),
}
"""Part of the contract's page."""
ELSEWHERE: Final = {
    "contract_unknown": Mend("See held messages", "messages?status=held"),
    "customer_unknown": Mend("See held messages", "messages?status=held"),
    "unknown_currency": Mend("See declared rates", "settings/terms#settlement"),
    "legal_entity_unknown": Mend("See legal entities", "settings"),
    "time_not_approved": Mend("See time to be approved", "work/time?status=submitted"),
    "expense_not_approved": Mend("See expenses to be approved", "work/expenses?status=submitted"),
}


def mend_of(
    code: str, contract_id: UUID | None = None, message_id: UUID | None = None, *, on_contract: bool = False
) -> Mend | None:
    """The first place to look; the message that brought the fact where nothing better is known; None without any.

    ``on_contract``: the reader is on the contract's page already, and sees its milestones.
    """
    if code in ELSEWHERE:
        return ELSEWHERE[code]
    if code in ON_CONTRACT and contract_id is not None:
        label, part = ON_CONTRACT[code]
        if not (on_contract and part == "milestones"):
            return Mend(label, f"contracts/{show('ctr', contract_id)}#{part}")
    if message_id is not None:
        return Mend("See the message it came with", f"messages/{show('msg', message_id)}")
    return None
