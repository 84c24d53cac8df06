"""Documents' jobs: make the PDF of what was issued."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from billwright.documents.render import Renderer, RenderersBusyError
from billwright.documents.render_invoice import RENDER, Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.issuing.einvoices import EinvoiceMaker
from billwright.issuing.events import InvoicesIssued
from billwright.jobs.enqueue import enqueue
from billwright.jobs.failures import LaterError
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx


def plan_rendering(tx: Tx, event: InvoicesIssued) -> None:
    """One job per invoice, if the tenant wants documents. In the issuing transaction, where its configuration is at hand."""
    if read_configuration(tx).render_documents:
        enqueue(
            tx,
            [
                JobSpec(
                    kind=RENDER,
                    key=f"render:{issued.invoice_id}",
                    payload={"invoice_id": issued.invoice_id},
                )
                for issued in event.invoices
            ],
        )


CRASHES_MAX: Final = 3
"""So often is a document tried whose process ended by itself: it may have been ended from outside."""
BUSY_FOR: Final = timedelta(seconds=2)
MARGIN_S: Final = 30


def handlers(
    database: Database, store: FileStore, renderer: Renderer, einvoices: EinvoiceMaker | None = None
) -> list[Handler]:
    """``documents.render``. Its lease outlasts the limits of one document. ``einvoices``: who writes e-invoices."""
    printer = Printer(database, store, renderer, einvoices)

    def render(tenant: Tenant, job: Job) -> None:
        again = job.attempts < CRASHES_MAX
        try:
            render_invoice(printer, tenant, job.uuid("invoice_id"), trace_id=job.trace_id, again=again)
        except RenderersBusyError as error:
            raise LaterError(str(error), at=database.clock.now() + BUSY_FOR) from error

    return [Handler(kind=RENDER, outside=render, attempts_max=20, lease_s=renderer.limits.clock_s + MARGIN_S)]


SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any, Any], None]]]] = {
    InvoicesIssued: (plan_rendering,),
}
