"""After the numbers are taken: receivables can be found by them, and money that came before its invoice is applied."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import func, update

from billwright.billing.tables import InvoiceRow
from billwright.receivables import queries
from billwright.receivables.apply_payments import match_payments, settle
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx


def follow_opened(tx: Tx, customer_ids: Collection[UUID], currencies: Collection[str]) -> None:
    """Make new receivables of ``customer_ids`` findable by number and match the payments that wait. Safe to call twice."""
    bare = func.regexp_replace(InvoiceRow.number, "[^A-Za-z0-9]", "", "g")  # as matching.number_key
    found: Any = tx.session.execute(
        update(ReceivableRow)
        .where(
            ReceivableRow.invoice_id == InvoiceRow.id,
            ReceivableRow.number_key.is_(None),
            ReceivableRow.customer_id.in_(sorted(customer_ids)),
            InvoiceRow.number.is_not(None),
        )
        .values(number_key=func.upper(bare))
        .returning(ReceivableRow.invoice_id, ReceivableRow.gross_minor)
        .execution_options(synchronize_session=False)
    )
    settle(tx, sorted(row.invoice_id for row in found if row.gross_minor == 0), detail="nothing_due")
    match_payments(tx, queries.waiting_for(customer_ids, currencies))
