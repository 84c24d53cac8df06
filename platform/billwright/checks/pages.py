"""What the exception desk shows: the queue by due time, and how many wait for whom."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, tuple_

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.checks.tables import ExceptionRow
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

ROWS: Final = 50


def desk(
    tx: Tx, *, owners: Collection[str] | None = None, technical: bool | None = None, cursor: str | None = None
) -> Slice[AnyRow]:
    """Open exceptions, the one due first on top; one query.

    ``owners`` narrows to those roles, ``technical`` to technical or business failures.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = (
        select(
            ExceptionRow,
            CustomerRow.name.label("customer"),
            InvoiceRow.id.label("invoice_id"),
            InvoiceRow.number,
            InvoiceRow.phase,
            InvoiceRow.detail,
        )
        .outerjoin(CustomerRow, CustomerRow.id == ExceptionRow.customer_id)
        .outerjoin(InvoiceRow, InvoiceRow.id == ExceptionRow.subject_id)
        .where(ExceptionRow.closed_at.is_(None))
        .order_by(ExceptionRow.due_at, ExceptionRow.id)
        .limit(ROWS + 1)
    )
    if owners is not None:
        query = query.where(ExceptionRow.owner_role.in_(owners))
    if technical is not None:
        query = query.where(ExceptionRow.technical.is_(technical))
    if cursor:
        query = query.where(tuple_(ExceptionRow.due_at, ExceptionRow.id) > tuple_(*read_cursor(cursor, datetime, UUID)))
    rows = list(tx.session.execute(query))
    return cut_page(rows, ROWS, lambda row: (row.ExceptionRow.due_at, row.ExceptionRow.id))


def waiting_by_owner(tx: Tx) -> dict[str, int]:
    """How many open exceptions each role owns, most first; one query."""
    counted = func.count()
    query = (
        select(ExceptionRow.owner_role, counted)
        .where(ExceptionRow.closed_at.is_(None))
        .group_by(ExceptionRow.owner_role)
        .order_by(counted.desc(), ExceptionRow.owner_role)
    )
    return {row[0]: row[1] for row in tx.session.execute(query)}
