"""From the frozen content to what an ERP gets, and from what it holds to what is different. Pure."""

from typing import Final

from billwright.extension.connectors import PostedDocument, PostingInvoice, PostingLine, PostingTax
from billwright.issuing.content import InvoiceContent
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, is_currency

# The words of ERPs for a document that no longer counts.
VOID_STATES: Final = frozenset({"cancelled", "canceled", "cancel", "void", "voided", "reversed", "deleted"})


def to_posting(
    content: InvoiceContent, number: str, *, key: str, legal_entity: str, revenue_account: str = ""
) -> PostingInvoice:
    """``content`` for the ERP. ``legal_entity`` is its code; ``revenue_account`` may be empty: the connection's default."""
    return PostingInvoice(
        key=key,
        number=number,
        customer_name=content.buyer.legal_name or content.buyer.name,
        customer_key=content.buyer.id,
        customer_tax_id=content.buyer.tax_id,
        issued_on=content.issued_on,
        due_on=content.due_on,
        currency=content.currency,
        currency_digits=MINOR_UNIT_DIGITS[content.currency],
        lines=tuple(
            PostingLine(
                description=line.description,
                quantity=line.quantity,
                unit_price=line.unit_price,
                net_minor=line.net_minor,
                tax_category=line.tax_category,
                tax_rate_basis_points=line.tax_rate_basis_points,
                revenue_account=revenue_account,
            )
            for line in content.lines
        ),
        taxes=tuple(
            PostingTax(
                category=tax.category,
                rate_basis_points=tax.rate_basis_points,
                taxable_minor=tax.taxable_minor,
                tax_minor=tax.tax_minor,
            )
            for tax in content.taxes
        ),
        net_minor=content.net_minor,
        tax_minor=content.tax_minor,
        gross_minor=content.gross_minor,
        purchase_order=content.purchase_order,
        legal_entity=legal_entity,
    )


def differences(invoice: PostingInvoice, held: PostedDocument) -> list[str]:
    """What the ERP holds differently, one sentence each; empty when it agrees to the cent.

    The ERP's own number is its own business, and so is the customer's name there; ``party_key`` is not, if it has one.
    """
    said = []
    if held.state.lower() in VOID_STATES:
        said.append(f"The document is {held.state} there.")
    if held.currency != invoice.currency:
        said.append(f"The currency is {held.currency}, not {invoice.currency}.")
    for what, theirs, ours in (
        ("net amount", held.net_minor, invoice.net_minor),
        ("tax", held.tax_minor, invoice.tax_minor),
        ("total", held.gross_minor, invoice.gross_minor),
    ):
        if theirs != ours:
            said.append(f"The {what} is {_amount(theirs, held.currency)}, not {_amount(ours, invoice.currency)}.")
    if held.issued_on != invoice.issued_on:
        said.append(f"The date is {held.issued_on}, not {invoice.issued_on}.")
    if held.party_key and held.party_key != invoice.customer_key:
        said.append(
            f"The customer is {held.party} ({held.party_key}), not {invoice.customer_name} ({invoice.customer_key})."
        )
    return said


def _amount(minor: int, currency: str) -> str:
    return str(Money(minor, currency)) if is_currency(currency) else f"{minor} minor units"
