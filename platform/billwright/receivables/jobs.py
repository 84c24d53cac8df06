"""What receivables follow: issued invoices and incoming money."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.canon.events import PaymentReceived, RatesLoaded
from billwright.issuing.events import InvoicesIssued
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent
from billwright.receivables.apply_payments import match_payments
from billwright.receivables.examine_rates import look_again
from billwright.receivables.open_receivables import open_receivables
from billwright.receivables.receive_payments import store_payment
from billwright.receivables.tables import PaymentRow
from billwright.tenancy.transaction import Tx


def _apply(tx: Tx, jobs: Sequence[Job]) -> None:
    match_payments(tx, PaymentRow.id.in_(sorted({job.uuid("payment_id") for job in jobs})))


def handlers() -> list[Handler]:
    return [Handler(kind="collections.apply_payment", in_transaction=_apply, batch_max=100)]


SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Tx, Any], None]]]] = {
    InvoicesIssued: (open_receivables,),
    PaymentReceived: (store_payment,),
    RatesLoaded: (look_again,),
}
