"""Are first passes clean? Invoices that no check blocked and no approver returned, by week, and what stopped the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, cast, func, literal, select, true

from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import LegalEntityRow
from billwright.checks.tables import FindingRow
from billwright.insight.documents import Document, invoices, read_documents
from billwright.insight.figures import STOPPED, WINDOW_DAYS, passed_at_first, percent
from billwright.tenancy.transaction import Tx

RETURNED: Final = "returned"
"""The cause of an invoice that an approver gave back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The week that begins on the Monday ``starts_on``."""

    starts_on: date
    issued: int
    clean: int

    @property
    def stopped(self) -> int:
        return self.issued - self.clean

    @property
    def accuracy(self) -> int | None:
        return percent(self.clean, self.issued)


def read_weeks(tx: Tx) -> list[Week]:
    """Weeks of the last 90 days in which something was issued, oldest first. One statement."""
    week = _week()
    query = (
        select(
            week.label("week"),
            func.count().label("issued"),
            func.count().filter(passed_at_first(true())).label("clean"),
        )
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(_recent(tx))
        .group_by(week)
        .order_by(week)
    )
    return [Week(starts_on=row.week, issued=row.issued, clean=row.clean) for row in tx.session.execute(query)]


def read_causes(tx: Tx) -> Mapping[str, int]:
    """Code of a blocking finding, or ``returned`` -> invoices issued in the last 90 days that it stopped; most first.

    An invoice stopped by two is counted with both. One statement.
    """
    blocked = _issued(tx, FindingRow.code, FindingRow, FindingRow.severity == "blocking").group_by(FindingRow.code)
    returned = _issued(tx, literal(RETURNED), InvoiceEventRow, InvoiceEventRow.event == STOPPED[1])
    rows = tx.session.execute(blocked.union_all(returned)).all()
    found = {row.cause: row.invoices for row in rows if row.invoices}
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def documents_of_week(tx: Tx, starts_on: date) -> list[Document]:
    """Invoices of the week that were stopped, the latest first. One statement."""
    query = invoices().where(_recent(tx), _week() == starts_on, ~passed_at_first(true()))
    return read_documents(tx, query, InvoiceRow.issued_at.desc())


def documents_of_cause(tx: Tx, cause: str) -> list[Document]:
    """Invoices that ``cause`` stopped, the latest first. One statement."""
    if cause == RETURNED:
        of = select(InvoiceEventRow.invoice_id).where(InvoiceEventRow.event == STOPPED[1])
    else:
        of = select(FindingRow.invoice_id).where(FindingRow.severity == "blocking", FindingRow.code == cause)
    query = invoices().where(_recent(tx), InvoiceRow.id.in_(of))
    return read_documents(tx, query, InvoiceRow.issued_at.desc())


def _recent(tx: Tx) -> ColumnElement[bool]:
    return InvoiceRow.issued_on > today_of_entity(tx) - WINDOW_DAYS


def _week() -> ColumnElement[date]:
    return cast(func.date_trunc("week", InvoiceRow.issued_on), Date)


def _issued(tx: Tx, cause: Any, row: Any, condition: ColumnElement[bool]) -> Any:
    return (
        select(cause.label("cause"), func.count(InvoiceRow.id.distinct()).label("invoices"))
        .select_from(InvoiceRow)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .join(row, row.invoice_id == InvoiceRow.id)
        .where(_recent(tx), condition)
    )
