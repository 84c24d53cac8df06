"""After the numbers are taken: receivables can be found by them, and money that came before its invoice is applied."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from billwright.billing.tables import InvoiceRow
from billwright.receivables import queries
from billwright.receivables.apply_payments import match_payments, settle
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx


def follow_opened(tx: Tx, customer_ids: Collection[UUID], currencies: Collection[str]) -> None:
    """Make new receivables of ``customer_ids`` findable by number and match the payments that wait. Safe to call twice.

    Payments are locked first and receivables in their order, as everywhere, so that nobody deadlocks.
    """
    which = queries.waiting_for(customer_ids, currencies)
    waiting = queries.lock_payments(tx, which)
    _name(tx, customer_ids)
    if waiting:
        match_payments(tx, which)


def _name(tx: Tx, customer_ids: Collection[UUID]) -> None:
    """Give receivables without one their number key; what is over nothing is settled."""
    new = select(ReceivableRow.id).where(
        ReceivableRow.number_key.is_(None), ReceivableRow.customer_id.in_(sorted(customer_ids))
    )
    ids = tx.session.scalars(new.order_by(ReceivableRow.id).with_for_update()).all()
    if not ids:
        return
    bare = func.regexp_replace(InvoiceRow.number, "[^A-Za-z0-9]", "", "g")  # as matching.number_key
    found: Any = tx.session.execute(
        update(ReceivableRow)
        .where(ReceivableRow.id.in_(ids), ReceivableRow.invoice_id == InvoiceRow.id, InvoiceRow.number.is_not(None))
        .values(number_key=func.upper(bare))
        .returning(ReceivableRow.invoice_id, ReceivableRow.gross_minor, ReceivableRow.open_minor)
        .execution_options(synchronize_session=False)
    )
    rows = list(found)
    settle(tx, sorted(row.invoice_id for row in rows if row.gross_minor == 0), detail="nothing_due")
    settle(tx, sorted(row.invoice_id for row in rows if row.gross_minor < 0 == row.open_minor), detail="applied")
