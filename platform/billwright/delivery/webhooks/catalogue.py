"""The events that can be subscribed to. Names stay; new ones are added."""

from collections.abc import Sequence
from typing import Final

EVENT_TYPES: Final = {
    "draft.blocked": "A check holds the draft; it stands on the exception desk.",
    "draft.void": "The last item left the draft.",
    "invoice.approved": "All steps of the approval matrix are decided.",
    "invoice.issued": "The invoice has its number and its content is frozen.",
    "invoice.document_ready": "The invoice's PDF is stored.",
    "invoice.delivered": "The mail server took the invoice, or it was kept in the mailbox.",
    "invoice.posted": "All ERP connections hold the invoice and the read-back agrees.",
    "invoice.settled": "Nothing is left to pay.",
    "invoice.credited": "Credit notes took back what was left to pay.",
    "dispute.opened": "An amount of an invoice is contested.",
    "dispute.resolved": "A dispute is over.",
    "webhook.test": "Somebody asked for a test of this subscription; nothing happened.",
}
TEST: Final = "webhook.test"
ANY: Final = "*"


def is_pattern(text: str) -> bool:
    """``*``, ``invoice.*`` or the name of an event."""
    return text == ANY or text in EVENT_TYPES or text in {f"{name.partition('.')[0]}.*" for name in EVENT_TYPES}


def matches(patterns: Sequence[str], event_type: str) -> bool:
    family = f"{event_type.partition('.')[0]}.*"
    return event_type == TEST or any(pattern in {ANY, family, event_type} for pattern in patterns)
