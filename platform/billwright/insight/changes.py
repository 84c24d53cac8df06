"""What changed at a tenant since yesterday: in the 24 hours before ``tx.now``, the same for every time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Select, bindparam, func, select

from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.collections.tables import DisputeRow
from billwright.insight.figures import Figures, figure_columns, parameters, to_figures
from billwright.insight.sums import by_key, count, one, total
from billwright.receivables.tables import PaymentApplicationRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

SINCE: Final = timedelta(hours=24)
FAILED: Final = ("posting.failed", "delivery.failed", "delivery.refused", "document.failed")
"""Events of an invoice that did not get out; one that got through at a later attempt is among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Documents and their gross, minor units of one currency."""

    documents: int
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Per currency: ``issued`` invoices, invoices on which money was ``paid`` and how much, ``disputed`` amounts.

    ``exceptions`` were opened since, whether or not they are still open; ``failed`` are invoices that a posting, a delivery
    or a document failed for.
    """

    issued: Mapping[str, Part]
    paid: Mapping[str, Part]
    exceptions: int
    failed: int
    disputed: Mapping[str, Part]

    @property
    def any(self) -> bool:
        return bool(self.issued or self.paid or self.exceptions or self.failed or self.disputed)


def read_standing(tx: Tx) -> tuple[Figures, Changes]:
    """How the tenant stands and what changed. One statement for both."""
    row = tx.session.execute(_statement(), parameters(tx) | {"since": tx.now - SINCE}).one()
    return to_figures(row), _changes(row)


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    """Made once, as that of the figures."""
    return select(*figure_columns(), *_columns())


def _columns() -> list[ColumnElement[Any]]:
    since = bindparam("since", type_=DateTime(timezone=True))
    documents = func.count().label("documents")
    issued = (
        select(InvoiceRow.currency, documents, total(InvoiceRow.gross_minor).label("minor"))
        .where(InvoiceRow.issued_at >= since)
        .group_by(InvoiceRow.currency)
    )
    paid = (
        select(
            ReceivableRow.currency,
            func.count(ReceivableRow.id.distinct()).label("documents"),
            total(PaymentApplicationRow.amount_minor).label("minor"),
        )
        .join(PaymentApplicationRow, PaymentApplicationRow.receivable_id == ReceivableRow.id)
        .where(PaymentApplicationRow.applied_at >= since)
        .group_by(ReceivableRow.currency)
    )
    disputed = (
        select(InvoiceRow.currency, documents, total(DisputeRow.amount_minor).label("minor"))
        .join(DisputeRow, DisputeRow.invoice_id == InvoiceRow.id)
        .where(DisputeRow.opened_at >= since)
        .group_by(InvoiceRow.currency)
    )
    failed = select(func.count(InvoiceEventRow.invoice_id.distinct())).where(
        InvoiceEventRow.at >= since, InvoiceEventRow.event.in_(FAILED)
    )
    return [
        by_key(issued).label("new_issued"),
        by_key(paid).label("new_paid"),
        by_key(disputed).label("new_disputed"),
        count(ExceptionRow, ExceptionRow.opened_at >= since).label("new_exceptions"),
        one(failed).label("new_failed"),
    ]


def _changes(row: AnyRow) -> Changes:
    return Changes(
        issued=_parts(row.new_issued),
        paid=_parts(row.new_paid),
        exceptions=row.new_exceptions,
        failed=row.new_failed,
        disputed=_parts(row.new_disputed),
    )


def _parts(found: Mapping[str, list[int]] | None) -> dict[str, Part]:
    return {each: Part(documents=number, minor=minor) for each, (number, minor) in sorted((found or {}).items())}
