"""Pure: an invoice as the rows of one balanced journal entry, and those rows as the document they came from."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from billwright.extension.connectors import PostedDocument, PostingInvoice, RejectedError
from billwright_connectors.csv_journal.manifest import Settings

COLUMNS: Final[tuple[str, ...]] = (
    "entry_key",
    "document",
    "date",
    "due_date",
    "legal_entity",
    "kind",
    "account",
    "tax",
    "customer_key",
    "customer",
    "text",
    "currency",
    "debit",
    "credit",
)
Row = dict[str, str]

# A cell that begins like this is run as a formula by common spreadsheets, also when its full-width twin or a blank comes
# first. The apostrophe is in the list so that taking one away again is always right.
_RISKY: Final = tuple("=+-@'|%\t\r\n＝＋－＠")


def guard(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula; ``unguard`` gives it back."""
    return f"'{text}" if text.lstrip(" ").startswith(_RISKY) else text


def unguard(cell: str) -> str:
    return cell.removeprefix("'")


def decimal_text(minor: int, digits: int) -> str:
    """Minor units as a plain decimal: ``(123450, 2)`` is ``1234.50``. Exact: integers only."""
    sign = "-" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def minor_of(text: str) -> int:
    """The minor units that ``decimal_text`` wrote. The decimals in the file are the currency's."""
    return int(text.replace(".", "")) if text else 0


def tax_key(category: str, rate_basis_points: int) -> str:
    return f"{category}:{rate_basis_points}"


def entry_rows(invoice: PostingInvoice, settings: Settings) -> list[Row]:
    """One row per receivable, line and tax; debits equal credits.

    Raises:
        RejectedError: the amounts of ``invoice`` do not add up, so no balanced entry can be made of it.
    """
    _check_balance(invoice)
    gross = _row(invoice, "receivable", settings.receivable_account, "", f"Invoice {invoice.number}")
    rows = [gross | _sides(invoice.gross_minor, invoice.currency_digits, debit=True)]
    for line in invoice.lines:
        account = line.revenue_account or settings.revenue_account
        tax = tax_key(line.tax_category, line.tax_rate_basis_points)
        row = _row(invoice, "revenue", account, tax, line.description)
        rows.append(row | _sides(line.net_minor, invoice.currency_digits, debit=False))
    for total in invoice.taxes:
        tax = tax_key(total.category, total.rate_basis_points)
        taxable = decimal_text(total.taxable_minor, invoice.currency_digits)
        percent = Decimal(total.rate_basis_points).scaleb(-2)
        row = _row(
            invoice, "tax", settings.tax_accounts.get(tax, settings.tax_account), tax, f"{percent} % of {taxable}"
        )
        rows.append(row | _sides(total.tax_minor, invoice.currency_digits, debit=False))
    return rows


def posted_document(rows: Sequence[Row], *, file: str) -> PostedDocument:
    """The document that the rows of one entry in ``file`` stand for."""
    first = rows[0]

    def total(kind: str, positive: str, negative: str) -> int:
        mine = [row for row in rows if row["kind"] == kind]
        return sum(minor_of(row[positive]) - minor_of(row[negative]) for row in mine)

    return PostedDocument(
        external_id=f"{file}#{unguard(first['entry_key'])}",
        number=unguard(first["document"]),
        state="written",
        party=unguard(first["customer"]),
        party_key=unguard(first["customer_key"]),
        issued_on=date.fromisoformat(first["date"]),
        currency=first["currency"],
        net_minor=total("revenue", "credit", "debit"),
        tax_minor=total("tax", "credit", "debit"),
        gross_minor=total("receivable", "debit", "credit"),
    )


def to_csv(rows: Iterable[Row], *, header: bool) -> bytes:
    """RFC 4180: comma, CRLF, quotes doubled; UTF-8 without byte-order mark."""
    text = io.StringIO(newline="")
    writer: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def from_csv(data: bytes, *, file: str) -> list[Row]:
    """The rows in ``data``.

    Raises:
        RejectedError: the header is not ours: somebody saved the file in another shape.
    """
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise _not_ours(file, str(error)) from None
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise _not_ours(file, "its first row is not the header of the journal")
    return rows


def _not_ours(file: str, reason: str) -> RejectedError:
    return RejectedError(
        f"The journal file {file} cannot be read: {reason}.",
        remedy="Put the file back as it was written (comma-separated, UTF-8), or move it out of the folder.",
    )


def _row(invoice: PostingInvoice, kind: str, account: str, tax: str, text: str) -> Row:
    return {
        "entry_key": guard(invoice.key),
        "document": guard(invoice.number),
        "date": invoice.issued_on.isoformat(),
        "due_date": invoice.due_on.isoformat(),
        "legal_entity": guard(invoice.legal_entity),
        "kind": kind,
        "account": guard(account),
        "tax": guard(tax),
        "customer_key": guard(invoice.customer_key),
        "customer": guard(invoice.customer_name),
        "text": guard(text),
        "currency": invoice.currency,
    }


def _sides(minor: int, digits: int, *, debit: bool) -> Row:
    """A negative debit is a credit, so that no cell holds a minus sign."""
    amount = decimal_text(abs(minor), digits)
    return {"debit": amount, "credit": ""} if debit == (minor >= 0) else {"debit": "", "credit": amount}


def _check_balance(invoice: PostingInvoice) -> None:
    lines = sum(line.net_minor for line in invoice.lines)
    taxes = sum(tax.tax_minor for tax in invoice.taxes)
    if (lines, taxes, lines + taxes) != (invoice.net_minor, invoice.tax_minor, invoice.gross_minor):
        raise RejectedError(
            f"Invoice {invoice.number} does not balance: its lines come to {lines} and its taxes to {taxes}, its totals "
            f"say net {invoice.net_minor}, tax {invoice.tax_minor}, gross {invoice.gross_minor} "
            f"(minor units of {invoice.currency}).",
            remedy="Nothing was written. Correct the invoice by a credit note and a new invoice.",
        )
