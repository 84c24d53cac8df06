"""Issuing's job: issue what is approved."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.approvals.events import InvoicesApproved
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
    issue_invoices(tx, sorted({job.uuid("invoice_id") for job in jobs}))


def handlers() -> list[Handler]:
    return [Handler(kind="billing.issue", in_transaction=_issue, batch_max=100)]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    InvoicesApproved: (on_invoices_approved,),
}
