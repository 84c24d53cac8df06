"""Which domain events are told to whom subscribed to webhooks. Here, because the rooms do not know each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from billwright.approvals.events import InvoicesApproved
from billwright.billing.events import DraftsEmptied
from billwright.checks.events import DraftBlocked
from billwright.collections.events import DisputeOpened, DisputesResolved
from billwright.delivery.events import InvoiceDelivered
from billwright.delivery.webhooks.announce import Announcement, announce
from billwright.documents.events import InvoiceRendered
from billwright.issuing.events import InvoicesIssued
from billwright.kernel.events import DomainEvent
from billwright.posting.events import InvoicePosted
from billwright.receivables.events import InvoicesCredited, ReceivablesSettled
from billwright.tenancy.transaction import Tx

Follower = Callable[[Tx, Any], None]


def _telling(event_type: str, ids_of: Callable[[Any], Sequence[UUID]], *, kind: str = "invoice") -> Follower:
    def follow(tx: Tx, event: Any) -> None:
        announce(tx, [Announcement(event_type, kind, each) for each in ids_of(event)])

    return follow


def _one(event: Any) -> Sequence[UUID]:
    return (event.invoice_id,)


def _many(event: Any) -> Sequence[UUID]:
    ids: Sequence[UUID] = event.invoice_ids
    return ids


def _issued(event: InvoicesIssued) -> Sequence[UUID]:
    return [each.invoice_id for each in event.invoices]


ANNOUNCED: Final[Mapping[type[DomainEvent], Follower]] = {
    DraftBlocked: _telling("draft.blocked", _one),
    DraftsEmptied: _telling("draft.void", _many),
    InvoicesApproved: _telling("invoice.approved", _many),
    InvoicesIssued: _telling("invoice.issued", _issued),
    InvoiceRendered: _telling("invoice.document_ready", _one),
    InvoiceDelivered: _telling("invoice.delivered", _one),
    InvoicePosted: _telling("invoice.posted", _one),
    ReceivablesSettled: _telling("invoice.settled", _many),
    InvoicesCredited: _telling("invoice.credited", _many),
    DisputeOpened: _telling("dispute.opened", lambda event: (event.dispute_id,), kind="dispute"),
    DisputesResolved: _telling("dispute.resolved", lambda event: event.dispute_ids, kind="dispute"),
}
