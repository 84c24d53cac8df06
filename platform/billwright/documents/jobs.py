"""Documents' jobs: make the PDF of what was issued."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from billwright.documents.store import FileStore
from billwright.issuing.events import InvoicesIssued
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx

if TYPE_CHECKING:
    from billwright.documents.render import Renderer
    from billwright.documents.render_invoice import Printer


def plan_rendering(tx: Tx, event: InvoicesIssued) -> None:
    """One job per invoice, if the tenant wants documents. In the issuing transaction, where its configuration is at hand."""
    if read_configuration(tx).render_documents:
        enqueue(
            tx,
            [
                JobSpec(
                    kind="documents.render",
                    key=f"render:{issued.invoice_id}",
                    payload={"invoice_id": issued.invoice_id},
                )
                for issued in event.invoices
            ],
        )


def handlers(database: Database, store: FileStore, renderer: "Renderer | None" = None) -> list[Handler]:
    """``documents.render``. Without a ``renderer`` one is made at the first document, and kept warm from then on."""
    made: list[Printer] = []

    def printer() -> "Printer":
        if not made:
            # Loaded here: the renderer takes a second to load, and most processes know this job without ever doing it.
            from billwright.documents.render import Renderer  # noqa: PLC0415 - see above
            from billwright.documents.render_invoice import Printer  # noqa: PLC0415 - see above

            made.append(Printer(database, store, renderer or Renderer()))
        return made[0]

    def render(tenant: Tenant, job: Job) -> None:
        from billwright.documents.render_invoice import render_invoice  # noqa: PLC0415  # as above

        render_invoice(printer(), tenant, job.uuid("invoice_id"), trace_id=job.trace_id)

    return [Handler(kind="documents.render", outside=render, attempts_max=20, lease_s=120)]


SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any, Any], None]]]] = {
    InvoicesIssued: (plan_rendering,),
}
