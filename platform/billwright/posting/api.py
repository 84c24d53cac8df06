"""Postings and their retry."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.posting.queries import list_postings
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

State = Literal["intended", "posted", "failed", "rejected", "mismatch"]
InvoiceId = Annotated[
    str | None, QueryParameter(max_length=60, description="Only the postings of this invoice: `inv_...`.")
]


class PostingView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invoice at one ERP connection. ``error`` and ``remedy`` say what is wrong and what a person can do."""

    id: str
    invoice_id: str
    connection: str
    state: str
    attempts: int
    external_id: str | None
    external_number: str | None
    error: str | None
    remedy: str | None
    intended_at: datetime
    posted_at: datetime | None


def view_posting(row: PostingRow, connection: str) -> PostingView:
    return PostingView(
        id=show("pst", row.id),
        invoice_id=show("inv", row.invoice_id),
        connection=connection,
        state=row.state,
        attempts=row.attempts,
        external_id=row.external_id,
        external_number=row.external_number,
        error=row.error,
        remedy=row.remedy,
        intended_at=row.intended_at,
        posted_at=row.posted_at,
    )


class PostingsController(Controller):
    path = "/v1/postings"
    tags = ("Posting",)

    @get("/", operation_id="listPostings", summary="List postings", sync_to_thread=True, responses=refusals(404, 422))
    def get_postings(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        invoice: InvoiceId = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[PostingView]:
        """Postings, newest first."""
        actor.require("invoice:read")
        invoice_id = read("inv", invoice) if invoice is not None else None
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_postings(tx, state=in_state, invoice_id=invoice_id, limit=limit, cursor=cursor)
        return Page([view_posting(row, name) for row, name in found.rows], found.next_cursor)

    @post(
        "/{posting_id:str}/retry",
        operation_id="retryPosting",
        summary="Retry a posting",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_retry(
        self,
        posting_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> PostingView:
        """Try again after what was wrong is mended; the ERP is asked first whether it has the invoice."""
        return view_posting(*retry_posting(database, tenant, actor, read("pst", posting_id), trace_id=trace_id))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (PostingsController,)
