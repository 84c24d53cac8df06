"""Reads of postings."""

from uuid import UUID

from sqlalchemy import select

from billwright.intake.tables import ConnectionRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.posting.tables import PostingRow
from billwright.tenancy.transaction import Tx


def list_postings(
    tx: Tx, *, state: str | None = None, invoice_id: UUID | None = None, limit: int, cursor: str | None = None
) -> Slice[tuple[PostingRow, str]]:
    """Postings with the names of their connections, newest first."""
    query = (
        select(PostingRow, ConnectionRow.name)
        .join(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .order_by(PostingRow.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(PostingRow.state == state)
    if invoice_id is not None:
        query = query.where(PostingRow.invoice_id == invoice_id)
    if cursor is not None:
        query = query.where(PostingRow.id < read_cursor(cursor, UUID)[0])
    found = [(row, name) for row, name in tx.session.execute(query)]
    return cut_page(found, limit, lambda pair: (pair[0].id,))


def lock_posting(tx: Tx, posting_id: UUID) -> tuple[PostingRow, str]:
    """The posting, locked, and the name of its connection.

    Raises:
        NotFoundError: there is none.
    """
    query = (
        select(PostingRow, ConnectionRow.name)
        .join(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .where(PostingRow.id == posting_id)
        .with_for_update(of=PostingRow)
    )
    found = tx.session.execute(query).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no posting {show('pst', posting_id)} here.")
    return found[0], found[1]
