"""What an e-invoice says, by EN 16931-1: one model for both syntaxes. The numbers beside the fields are the standard's.

It holds what was said, valid or not, so every single value may be missing; which ones must be there is for the rules to say.
Unit prices, quantities and rates are ``Decimal`` and keep their decimals; an amount carries its currency. Bank transfers and
cards stand in one list of means of payment each: both syntaxes repeat BG-16, and a document may name several.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount as written; EN 16931 allows two decimals, the rules say so where there are more."""

    amount: Decimal  # in units of the currency, not in its minor ones
    currency: str | None = None  # ISO 4217


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A value of a list; ``scheme`` names the list."""

    value: str | None = None
    scheme: str | None = None  # ICD, EAS or another list
    scheme_version: str | None = None  # of the list


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """BG-1."""

    subject: str | None = None  # BT-21
    text: str | None = None  # BT-22


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """BG-14 and BG-26: first and last day."""

    start: date | None = None  # BT-73, BT-134
    end: date | None = None  # BT-74, BT-135


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Postal address of a party or of a delivery."""

    street: str | None = None  # BT-35, BT-50, BT-64, BT-75
    street_2: str | None = None  # BT-36
    street_3: str | None = None  # BT-162
    city: str | None = None  # BT-37
    postcode: str | None = None  # BT-38
    region: str | None = None  # BT-39
    country: str | None = None  # BT-40, ISO 3166-1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person or department."""

    name: str | None = None  # BT-41, BT-56
    telephone: str | None = None  # BT-42
    email: str | None = None  # BT-43


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Seller, buyer, payee or tax representative; the latter two have fewer terms."""

    name: str | None = None  # BT-27, BT-44, BT-59, BT-62
    trading_name: str | None = None  # BT-28, BT-45
    identifiers: tuple[Identifier, ...] = ()  # BT-29, BT-46, BT-60
    registration: Identifier | None = None  # BT-30, BT-47, BT-61
    vat_id: str | None = None  # BT-31, BT-48, BT-63
    tax_registration: str | None = None  # BT-32
    legal_form: str | None = None  # BT-33
    electronic_address: Identifier | None = None  # BT-34, BT-49
    address: Address | None = None  # BG-5, BG-8, BG-12
    contact: Contact | None = None  # BG-6, BG-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """BG-13: to whom, where and when."""

    name: str | None = None  # BT-70
    location: Identifier | None = None  # BT-71
    on: date | None = None  # BT-72
    address: Address | None = None  # BG-15


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMeans:
    """One way to pay."""

    code: str | None = None  # BT-81, UNTDID 4461
    text: str | None = None  # BT-82
    account: str | None = None  # BT-84, IBAN or other
    account_name: str | None = None  # BT-85
    bank: str | None = None  # BT-86, BIC
    card_number: str | None = None  # BT-87, as shown: last digits only
    card_holder: str | None = None  # BT-88
    debited_account: str | None = None  # BT-91


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """BG-16: how to pay."""

    means: tuple[PaymentMeans, ...] = ()  # BG-16 to BG-19
    remittance_information: str | None = None  # BT-83
    mandate_reference: str | None = None  # BT-89
    creditor_identifier: str | None = None  # BT-90


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceCharge:
    """Something taken off or added, of the document or of a line (then without VAT of its own)."""

    amount: Amount | None = None  # BT-92, BT-99, BT-136, BT-141
    base: Amount | None = None  # BT-93, BT-100
    percent: Decimal | None = None  # BT-94, BT-101
    vat_category: str | None = None  # BT-95, BT-102
    vat_rate: Decimal | None = None  # BT-96, BT-103, percent
    reason: str | None = None  # BT-97, BT-104
    reason_code: str | None = None  # BT-98, BT-105


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """BG-22 of the document."""

    lines_net: Amount | None = None  # BT-106
    allowances: Amount | None = None  # BT-107
    charges: Amount | None = None  # BT-108
    net: Amount | None = None  # BT-109
    vat: Amount | None = None  # BT-110
    vat_in_tax_currency: Amount | None = None  # BT-111
    gross: Amount | None = None  # BT-112
    paid: Amount | None = None  # BT-113
    rounding: Amount | None = None  # BT-114
    due: Amount | None = None  # BT-115


@dataclass(frozen=True, slots=True, kw_only=True)
class VatBreakdown:
    """BG-23: one VAT category and rate."""

    taxable: Amount | None = None  # BT-116
    vat: Amount | None = None  # BT-117
    category: str | None = None  # BT-118, UNTDID 5305
    rate: Decimal | None = None  # BT-119, percent
    exemption_reason: str | None = None  # BT-120
    exemption_code: str | None = None  # BT-121, VATEX


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecedingInvoice:
    """BG-3: what is corrected or credited."""

    number: str | None = None  # BT-25
    issued_on: date | None = None  # BT-26


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportingDocument:
    """BG-24: a reference, a link or a file."""

    reference: str | None = None  # BT-122
    description: str | None = None  # BT-123
    location: str | None = None  # BT-124, a URL
    content: bytes | None = None  # BT-125
    media_type: str | None = None  # of BT-125
    file_name: str | None = None  # of BT-125


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """BG-29. ``net`` is ``gross`` less ``discount``."""

    net: Decimal | None = None  # BT-146, per base quantity
    discount: Decimal | None = None  # BT-147
    gross: Decimal | None = None  # BT-148
    base_quantity: Decimal | None = None  # BT-149
    base_unit: str | None = None  # BT-150


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """BG-32."""

    name: str | None = None  # BT-160
    value: str | None = None  # BT-161


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """BG-31: what was sold."""

    name: str | None = None  # BT-153
    description: str | None = None  # BT-154
    seller_id: str | None = None  # BT-155
    buyer_id: str | None = None  # BT-156
    standard_id: Identifier | None = None  # BT-157
    classifications: tuple[Identifier, ...] = ()  # BT-158
    origin_country: str | None = None  # BT-159
    attributes: tuple[Attribute, ...] = ()  # BG-32


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """BG-25."""

    id: str | None = None  # BT-126
    note: str | None = None  # BT-127
    invoiced_object: Identifier | None = None  # BT-128
    quantity: Decimal | None = None  # BT-129
    unit: str | None = None  # BT-130, UN/ECE Rec. 20 and 21
    net: Amount | None = None  # BT-131
    order_line: str | None = None  # BT-132
    accounting_reference: str | None = None  # BT-133
    period: Period | None = None  # BG-26
    allowances: tuple[AllowanceCharge, ...] = ()  # BG-27
    charges: tuple[AllowanceCharge, ...] = ()  # BG-28
    price: Price | None = None  # BG-29
    vat_category: str | None = None  # BT-151
    vat_rate: Decimal | None = None  # BT-152, percent
    item: Item | None = None  # BG-31


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice or credit note. ``type_code`` tells which."""

    specification: str | None = None  # BT-24
    process: str | None = None  # BT-23
    number: str | None = None  # BT-1
    issued_on: date | None = None  # BT-2
    type_code: str | None = None  # BT-3, UNTDID 1001
    currency: str | None = None  # BT-5
    tax_currency: str | None = None  # BT-6
    tax_point_date: date | None = None  # BT-7
    tax_point_code: str | None = None  # BT-8, UNTDID 2005
    due_on: date | None = None  # BT-9
    buyer_reference: str | None = None  # BT-10
    project: str | None = None  # BT-11
    contract: str | None = None  # BT-12
    purchase_order: str | None = None  # BT-13
    sales_order: str | None = None  # BT-14
    receiving_advice: str | None = None  # BT-15
    despatch_advice: str | None = None  # BT-16
    tender: str | None = None  # BT-17
    invoiced_object: Identifier | None = None  # BT-18
    accounting_reference: str | None = None  # BT-19
    payment_terms: str | None = None  # BT-20
    notes: tuple[Note, ...] = ()  # BG-1
    preceding: tuple[PrecedingInvoice, ...] = ()  # BG-3
    seller: Party | None = None  # BG-4
    buyer: Party | None = None  # BG-7
    payee: Party | None = None  # BG-10
    tax_representative: Party | None = None  # BG-11
    delivery: Delivery | None = None  # BG-13
    period: Period | None = None  # BG-14
    payment: Payment | None = None  # BG-16
    allowances: tuple[AllowanceCharge, ...] = ()  # BG-20
    charges: tuple[AllowanceCharge, ...] = ()  # BG-21
    totals: Totals | None = None  # BG-22
    vat: tuple[VatBreakdown, ...] = ()  # BG-23
    documents: tuple[SupportingDocument, ...] = ()  # BG-24
    lines: tuple[Line, ...] = ()  # BG-25
