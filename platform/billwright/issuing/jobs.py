"""Issuing's job: issue what is approved."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.approvals.events import InvoicesApproved
from billwright.issuing.errors import NumberTakenError, SeriesMissingError
from billwright.issuing.hold_issue import hold_issue
from billwright.issuing.issue_invoices import issue_invoices
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.transaction import Tx


def on_invoices_approved(event: InvoicesApproved) -> list[JobSpec]:
    return [
        JobSpec(kind="billing.issue", key=f"issue:{invoice_id}", payload={"invoice_id": invoice_id})
        for invoice_id in event.invoice_ids
    ]


def _issue(tx: Tx, jobs: Sequence[Job]) -> None:
    """A refusal stops a batch, which is then done one by one; the refused one goes to the exception desk."""
    invoice_ids = sorted({job.uuid("invoice_id") for job in jobs})
    try:
        with tx.session.begin_nested():
            issue_invoices(tx, invoice_ids)
    except (SeriesMissingError, NumberTakenError) as refusal:
        if len(invoice_ids) > 1:
            raise
        hold_issue(tx, invoice_ids[0], refusal)


def handlers() -> list[Handler]:
    return [Handler(kind="billing.issue", in_transaction=_issue, batch_max=100)]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    InvoicesApproved: (on_invoices_approved,),
}
