"""Opening receivables: rows of the issuing transaction, so that an issued invoice without one cannot exist."""

from collections import defaultdict
from uuid import UUID

from billwright.audit.record import entry_values, record_many
from billwright.issuing.content import InvoiceContent
from billwright.issuing.events import InvoicesIssued, IssuedInvoice
from billwright.jobs.enqueue import publish
from billwright.kernel.ids import new_id
from billwright.receivables.accounts import Books, read_books
from billwright.receivables.credits import applied_at_issue, split_line, write_applications
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
    ids = {invoice.invoice_id: new_id() for invoice in event.invoices}
    applied = applied_at_issue(tx, event, ids)
    rows, entries, audits = [], [], []
    for invoice in event.invoices:
        content, taken = invoice.content, applied.get(invoice.invoice_id)
        receivable_id = ids[invoice.invoice_id]
        open_minor = content.gross_minor + (taken.amount_minor if taken else 0)
        row = {
            "id": receivable_id,
            "invoice_id": invoice.invoice_id,
            "legal_entity_id": invoice.legal_entity_id,
            "customer_id": invoice.customer_id,
            "currency": content.currency,
            "gross_minor": content.gross_minor,
            "open_minor": open_minor,
            "issued_on": content.issued_on,
            "due_on": content.due_on,
            "settled_at": None if open_minor else tx.now,
            "number_key": None,
            "retained_minor": content.retained_minor,
        }
        rows.append(row)
        entries.append(
            Entry(
                legal_entity_id=invoice.legal_entity_id,
                kind="invoice" if content.credit is None else "credit",
                subject_id=invoice.invoice_id,
                booked_on=content.issued_on,
                lines=split_line(_lines(invoice, receivable_id, books[invoice.legal_entity_id]), receivable_id, taken),
            )
        )
        after = {"invoice_id": invoice.invoice_id, "gross_minor": content.gross_minor, "currency": content.currency}
        audits.append(entry_values(tx, "receivable.opened", "receivable", receivable_id, after=after))
    insert_many(tx.session, ReceivableRow, rows)
    book(tx, entries)
    record_many(tx, audits)
    write_applications(tx, list(applied.values()), "invoice")
    customers = {(each.legal_entity_id, each.customer_id, each.content.currency) for each in event.invoices}
    publish(tx, ReceivablesOpened(customers=tuple(sorted(customers))))


def _lines(invoice: IssuedInvoice, receivable_id: UUID, books: Books) -> tuple[Line, ...]:
    """Debit what the customer owes; credit revenue and tax."""
    content = invoice.content
    owed = Line(
        account=books.receivable,
        currency=content.currency,
        amount_minor=content.gross_minor,
        receivable_id=receivable_id,
        role="receivable",
    )
    return (owed, *earned_lines(content, books))


def earned_lines(content: InvoiceContent, books: Books) -> tuple[Line, ...]:
    """Revenue per account and tax per category and rate, as credits; debits where the content is of a credit note."""
    revenue: defaultdict[str, int] = defaultdict(int)
    for line in content.lines:
        kind = line.transaction_keys[0].partition(":")[0] if line.transaction_keys else ""
        revenue[books.revenue_of(kind, line.tax_category)] += line.net_minor
    earned = [
        Line(account=account, currency=content.currency, amount_minor=-minor, role="revenue")
        for account, minor in revenue.items()
    ]
    taxes = [
        Line(
            account=books.tax_of(tax.category, tax.rate_basis_points),
            currency=content.currency,
            amount_minor=-tax.tax_minor,
            role="tax",
        )
        for tax in content.taxes
    ]
    return (*earned, *taxes)
