"""Use case: a person has mended what kept an invoice from being posted, and asks for another attempt."""

from uuid import UUID

from billwright.audit.record import record
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import Actor
from billwright.posting.errors import PostingStateError
from billwright.posting.jobs import PEOPLE_FIRST, posting_job
from billwright.posting.queries import lock_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def retry_posting(
    database: Database, tenant: Tenant, actor: Actor, posting_id: UUID, *, trace_id: str | None = None
) -> tuple[PostingRow, str]:
    """Ask for another attempt, which looks before it posts; return the posting as it stands and its connection's name.

    Raises:
        PermissionDeniedError: without ``posting:retry``.
        NotFoundError: there is no such posting.
        PostingStateError: it is posted and agrees.
    """
    actor.require("posting:retry")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row, connection = lock_posting(tx, posting_id)
        if row.state == "posted":
            raise PostingStateError("This invoice is posted there and agrees; nothing is left to do.", state=row.state)
        before = row.state
        row.state = "failed"
        record(tx, "posting.retried", "posting", row.id, before={"state": before}, after={"state": row.state})
        enqueue(tx, [posting_job(row.invoice_id, connection, priority=PEOPLE_FIRST)])
    return row, connection
