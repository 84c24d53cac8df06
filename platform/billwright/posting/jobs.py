"""Posting's jobs: bring what was issued into the tenant's ERP connections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from billwright.canon.events import CustomersTouched
from billwright.issuing.events import InvoicesIssued
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.posting.post_invoice import Books, post_invoice
from billwright.posting.verify_vat_id import plan_checks, verify_vat_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tenant, Tx

PEOPLE_FIRST: Final = 10


def posting_job(invoice_id: UUID, connection: str, *, priority: int = 0) -> JobSpec:
    """The job that posts the invoice to ``connection``; one at a time."""
    return JobSpec(
        kind="connectors.post",
        key=f"post:{invoice_id}:{connection}",
        payload={"invoice_id": invoice_id, "connection": connection},
        priority=priority,
    )


def plan_posting(tx: Tx, event: InvoicesIssued) -> None:
    """One job per invoice and ERP connection. In the issuing transaction, where the tenant's configuration is at hand."""
    connections = read_configuration(tx).erp_connections
    enqueue(tx, [posting_job(issued.invoice_id, name) for issued in event.invoices for name in connections])


def handlers(books: Books) -> list[Handler]:
    def post(tenant: Tenant, job: Job) -> None:
        connection = str(job.payload["connection"])
        post_invoice(books, tenant, job.uuid("invoice_id"), connection, trace_id=job.trace_id)

    def system(job: Job) -> str:
        return f"connection:{job.payload['connection']}"

    def verify(tenant: Tenant, job: Job) -> None:
        verify_vat_id(books, tenant, job.uuid("customer_id"), trace_id=job.trace_id)

    return [
        Handler(kind="connectors.post", outside=post, attempts_max=20, lease_s=300, breaker=system),
        Handler(kind="connectors.verify_vat_id", outside=verify, attempts_max=20, lease_s=300),
    ]


SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any, Any], None]]]] = {
    InvoicesIssued: (plan_posting,),
    CustomersTouched: (plan_checks,),
}
