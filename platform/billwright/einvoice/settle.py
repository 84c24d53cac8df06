"""Where the syntaxes say the same thing differently: into the model's one way after reading, back into theirs before writing."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from billwright.einvoice.model import Invoice, Note, Payment, PaymentMeans, Price

_SUBJECT: Final = re.compile(r"#([A-Z]{3})#(.*)", re.DOTALL)
CREDIT_NOTE_CODES: Final = frozenset("81 83 261 262 296 308 381 396 420 458 502 503 532".split())
"""UNTDID 1001: what EN 16931 (BR-CL-01) has as a credit note of its own in UBL."""
NO_ORDER: Final = "NA"
"""UBL cannot give a sales order without a purchase order; this stands where there is none (Peppol BIS 3)."""
MEANS_UNDEFINED: Final = "1"
"""UNTDID 4461: instrument not defined."""
TAX_POINT_CODES: Final = {"5": "3", "29": "35", "72": "432"}
"""CII's UNTDID 2475 to EN 16931's UNTDID 2005: invoice date, delivery, payment."""


def is_credit_note(invoice: Invoice) -> bool:
    """Whether UBL has it as a CreditNote."""
    return invoice.type_code in CREDIT_NOTE_CODES


def settle_ubl(invoice: Invoice) -> Invoice:
    """What was read from UBL, in the model's way."""
    order = None if invoice.purchase_order == NO_ORDER and invoice.sales_order else invoice.purchase_order
    notes = tuple(_split_note(note) for note in invoice.notes)
    return _with_prices(replace(invoice, purchase_order=order, notes=notes), _complete_price)


def settle_cii(invoice: Invoice) -> Invoice:
    """What was read from CII, in the model's way."""
    code = invoice.tax_point_code
    settled = replace(invoice, tax_point_code=TAX_POINT_CODES.get(code, code) if code else None)
    return _with_prices(settled, _complete_price)


def to_ubl(invoice: Invoice) -> Invoice:
    """The model in UBL's way."""
    order = NO_ORDER if invoice.sales_order and not invoice.purchase_order else invoice.purchase_order
    notes = tuple(_join_note(note) for note in invoice.notes)
    shaped = replace(invoice, purchase_order=order, notes=notes, payment=_with_means(invoice))
    return _with_prices(shaped, _with_discount)


def to_cii(invoice: Invoice) -> Invoice:
    """The model in CII's way."""
    codes = {ubl: cii for cii, ubl in TAX_POINT_CODES.items()}
    code = invoice.tax_point_code
    return replace(invoice, tax_point_code=codes.get(code, code) if code else None)


def _split_note(note: Note) -> Note:
    found = _SUBJECT.fullmatch(note.text or "")
    return Note(subject=found[1], text=found[2]) if found else note


def _join_note(note: Note) -> Note:
    return Note(text=f"#{note.subject}#{note.text or ''}") if note.subject else note


def _with_means(invoice: Invoice) -> Payment | None:
    """UBL has these terms at a means of payment only, and a means has a code."""
    payment = invoice.payment or Payment()
    late = is_credit_note(invoice) and invoice.due_on is not None
    if payment.means or not (payment.remittance_information or payment.mandate_reference or late):
        return invoice.payment
    return replace(payment, means=(PaymentMeans(code=MEANS_UNDEFINED),))


def _complete_price(price: Price) -> Price:
    """No discount of nothing; with a discount the gross price, which UBL may leave out and CII may not (BT-146 to BT-148)."""
    if price.discount == 0:
        return replace(price, discount=None)
    if price.discount is not None and price.gross is None and price.net is not None:
        return replace(price, gross=price.net + price.discount)
    return price


def _with_discount(price: Price) -> Price:
    """UBL gives a gross price only beside a discount."""
    return replace(price, discount=Decimal(0)) if price.gross is not None and price.discount is None else price


def _with_prices(invoice: Invoice, change: Callable[[Price], Price]) -> Invoice:
    lines = tuple(replace(line, price=change(line.price)) if line.price else line for line in invoice.lines)
    return replace(invoice, lines=lines)
