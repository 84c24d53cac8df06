"""Whether database, e-invoice and PDF say the same: one comparison, for tests and for the check of what is stored."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from sqlalchemy import select

from billwright.billing.tables import InvoiceRow
from billwright.documents.einvoice_of import EINVOICE, EMBEDDED
from billwright.documents.errors import DocumentDamagedError
from billwright.documents.format import amount as printed_amount
from billwright.documents.format import language_of
from billwright.documents.queries import INVOICE_PDF
from billwright.documents.tables import DocumentRow
from billwright.einvoice.from_content import CREDIT_NOTE, INVOICE, amount
from billwright.einvoice.model import Invoice, Totals
from billwright.extension.connectors import TransientError
from billwright.insight.invariants_base import Offender, Scope
from billwright.issuing.content import InvoiceContent
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.ids import show

ROWS_AT_ONCE: Final = 200
_BLANKS: Final = re.compile(r"[\s\u00a0\u2060\u202f]+")


def disagreements(
    content: InvoiceContent, number: str, *, einvoice: Invoice | None = None, pdf_text: str | None = None
) -> list[str]:
    """Where ``einvoice`` (as read back) and ``pdf_text`` (all text of the PDF) differ from the frozen content, as sentences."""
    found = [] if einvoice is None else _of_einvoice(content, number, einvoice)
    return found if pdf_text is None else found + _of_pdf(content, number, pdf_text)


def _of_einvoice(content: InvoiceContent, number: str, read: Invoice) -> list[str]:
    credit = content.document_type == "credit_note"
    sign = -1 if credit else 1
    totals = read.totals or Totals()
    pairs: list[tuple[str, object, object]] = [
        ("number", number, read.number),
        ("kind", CREDIT_NOTE if credit else INVOICE, read.type_code),
        ("issue date", content.issued_on, read.issued_on),
        ("currency", content.currency, read.currency),
        ("seller", content.seller.legal_name, read.seller and read.seller.name),
        ("buyer", content.buyer.legal_name, read.buyer and read.buyer.name),
        ("net amount", amount(sign * content.net_minor, content.currency), totals.net),
        ("tax", amount(sign * content.tax_minor, content.currency), totals.vat),
        ("total", amount(sign * content.gross_minor, content.currency), totals.gross),
        (
            "lines",
            [amount(sign * line.net_minor, content.currency) for line in content.lines],
            [line.net for line in read.lines],
        ),
        ("tax breakdown", _breakdown(content, sign), sorted(((v.category, v.taxable, v.vat) for v in read.vat), key=str)),
    ]  # fmt: skip
    return [f"The e-invoice's {name} is {there}; frozen is {here}." for name, here, there in pairs if here != there]


def _breakdown(content: InvoiceContent, sign: int) -> object:
    """Taxable amount and tax by category and rate, as the e-invoice has them: one row whatever the reasons."""
    rows: dict[tuple[str, int], tuple[int, int]] = {}
    for tax in content.taxes:
        taxable, due = rows.get((tax.category, tax.rate_basis_points), (0, 0))
        rows[tax.category, tax.rate_basis_points] = (taxable + tax.taxable_minor, due + tax.tax_minor)
    shown = (
        (category, amount(sign * taxable, content.currency), amount(sign * due, content.currency))
        for (category, _), (taxable, due) in rows.items()
    )
    return sorted(shown, key=str)


def _of_pdf(content: InvoiceContent, number: str, text: str) -> list[str]:
    sign = -1 if content.document_type == "credit_note" else 1
    language = language_of(content.language)
    squeezed = _BLANKS.sub("", text)
    amounts = [("net amount", content.net_minor), ("total", content.gross_minor)]
    amounts += [("tax", tax.tax_minor) for tax in content.taxes]
    amounts += [(f"amount of line {line.position}", line.net_minor) for line in content.lines]
    printed = [(name, printed_amount(sign * minor, content.currency, language)) for name, minor in amounts]
    return [
        f"The PDF does not show the {name} {shown}."
        for name, shown in [("number", number), *printed]
        if _BLANKS.sub("", shown) not in squeezed
    ]


def einvoices_elsewhere(scope: Scope) -> Iterator[Offender]:
    """Stored e-invoices that say something else than what was frozen, or than the one in the PDF; nothing without a store."""
    if scope.store is None:
        return
    query = (
        select(InvoiceRow.id, InvoiceRow.number, SnapshotRow.content, DocumentRow.sha256, DocumentRow.kind)
        .join(SnapshotRow, SnapshotRow.invoice_id == InvoiceRow.id)
        .join(DocumentRow, DocumentRow.subject_id == InvoiceRow.id)
        .where(DocumentRow.kind.in_((EINVOICE, EMBEDDED)))
    )
    of_pdfs = select(DocumentRow.subject_id, DocumentRow.sha256).where(DocumentRow.kind == INVOICE_PDF)
    pdfs = {row.subject_id: row.sha256 for row in scope.tx.session.execute(of_pdfs)}
    for row in scope.tx.session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        content = msgspec.convert(row.content, InvoiceContent, strict=False)
        try:
            xml = scope.store.read(scope.tenant.id, row.sha256)
            inside = _inside(scope.store.read(scope.tenant.id, pdfs[row.id])) if row.kind == EMBEDDED else xml
        except (DocumentDamagedError, TransientError):
            continue  # said by another check
        sentences = disagreements(content, row.number, einvoice=_read(xml))
        if inside != xml:
            sentences.append("The e-invoice in its PDF is not the one that is kept.")
        for sentence in sentences:
            yield Offender(show("inv", row.id), sentence)


def _read(xml: bytes) -> Invoice:
    # Loaded here: these are some megabytes, and the check of a tenant without e-invoices needs none of them.
    from lxml import etree  # noqa: PLC0415 - see above

    from billwright.einvoice.read import read_invoice  # noqa: PLC0415 - see above

    return read_invoice(etree.fromstring(xml)).invoice


def _inside(pdf: bytes) -> bytes | None:
    from billwright.documents.hybrid import embedded_einvoice  # noqa: PLC0415 - see above

    return embedded_einvoice(pdf)
