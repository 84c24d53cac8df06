"""Opening receivables: rows of the issuing transaction, so that an issued invoice without one cannot exist."""

from uuid import UUID

from billwright.audit.record import entry_values, record_many
from billwright.issuing.events import InvoicesIssued, IssuedInvoice
from billwright.jobs.enqueue import publish
from billwright.kernel.ids import new_id
from billwright.receivables.accounts import Books, read_books
from billwright.receivables.events import ReceivablesOpened
from billwright.receivables.journal import Entry, Line, book
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx


def open_receivables(tx: Tx, event: InvoicesIssued) -> None:
    """Open a receivable and book revenue and tax for each invoice, in the publisher's transaction.

    A constant number of statements. The number is not read: it is taken after this.
    """
    if not event.invoices:
        return
    books = read_books(tx)
    rows, entries, audits = [], [], []
    for invoice in event.invoices:
        content = invoice.content
        receivable_id = new_id()
        row = {
            "id": receivable_id,
            "invoice_id": invoice.invoice_id,
            "legal_entity_id": invoice.legal_entity_id,
            "customer_id": invoice.customer_id,
            "currency": content.currency,
            "gross_minor": content.gross_minor,
            "open_minor": content.gross_minor,
            "issued_on": content.issued_on,
            "due_on": content.due_on,
            "settled_at": None if content.gross_minor else tx.now,
            "number_key": None,
        }
        rows.append(row)
        entries.append(
            Entry(
                legal_entity_id=invoice.legal_entity_id,
                kind="invoice",
                subject_id=invoice.invoice_id,
                booked_on=content.issued_on,
                lines=_lines(invoice, receivable_id, books[invoice.legal_entity_id]),
            )
        )
        after = {"invoice_id": invoice.invoice_id, "gross_minor": content.gross_minor, "currency": content.currency}
        audits.append(entry_values(tx, "receivable.opened", "receivable", receivable_id, after=after))
    insert_many(tx.session, ReceivableRow, rows)
    book(tx, entries)
    record_many(tx, audits)
    customers = {(each.legal_entity_id, each.customer_id, each.content.currency) for each in event.invoices}
    publish(tx, ReceivablesOpened(customers=tuple(sorted(customers))))


def _lines(invoice: IssuedInvoice, receivable_id: UUID, books: Books) -> tuple[Line, ...]:
    """Debit what the customer owes; credit revenue, and tax once per rate."""
    content = invoice.content
    currency = content.currency
    taxes = (Line(account=books.tax, currency=currency, amount_minor=-tax.tax_minor) for tax in content.taxes)
    return (
        Line(
            account=books.receivable,
            currency=currency,
            amount_minor=content.gross_minor,
            receivable_id=receivable_id,
        ),
        Line(account=books.revenue, currency=currency, amount_minor=-content.net_minor),
        *taxes,
    )
