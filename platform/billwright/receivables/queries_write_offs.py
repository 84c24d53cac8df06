"""Reads of write-offs."""

from uuid import UUID

from sqlalchemy import select

from billwright.kernel.paging import LIMIT_DEFAULT, Slice, cut_page, read_cursor
from billwright.receivables.tables import WriteOffRow
from billwright.tenancy.transaction import Tx


def list_write_offs(
    tx: Tx, *, state: str | None = None, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> Slice[WriteOffRow]:
    """Write-offs, the latest first. One statement."""
    query = select(WriteOffRow)
    if state is not None:
        query = query.where(WriteOffRow.state == state)
    if cursor:
        (before,) = read_cursor(cursor, UUID)
        query = query.where(WriteOffRow.id < before)
    rows = tx.session.scalars(query.order_by(WriteOffRow.id.desc()).limit(limit + 1)).all()
    return cut_page(rows, limit, lambda row: (row.id,))
