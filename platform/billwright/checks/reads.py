"""Reads of checks for the API: the exception desk with filters, and what the rules said about one invoice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_

from billwright.canon.tables import CustomerRow
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

FINDINGS_MAX = 200


def exceptions() -> Select[Any]:
    return select(*table_of(ExceptionRow).columns, CustomerRow.name.label("customer_name")).outerjoin(
        CustomerRow, CustomerRow.id == ExceptionRow.customer_id
    )


def due_first(tx: Tx, query: Select[Any], *, limit: int, cursor: str | None) -> Slice[AnyRow]:
    """A page of ``exceptions()``, the one due first on top. A walk meets each row once, but for
    one whose clock is paused meanwhile: it moves on.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = query.order_by(ExceptionRow.due_at, ExceptionRow.id).limit(limit + 1)
    if cursor is not None:
        after = read_cursor(cursor, datetime, UUID)
        query = query.where(tuple_(ExceptionRow.due_at, ExceptionRow.id) > tuple_(*after))
    return cut_page(tx.session.execute(query).all(), limit, lambda row: (row.due_at, row.id))


def findings_of(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """Findings about an invoice, open ones first, then the newest; at most 200."""
    table = table_of(FindingRow)
    query = select(*table.columns).where(table.c.invoice_id == invoice_id)
    query = query.order_by(table.c.resolved_at.is_not(None), table.c.id.desc()).limit(FINDINGS_MAX)
    return list(tx.session.execute(query))


def exceptions_of(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """Open exceptions of an invoice, the one due first on top."""
    query = exceptions().where(ExceptionRow.subject_id == invoice_id, ExceptionRow.closed_at.is_(None))
    return list(tx.session.execute(query.order_by(ExceptionRow.due_at, ExceptionRow.id)))
