"""How fast are we paid? Days outstanding, days from issue to payment, and what is open by age, per currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Date, Integer, case, cast, func, select, type_coerce

from billwright.billing.tables import InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import LegalEntityRow
from billwright.insight.documents import Document, invoices, read_documents
from billwright.insight.figures import WINDOW_DAYS, dso_days
from billwright.insight.sums import total
from billwright.receivables.ageing import Bucket
from billwright.receivables.queries import read_ageing
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx

AGES: Final[Mapping[Bucket, str]] = {
    "not_due": "Not due yet",
    "1_30": "1 to 30 days late",
    "31_60": "31 to 60 days late",
    "61_90": "61 to 90 days late",
    "over_90": "More than 90 days late",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """One currency. ``dso`` as ``figures.dso_days`` says; ``ages`` are open minor units by days past the due date.

    ``settled`` invoices were paid in full in the last 90 days; half of them within ``median_days`` of their date.
    """

    currency: str
    dso: int | None
    billed_minor: int
    open_minor: int
    settled: int
    median_days: int | None
    ages: Mapping[Bucket, int]


def read_paid(tx: Tx) -> list[Paid]:
    """By currency. Two statements."""
    today = today_of_entity(tx)
    settled_on = cast(func.timezone(LegalEntityRow.time_zone, ReceivableRow.settled_at), Date)
    recent = settled_on > today - WINDOW_DAYS
    took = type_coerce(settled_on - ReceivableRow.issued_on, Integer)
    query = (
        select(
            ReceivableRow.currency,
            total(ReceivableRow.gross_minor, ReceivableRow.issued_on > today - WINDOW_DAYS).label("billed"),
            total(ReceivableRow.open_minor, ReceivableRow.open_minor > 0).label("open"),
            func.least(WINDOW_DAYS, func.max(today - ReceivableRow.issued_on) + 1).label("days"),
            func.count().filter(recent).label("settled"),
            func.percentile_disc(0.5).within_group(case((recent, took))).label("median_days"),
        )
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .group_by(ReceivableRow.currency)
        .order_by(ReceivableRow.currency)
    )
    rows = tx.session.execute(query).all()
    ages = {each.currency: each.by_bucket for each in read_ageing(tx)}
    return [
        Paid(
            currency=row.currency,
            dso=dso_days(row.open, row.billed, row.days),
            billed_minor=row.billed,
            open_minor=row.open,
            settled=row.settled,
            median_days=row.median_days,
            ages=ages.get(row.currency) or dict.fromkeys(AGES, 0),
        )
        for row in rows
    ]


def documents_of_age(tx: Tx, currency: str, bucket: Bucket) -> list[Document]:
    """Open invoices of that age, the one due first on top; the amount is what is open. One statement."""
    late = type_coerce(today_of_entity(tx) - ReceivableRow.due_on, Integer)
    lowest, highest = _DAYS[bucket]
    query = (
        invoices(ReceivableRow.open_minor.label("minor"))
        .join(ReceivableRow, ReceivableRow.invoice_id == InvoiceRow.id)
        .where(ReceivableRow.open_minor != 0, ReceivableRow.currency == currency, late.between(lowest, highest))
    )
    return read_documents(tx, query, ReceivableRow.due_on.asc())


_DAYS: Final[Mapping[Bucket, tuple[int, int]]] = {
    "not_due": (-100_000, 0),
    "1_30": (1, 30),
    "31_60": (31, 60),
    "61_90": (61, 90),
    "over_90": (91, 100_000),
}
