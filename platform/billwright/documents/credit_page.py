"""What is printed of a credit note: the amounts that it takes back, and of which invoice. Pure.

Content is signed from the seller's claim; a credit note says what it is, so it prints amounts above zero (EN 16931 type 381).
"""

from typing import Final

from msgspec.structs import replace

from billwright.documents import format as fmt
from billwright.documents.texts import InvoiceTexts
from billwright.issuing.content import InvoiceContent, Preceding

CREDIT: Final = "credit_note"


def as_printed(content: InvoiceContent) -> InvoiceContent:
    """``content`` with the signs that the document shows: of a credit note, the other ones."""
    if content.credit is None:
        return content
    return replace(
        content,
        lines=tuple(replace(line, quantity=-line.quantity, net_minor=-line.net_minor) for line in content.lines),
        taxes=tuple(
            replace(
                tax,
                taxable_minor=-tax.taxable_minor,
                tax_minor=-tax.tax_minor,
                components=tuple(replace(part, tax_minor=-part.tax_minor) for part in tax.components),
            )
            for tax in content.taxes
        ),
        net_minor=-content.net_minor,
        tax_minor=-content.tax_minor,
        gross_minor=-content.gross_minor,
    )


def preceding_rows(content: InvoiceContent, texts: InvoiceTexts, lang: str) -> tuple[tuple[str, str], ...]:
    """Label and value: the invoice that is credited and why, or the one that is replaced; empty for the others."""
    if content.credit is not None:
        named = _named(content.credit.preceding, texts, lang)
        return (texts.credits, named), (texts.credit_reason, content.credit.reason)
    return ((texts.replaces, _named(content.replaces, texts, lang)),) if content.replaces is not None else ()


def _named(invoice: Preceding, texts: InvoiceTexts, lang: str) -> str:
    return texts.invoice_of.format(number=invoice.number, date=fmt.day(invoice.issued_on, lang))
