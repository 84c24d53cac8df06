"""Documents that a figure is made of: the same few facts of each, whatever the question."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

DOCUMENTS: Final = 50
"""At most so many are shown, those that matter most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An invoice, or a draft without a number. ``minor`` is what the figure takes of it, gross unless it says otherwise.

    ``took`` is time, ``note`` words, where the question is about them.
    """

    invoice_id: UUID
    number: str | None
    customer: str
    minor: int
    currency: str
    issued_on: date | None
    took: timedelta | None = None
    note: str = ""


def invoices(*more: Any) -> Select[*tuple[Any, ...]]:
    """Invoices with customer and legal entity, and ``more``, for ``to_document``."""
    return (
        select(
            InvoiceRow.id,
            InvoiceRow.number,
            InvoiceRow.gross_minor,
            InvoiceRow.currency,
            InvoiceRow.issued_on,
            CustomerRow.name.label("customer"),
            *more,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
    )


def read_documents(tx: Tx, query: Select[*tuple[Any, ...]], *order: ColumnElement[Any]) -> list[Document]:
    """The first ``DOCUMENTS`` of ``query`` (made by ``invoices``) in that order. One statement."""
    rows = tx.session.execute(query.order_by(*order, InvoiceRow.id).limit(DOCUMENTS))
    return [to_document(row) for row in rows]


def to_document(row: AnyRow) -> Document:
    """``row`` has ``minor``, ``took`` or ``note`` where its query asked for them."""
    extra = row._mapping
    return Document(
        invoice_id=row.id,
        number=row.number,
        customer=row.customer,
        minor=extra.get("minor", row.gross_minor),
        currency=row.currency,
        issued_on=row.issued_on,
        took=extra.get("took"),
        note=extra.get("note") or "",
    )
