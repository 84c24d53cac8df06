"""An invoice of our own in the standard's terms. Pure: frozen content in, the model out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from billwright.einvoice import from_parties
from billwright.einvoice.from_lines import line_of
from billwright.einvoice.model import (
    Address,
    Amount,
    Delivery,
    Invoice,
    Note,
    Payment,
    PaymentMeans,
    Period,
    PrecedingInvoice,
    SupportingDocument,
    Totals,
    VatBreakdown,
)
from billwright.einvoice.profiles import Profile
from billwright.extension.einvoicing import CustomerEinvoice
from billwright.issuing.content import BankAccount, InvoiceContent, TaxContent
from billwright.kernel.money import MINOR_UNIT_DIGITS

INVOICE: Final = "380"
CREDIT_NOTE: Final = "381"
SEPA: Final = "58"
TRANSFER: Final = "30"
DECIMALS_MAX: Final = 2
"""EN 16931 BR-DEC-*: no amount has more."""
REASONS: Final = {
    "AE": ("VATEX-EU-AE", "Reverse charge"),
    "K": ("VATEX-EU-IC", "Intra-Community supply"),
    "G": ("VATEX-EU-G", "Export outside the EU"),
    "O": ("VATEX-EU-O", "Not subject to VAT"),
    "E": (None, "Exempt from VAT"),
}
"""UNTDID 5305 category to VATEX code and reason, where the tax decision gave none. Source: EN 16931 code lists, VATEX."""


def is_possible(currency: str) -> bool:
    """Whether EN 16931 can carry amounts of ``currency``: those with three decimals it cannot, and nothing is rounded away."""
    return MINOR_UNIT_DIGITS[currency] <= DECIMALS_MAX


def invoice_of(
    content: InvoiceContent,
    *,
    number: str,
    profile: Profile,
    attachments: Sequence[SupportingDocument] = (),
) -> Invoice:
    """``content`` as an e-invoice by ``profile``; a credit note is written with positive amounts.

    ``attachments``: files and references beside the evidence of the lines.
    """
    credit = content.document_type == "credit_note"
    sign = -1 if credit else 1
    rates = {(tax.category, tax.rate_basis_points): _rate(tax) for tax in content.taxes}
    outside = bool(content.taxes) and all(tax.category == "O" for tax in content.taxes)
    wishes = content.einvoice.buyer or CustomerEinvoice() if content.einvoice else CustomerEinvoice()
    return Invoice(
        specification=profile.specification,
        process=profile.process,
        number=number,
        issued_on=content.issued_on,
        type_code=CREDIT_NOTE if credit else INVOICE,
        currency=content.currency,
        due_on=content.due_on,
        buyer_reference=wishes.buyer_reference or None,
        accounting_reference=wishes.accounting_reference or None,
        project=_only(line.project for line in content.lines),
        contract=_only(line.contract_number for line in content.lines),
        purchase_order=content.purchase_order or None,
        notes=(Note(text="\n".join(content.notes)),) if content.notes else (),
        preceding=_preceding(content),
        seller=from_parties.seller(content, outside=outside),
        buyer=from_parties.buyer(content, outside=outside),
        delivery=_delivery(content),
        period=Period(start=content.service_from, end=content.service_to) if content.service_to else None,
        payment=_payment(content.bank, content.currency, number, credit=credit),
        totals=_totals(content, sign),
        vat=_breakdown(content, sign, profile),
        documents=(*_evidence(content), *attachments),
        lines=tuple(
            line_of(
                line,
                content.currency,
                content.language,
                sign,
                rates.get((line.tax_category, line.tax_rate_basis_points)),
            )
            for line in content.lines
        ),
    )


def amount(minor: int, currency: str) -> Amount:
    """Minor units as the decimal amount of the standard."""
    return Amount(amount=Decimal(minor).scaleb(-MINOR_UNIT_DIGITS[currency]), currency=currency)


def _preceding(content: InvoiceContent) -> tuple[PrecedingInvoice, ...]:
    named = content.credit.preceding if content.credit else content.replaces
    return (PrecedingInvoice(number=named.number, issued_on=named.issued_on),) if named else ()


def _only(values: Iterable[str]) -> str | None:
    """The value that all lines share; the document names one project and one contract or none."""
    found = {value for value in values if value}
    return found.pop() if len(found) == 1 else None


def _payment(bank: BankAccount | None, currency: str, number: str, *, credit: bool) -> Payment | None:
    """A credit transfer to our account; a credit note names none, for nothing is to be paid there."""
    if bank is None or credit:
        return None
    means = PaymentMeans(
        code=SEPA if bank.iban and currency == "EUR" else TRANSFER,
        account=bank.iban or bank.account_number or None,
        account_name=bank.holder or None,
        bank=bank.bic or None,
    )
    return Payment(means=(means,), remittance_information=number)


def _totals(content: InvoiceContent, sign: int) -> Totals:
    def shown(minor: int) -> Amount:
        return amount(sign * minor, content.currency)

    return Totals(
        lines_net=shown(content.net_minor),
        net=shown(content.net_minor),
        vat=shown(content.tax_minor),
        gross=shown(content.gross_minor),
        due=shown(content.gross_minor),
    )


def _delivery(content: InvoiceContent) -> Delivery | None:
    """The last day of service, or of acceptance; supplies within the Union name the country where they went (BR-IC-12)."""
    days = [day for line in content.lines for day in (line.service_to, line.accepted_on) if day is not None]
    inside = any(tax.category == "K" for tax in content.taxes)
    if not days and not inside:
        return None
    address = Address(country=content.buyer.country or None) if inside else None
    return Delivery(on=max(days, default=None), address=address)


def _breakdown(content: InvoiceContent, sign: int, profile: Profile) -> tuple[VatBreakdown, ...]:
    """One per category and rate (BG-23); our own breakdown has one for each reason as well."""
    groups: dict[tuple[str, int], list[TaxContent]] = {}
    for tax in content.taxes:
        groups.setdefault((tax.category, tax.rate_basis_points), []).append(tax)
    shown = (_vat(group, content.currency, sign) for group in groups.values())
    if profile.family == "xrechnung":  # BR-DE-14 asks for a rate even where nothing is subject to VAT
        return tuple(replace(each, rate=each.rate or Decimal(0)) for each in shown)
    return tuple(shown)


def _vat(group: Sequence[TaxContent], currency: str, sign: int) -> VatBreakdown:
    """Reason and code stand only where the category asks for them (BR-S-10, BR-Z-10)."""
    category = group[0].category
    shown = VatBreakdown(
        taxable=amount(sign * sum(tax.taxable_minor for tax in group), currency),
        vat=amount(sign * sum(tax.tax_minor for tax in group), currency),
        category=category,
        rate=_rate(group[0]),
    )
    if category not in REASONS:
        return shown
    code, words = REASONS[category]
    stated = _only(tax.exemption_code for tax in group)
    reasons = dict.fromkeys(tax.reason for tax in group if tax.reason)
    return replace(shown, exemption_code=stated or code, exemption_reason="; ".join(reasons) or words)


def _rate(tax: TaxContent) -> Decimal | None:
    """In percent; of several taxes on one base their exact sum. What is not subject to VAT has none (BR-O-05)."""
    if tax.category == "O":
        return None
    exact = sum(each.rate_ppm for each in tax.components)
    return Decimal(exact) / 10_000 if tax.components else Decimal(tax.rate_basis_points) / 100


def _evidence(content: InvoiceContent) -> list[SupportingDocument]:
    titles = dict.fromkeys(title for line in content.lines for title in line.evidence if title)
    return [SupportingDocument(reference=f"E{place}", description=title) for place, title in enumerate(titles, start=1)]
