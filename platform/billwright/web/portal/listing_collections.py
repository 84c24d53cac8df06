"""The list of what customers owe."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, and_, select, type_coerce

from billwright.billing.tables import InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.collections.debtors import overdue_debtors
from billwright.collections.remind import policy_of
from billwright.kernel.ids import show
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal import queries_rooms as queries
from billwright.web.portal.listing import AnySelect, Column, Filter, Listing, Sort
from billwright.web.portal.listing_invoices import customer_name

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit


def _receivables(tx: Tx) -> AnySelect:
    return (
        select(
            ReceivableRow,
            InvoiceRow.number,
            CustomerRow.name.label("customer"),
            LegalEntityRow.name.label("entity"),
            type_coerce(today_of_entity(tx) - ReceivableRow.due_on, Integer).label("days_overdue"),
        )
        .join(InvoiceRow, InvoiceRow.id == ReceivableRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == ReceivableRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
    )


def _late(tx: Tx, late: str) -> Any:
    """Open and past its due day in the legal entity's time zone, or all others."""
    overdue = and_(ReceivableRow.open_minor != 0, ReceivableRow.due_on < today_of_entity(tx))
    return overdue if late == "yes" else ~overdue


def _days_late(row: Any) -> int | None:
    return row.days_overdue if row.ReceivableRow.open_minor and row.days_overdue > 0 else None


def _standing(row: Any) -> tuple[str, str]:
    if not row.ReceivableRow.open_minor:
        return "Paid", "done"
    return ("Overdue", "overdue") if row.days_overdue > 0 else ("Open", "quiet")


def _beside(visit: "Visit", tx: Tx) -> Mapping[str, Any]:
    return {
        "disputes": queries.open_disputes(tx),
        "reminders": queries.last_reminders(tx),
        "payments": queries.waiting_payments(tx),
        "debtors": overdue_debtors(tx) if visit.may("reminder:send") and policy_of(tx) else [],
    }


COLLECTIONS: Final = Listing(
    name="collections",
    room="collections",
    path="collections",
    title="Collections",
    rows="open items",
    needs=("receivable:read",),
    template="collections.html",
    beside=_beside,
    query=_receivables,
    identifier=ReceivableRow.id,
    order="due",
    opens=lambda row: f"invoices/{show('inv', row.ReceivableRow.invoice_id)}",
    columns=(
        Column(key="number", label="Invoice", fixed=True, wide=False, value=lambda row: row.number),
        Column(key="customer", label="Customer", under=True, value=lambda row: row.customer),
        Column(key="entity", label="Owed to", default=False, value=lambda row: row.entity),
        Column(
            key="issued", label="Issued", kind="day", default=False, value=lambda row: row.ReceivableRow.issued_on,
        ),
        Column(
            key="due", label="Due", kind="day", wide=False, sort=Sort(ReceivableRow.due_on, date),
            value=lambda row: row.ReceivableRow.due_on,
        ),
        Column(key="state", label="State", kind="status", under=True, value=_standing),
        Column(key="days_late", label="Days late", kind="number", value=_days_late),
        Column(
            key="total", label="Total", kind="money",
            value=lambda row: (row.ReceivableRow.gross_minor, row.ReceivableRow.currency),
        ),
        Column(
            key="open", label="Open", kind="money", wide=False,
            value=lambda row: (row.ReceivableRow.open_minor, row.ReceivableRow.currency),
        ),
    ),
    filters=(
        Filter(key="late", label="Which", choices=(("yes", "Overdue"), ("no", "Not overdue")), where=_late),
        Filter(
            key="paid", label="Paid", choices=(("no", "Not yet"), ("yes", "Yes")),
            where=lambda _tx, paid: (ReceivableRow.open_minor == 0) == (paid == "yes"),
        ),
        Filter(
            key="about", label="Customer contains", kind="text",
            where=lambda _tx, text: CustomerRow.name.icontains(text, autoescape=True),
        ),
        Filter(key="due_from", label="Due from", kind="day", where=lambda _tx, day: ReceivableRow.due_on >= day),
        Filter(key="due_to", label="Due to", kind="day", where=lambda _tx, day: ReceivableRow.due_on <= day),
        Filter(
            key="currency", label="Currency", kind="text", where=lambda _tx, text: ReceivableRow.currency == text.upper(),
        ),
        Filter(
            key="customer", label="Customer", kind="id", prefix="cus", name=customer_name,
            where=lambda _tx, identifier: ReceivableRow.customer_id == identifier,
        ),
    ),
)  # fmt: skip
