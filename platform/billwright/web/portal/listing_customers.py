"""The list of customers: who owes what, and how each is billed. One statement reads a row's amounts in all currencies."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, null, or_, select

from billwright.canon.tables import CustomerRow
from billwright.kernel.ids import show
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal import queries_customers as queries
from billwright.web.portal import words
from billwright.web.portal.listing import AnySelect, Column, Filter, Listing, Sort

MONEY: Final = "receivable:read"
LANGUAGES: Final = {"en": "English", "de": "German", "fr": "French"}


def _customers(tx: Tx) -> AnySelect:
    """What the person may not see is not even read."""
    money, invoices = tx.actor.may(MONEY), tx.actor.may("invoice:read")
    return select(
        CustomerRow,
        (queries.owed_now(tx) if money else null()).label("owed"),
        (queries.last_reminder() if money else null()).label("reminder"),
        (queries.last_invoice() if invoices else null()).label("invoice"),
    )


def _which(tx: Tx, which: str) -> Any:
    tx.actor.require(MONEY)
    return queries.which_customers(tx)[which]


def _owes_in(tx: Tx, currency: str) -> Any:
    tx.actor.require(MONEY)
    owing = and_(ReceivableRow.open_minor > 0, ReceivableRow.currency == currency.upper())
    return CustomerRow.id.in_(select(ReceivableRow.customer_id).where(owing))


def _counts(tx: Tx) -> Mapping[str, int]:
    return queries.customer_counts(tx, money=tx.actor.may(MONEY))


def _amounts(name: str) -> Callable[[Any], list[tuple[int, str]] | None]:
    """The value of a column of amounts: those of ``Owed`` that are not zero."""

    def value(row: Any) -> list[tuple[int, str]] | None:
        owed = queries.read_owed(row.owed)
        return [(minor, each.currency) for each in owed if (minor := getattr(each, name))] or None

    return value


def _reminders(row: Any) -> words.Status | None:
    """Whether disputes hold reminders back."""
    disputed = [each for each in queries.read_owed(row.owed) if each.disputed_minor]
    if not disputed:
        return None
    stopped = all(each.reminders_stopped for each in disputed)
    return ("Stopped by disputes", "blocked") if stopped else ("Part in dispute", "waiting")


def _invoice(value: Callable[[queries.LastInvoice], Any]) -> Callable[[Any], Any]:
    """The value of a column about the invoice that was issued last."""

    def of_row(row: Any) -> Any:
        invoice = queries.read_last_invoice(row.invoice)
        return None if invoice is None else value(invoice)

    return of_row


def _legal_name(row: Any) -> str | None:
    """Where it says more than the name."""
    legal: str = row.CustomerRow.legal_name
    return legal if legal not in {"", row.CustomerRow.name} else None


def _reminded(row: Any) -> datetime | None:
    reminder = queries.read_last_reminder(row.reminder)
    return reminder[1] if reminder else None


CUSTOMERS: Final = Listing(
    name="customers",
    room="customers",
    path="customers",
    title="Customers",
    rows="customers",
    needs=("customer:read",),
    template="customers.html",
    beside=lambda _visit, _tx: {"invoice_of": queries.read_last_invoice, "reminder_of": queries.read_last_reminder},
    query=_customers,
    identifier=CustomerRow.id,
    order="name",
    counts=_counts,
    currencies=queries.owed_currencies,
    opens=lambda row: f"customers/{show('cus', row.CustomerRow.id)}",
    columns=(
        Column(
            key="name", label="Customer", fixed=True, wide=False, sort=Sort(CustomerRow.name, str),
            value=lambda row: row.CustomerRow.name,
        ),
        Column(key="legal", label="Legal name", within=True, value=_legal_name),
        Column(
            key="po", label="Purchase order", within=True,
            value=lambda row: "Demands a purchase order" if row.CustomerRow.po_required else None,
        ),
        Column(
            key="open", label="Open", kind="amounts", wide=False, needs=(MONEY,), value=_amounts("open_minor"),
        ),
        Column(
            key="overdue", label="Overdue", kind="amounts", wide=False, needs=(MONEY,), value=_amounts("overdue_minor"),
        ),
        Column(
            key="disputed", label="In dispute", kind="amounts", default=False, needs=(MONEY,),
            value=_amounts("disputed_minor"),
        ),
        Column(key="reminders", label="Reminders", kind="status", needs=(MONEY,), value=_reminders),
        Column(
            key="reminded", label="Last reminded", kind="moment", default=False, needs=(MONEY,),
            value=_reminded,
        ),
        Column(key="invoice", label="Last invoice", needs=("invoice:read",), value=_invoice(lambda each: each.number)),
        Column(
            key="issued", label="Last issued", kind="day", default=False, needs=("invoice:read",),
            value=_invoice(lambda each: each.issued_on),
        ),
        Column(
            key="amount", label="Last amount", kind="money", default=False, needs=("invoice:read",),
            value=_invoice(lambda each: (each.gross_minor, each.currency)),
        ),
        Column(
            key="email", label="Invoices go to", default=False, value=lambda row: row.CustomerRow.billing_email,
        ),
        Column(key="tax", label="Tax number", default=False, value=lambda row: row.CustomerRow.tax_id or None),
        Column(
            key="terms", label="Payment terms in days", kind="number", default=False,
            value=lambda row: row.CustomerRow.payment_terms_days,
        ),
        Column(
            key="language", label="Language", default=False,
            value=lambda row: LANGUAGES.get(row.CustomerRow.language, row.CustomerRow.language),
        ),
    ),
    filters=(
        Filter(
            key="which", label="What they owe", where=_which,
            choices=(("overdue", "Overdue"), ("open", "Something open"), ("disputed", "In dispute")),
        ),
        Filter(
            key="about", label="Name contains", kind="text",
            where=lambda _tx, text: or_(
                CustomerRow.name.icontains(text, autoescape=True), CustomerRow.legal_name.icontains(text, autoescape=True)
            ),
        ),
        Filter(key="currency", label="Owes in the currency", kind="text", where=_owes_in),
        Filter(
            key="po", label="Purchase order", choices=(("yes", "Demanded"), ("no", "Not demanded")),
            where=lambda _tx, po: CustomerRow.po_required.is_(po == "yes"),
        ),
    ),
)  # fmt: skip
