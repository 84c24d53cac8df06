"""What an event says about its object: a handful of facts and the identifiers to ask for the rest."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import select

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.kernel.amount_out import amount_out
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

Facts = dict[str, Any]
Describer = Callable[[Tx, Sequence[UUID]], Mapping[UUID, Facts]]
"""Object ids to their facts; one statement for any number. What is not found has no facts but its id."""


def describe_invoices(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, Facts]:
    """Number, customer, amounts and dates. A draft's may still change; those of an issued invoice never do."""
    query = (
        select(
            InvoiceRow.id, InvoiceRow.number, InvoiceRow.currency, InvoiceRow.net_minor, InvoiceRow.tax_minor,
            InvoiceRow.gross_minor, InvoiceRow.issued_on, InvoiceRow.due_on, InvoiceRow.customer_id, CustomerRow.name,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(InvoiceRow.id.in_(invoice_ids))
    )  # fmt: skip
    return {row.id: _invoice(row) for row in tx.session.execute(query)}


def _invoice(row: AnyRow) -> Facts:
    facts = {
        "number": row.number,
        "customer": {"id": show("cus", row.customer_id), "name": row.name},
        "net": amount_out(row.net_minor, row.currency),
        "tax": amount_out(row.tax_minor, row.currency),
        "gross": amount_out(row.gross_minor, row.currency),
        "issued_on": row.issued_on,
        "due_on": row.due_on,
    }
    return cast("Facts", plain(facts))


PREFIX_OF: Final = {"invoice": "inv", "dispute": "dis", "subscription": "whk"}


def nothing_more(_tx: Tx, _ids: Sequence[UUID]) -> dict[UUID, Facts]:
    """For objects of which the identifier says enough."""
    return {}
