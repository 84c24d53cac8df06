"""The frozen content of an invoice: what the hash covers, what the PDF shows, what the ERP gets.

Amounts are integer minor units of ``currency``; dates are of the legal entity's zone; rates are basis points (19 % = 1900).
Unit prices and quantities are decimal strings without trailing exponent.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from billwright.extension.einvoicing import CustomerEinvoice, SellerEinvoice
from billwright.kernel.canonical_json import sha256_hex


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A legal entity or a customer, as it was when the invoice was issued."""

    id: str
    name: str
    legal_name: str
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    tax_id: str = ""
    registration: str = ""
    email: str = ""
    phone: str = ""
    contact: str = ""


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    holder: str
    iban: str = ""
    bic: str = ""
    bank: str = ""
    account_number: str = ""
    routing: str = ""


class LineContent(msgspec.Struct, frozen=True, kw_only=True):
    """One line with the references that the customer's clerk needs."""

    position: int
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_minor: int
    tax_category: str
    tax_rate_basis_points: int
    tax_reason: str = ""
    tax_exemption_code: str = ""
    tax_rule: str = ""
    tax_evidence: dict[str, Any] = {}
    """What decided the tax: rule, source, day of supply, rate, facts of both parties (``billing/tax``)."""
    contract_number: str = ""
    contract_version: int = 1
    clause: str = ""
    clause_title: str = ""
    project: str = ""
    milestone_number: str = ""
    milestone_name: str = ""
    accepted_on: date | None = None
    accepted_by: str = ""
    change_order: str = ""
    change_order_signed_on: date | None = None
    service_from: date | None = None
    service_to: date | None = None
    purchase_order: str = ""
    evidence: tuple[str, ...] = ()
    transaction_keys: tuple[str, ...] = ()
    standard_minor: int | None = None
    """Quantity times price, where ``net_minor`` is another amount: written down by a cap or a person, or written up."""
    adjusted_by: str = ""
    """``cap:NAME``, ``person:REASON``, or both; none where each entry was rounded by itself."""


class TaxComponentContent(msgspec.Struct, frozen=True, kw_only=True):
    """One of several taxes on the same base. ``rate_ppm`` are millionths: 9.975 % is 99750."""

    name: str
    rate_ppm: int
    tax_minor: int


class TaxContent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the tax breakdown (EN 16931 BG-23). Of several ``components`` the rate is their sum, rounded down.

    ``exemption_code`` is of the VATEX code list; ``reason`` is in the document's language.
    """

    category: str
    rate_basis_points: int
    taxable_minor: int
    tax_minor: int
    reason: str = ""
    exemption_code: str = ""
    components: tuple[TaxComponentContent, ...] = ()


class WithholdingContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer keeps back of the net amount and pays to its tax office; the invoice's total stays."""

    rate_basis_points: int
    base_minor: int
    amount_minor: int
    reason: str


class EinvoiceContent(msgspec.Struct, frozen=True, kw_only=True):
    """What customer and legal entity said of e-invoices when the invoice was issued."""

    buyer: CustomerEinvoice | None = None
    seller: SellerEinvoice | None = None


class Preceding(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier invoice that this document is about (EN 16931 BG-3)."""

    invoice_id: str
    number: str
    issued_on: date


class CreditContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a credit note credits and why. ``reason`` is text for the customer; ``reason_code`` one of ours."""

    preceding: Preceding
    reason_code: str
    reason: str


class HoldbackContent(msgspec.Struct, frozen=True, kw_only=True):
    """What one contract withholds of this invoice, and what of earlier ones it bills now.

    ``mode`` ``line``: lines take it off, net of tax; ``receivable``: it is part of the total and due only at its release.
    ``percent`` is empty where steps or kinds of work mix several; ``base_minor`` is the net work that counts.
    """

    contract_number: str
    mode: str
    percent: str
    base_minor: int
    withheld_minor: int
    released_minor: int
    clause: str = ""


class InvoiceContent(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is frozen when the invoice is issued. The number is not part of it: it is taken afterwards."""

    invoice_id: str
    document_type: str
    seller: Party
    buyer: Party
    bank: BankAccount | None
    currency: str
    language: str
    issued_on: date
    due_on: date
    service_from: date | None
    service_to: date | None
    payment_terms_days: int
    purchase_order: str
    lines: tuple[LineContent, ...]
    taxes: tuple[TaxContent, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int
    notes: tuple[str, ...]
    template_set: str
    template_version: str
    credit: CreditContent | None = None
    """Of a credit note, whose quantities, net, tax and gross amounts are negative and unit prices positive."""
    replaces: Preceding | None = None
    """Of an invoice that bills anew what was credited."""
    einvoice: EinvoiceContent | None = None
    withholding: WithholdingContent | None = None
    holdbacks: tuple[HoldbackContent, ...] = ()

    @property
    def retained_minor(self) -> int:
        """Part of the total that is due only when it is released."""
        return sum(each.withheld_minor for each in self.holdbacks if each.mode == "receivable")

    def sha256(self) -> str:
        """The content hash: 64 hex digits over the canonical JSON."""
        return sha256_hex(msgspec.to_builtins(self, builtin_types=(Decimal, date)))
