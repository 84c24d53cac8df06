"""Where the terms of EN 16931 stand in UBL 2.1 (CEN/TS 16931-3-2). Invoice and credit note differ in a few names."""

from typing import Final

from billwright.einvoice import model as m
from billwright.einvoice.mapping import Constant, Group, Kind, Leaf, Syntax, Term, is_plain, is_schemed

NAMESPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMESPACES: Final = {
    "cac": f"{NAMESPACE}CommonAggregateComponents-2",
    "cbc": f"{NAMESPACE}CommonBasicComponents-2",
}
VAT: Final = "[cac:TaxScheme/cbc:ID='VAT']"
AMOUNT: Final = Kind.AMOUNT


def _address(name: str, path: str) -> Group:
    return Group(
        name,
        path,
        m.Address,
        (
            Leaf("street", "cbc:StreetName"),
            Leaf("street_2", "cbc:AdditionalStreetName"),
            Leaf("street_3", "cac:AddressLine/cbc:Line"),
            Leaf("city", "cbc:CityName"),
            Leaf("postcode", "cbc:PostalZone"),
            Leaf("region", "cbc:CountrySubentity"),
            Leaf("country", "cac:Country/cbc:IdentificationCode"),
        ),
    )


def _identifiers() -> tuple[Term, ...]:
    path = "cac:PartyIdentification"
    return (
        Leaf(
            "identifiers", f"{path}[not(cbc:ID/@schemeID)]", Kind.IDENTIFIER, many=True, inner="cbc:ID", only=is_plain
        ),
        Leaf(
            "identifiers",
            f"{path}[cbc:ID/@schemeID!='SEPA']",
            Kind.IDENTIFIER,
            many=True,
            inner="cbc:ID",
            only=is_schemed,
        ),
    )


_CONTACT: Final = Group(
    "contact",
    "cac:Contact",
    m.Contact,
    (Leaf("name", "cbc:Name"), Leaf("telephone", "cbc:Telephone"), Leaf("email", "cbc:ElectronicMail")),
)


def _party(name: str, path: str) -> Group:
    """Seller and buyer: named by their legal entity, traded under ``cac:PartyName``."""
    return Group(
        name,
        path,
        m.Party,
        (
            Leaf("electronic_address", "cbc:EndpointID", Kind.IDENTIFIER),
            *_identifiers(),
            Leaf("trading_name", "cac:PartyName/cbc:Name"),
            _address("address", "cac:PostalAddress"),
            Leaf("vat_id", f"cac:PartyTaxScheme{VAT}/cbc:CompanyID"),
            Leaf("tax_registration", "cac:PartyTaxScheme[cac:TaxScheme/cbc:ID='FC']/cbc:CompanyID"),
            Leaf("tax_registration", "cac:PartyTaxScheme[cac:TaxScheme/cbc:ID!='VAT']/cbc:CompanyID", read_only=True),
            Leaf("name", "cac:PartyLegalEntity/cbc:RegistrationName"),
            Leaf("registration", "cac:PartyLegalEntity/cbc:CompanyID", Kind.IDENTIFIER),
            Leaf("legal_form", "cac:PartyLegalEntity/cbc:CompanyLegalForm"),
            _CONTACT,
        ),
    )


_PAYEE: Final = Group(
    "payee",
    "cac:PayeeParty",
    m.Party,
    (
        *_identifiers(),
        Leaf("name", "cac:PartyName/cbc:Name"),
        Leaf("registration", "cac:PartyLegalEntity/cbc:CompanyID", Kind.IDENTIFIER),
    ),
)
_TAX_REPRESENTATIVE: Final = Group(
    "tax_representative",
    "cac:TaxRepresentativeParty",
    m.Party,
    (
        Leaf("name", "cac:PartyName/cbc:Name"),
        _address("address", "cac:PostalAddress"),
        Leaf("vat_id", f"cac:PartyTaxScheme{VAT}/cbc:CompanyID"),
    ),
)
_DELIVERY: Final = Group(
    "delivery",
    "cac:Delivery",
    m.Delivery,
    (
        Leaf("on", "cbc:ActualDeliveryDate", Kind.DATE),
        Leaf("location", "cac:DeliveryLocation/cbc:ID", Kind.IDENTIFIER),
        _address("address", "cac:DeliveryLocation/cac:Address"),
        Leaf("name", "cac:DeliveryParty/cac:PartyName/cbc:Name"),
    ),
)
_SELLER_PATH: Final = "cac:AccountingSupplierParty/cac:Party"
_CREDITOR: Final = "cac:PartyIdentification/cbc:ID[@schemeID='SEPA']"
_PAYMENT: Final = Group(
    "payment",
    ".",
    m.Payment,
    (
        Group(
            "means",
            "cac:PaymentMeans",
            m.PaymentMeans,
            (
                Leaf("code", "cbc:PaymentMeansCode"),
                Leaf("text", "cbc:PaymentMeansCode/@name"),
                Leaf("account", "cac:PayeeFinancialAccount/cbc:ID"),
                Leaf("account_name", "cac:PayeeFinancialAccount/cbc:Name"),
                Leaf("bank", "cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID"),
                Leaf("card_number", "cac:CardAccount/cbc:PrimaryAccountNumberID"),
                Leaf("card_holder", "cac:CardAccount/cbc:HolderName"),
                Constant("cac:CardAccount/cbc:NetworkID", "NA", beside="card_number"),
                Leaf("debited_account", "cac:PaymentMandate/cac:PayerFinancialAccount/cbc:ID"),
            ),
            many=True,
        ),
        Leaf("remittance_information", "cac:PaymentMeans/cbc:PaymentID"),
        Leaf("mandate_reference", "cac:PaymentMeans/cac:PaymentMandate/cbc:ID"),
        Leaf("creditor_identifier", f"{_SELLER_PATH}/{_CREDITOR}"),
        Leaf("creditor_identifier", f"cac:PayeeParty/{_CREDITOR}", read_only=True),
    ),
)


def _allowance(name: str, indicator: str, *, taxed: bool) -> Group:
    number = {"true": "1", "false": "0"}[indicator]
    tax = f"cac:TaxCategory{VAT}"
    vat = (Leaf("vat_category", f"{tax}/cbc:ID"), Leaf("vat_rate", f"{tax}/cbc:Percent", Kind.NUMBER)) if taxed else ()
    return Group(
        name,
        f"cac:AllowanceCharge[cbc:ChargeIndicator='{indicator}' or cbc:ChargeIndicator='{number}']",
        m.AllowanceCharge,
        (
            Leaf("reason_code", "cbc:AllowanceChargeReasonCode"),
            Leaf("reason", "cbc:AllowanceChargeReason"),
            Leaf("percent", "cbc:MultiplierFactorNumeric", Kind.NUMBER),
            Leaf("amount", "cbc:Amount", AMOUNT),
            Leaf("base", "cbc:BaseAmount", AMOUNT),
            *vat,
        ),
        many=True,
    )


_TAX_TOTAL: Final = "cac:TaxTotal[cbc:TaxAmount/@currencyID=$currency]"
_VAT: Final = Group(
    "vat",
    f"{_TAX_TOTAL}/cac:TaxSubtotal",
    m.VatBreakdown,
    (
        Leaf("taxable", "cbc:TaxableAmount", AMOUNT),
        Leaf("vat", "cbc:TaxAmount", AMOUNT),
        Leaf("category", f"cac:TaxCategory{VAT}/cbc:ID"),
        Leaf("rate", f"cac:TaxCategory{VAT}/cbc:Percent", Kind.NUMBER),
        Leaf("exemption_code", f"cac:TaxCategory{VAT}/cbc:TaxExemptionReasonCode"),
        Leaf("exemption_reason", f"cac:TaxCategory{VAT}/cbc:TaxExemptionReason"),
    ),
    many=True,
)
_TOTAL: Final = "cac:LegalMonetaryTotal/cbc:"
_TOTALS: Final = Group(
    "totals",
    ".",
    m.Totals,
    (
        Leaf("lines_net", f"{_TOTAL}LineExtensionAmount", AMOUNT),
        Leaf("net", f"{_TOTAL}TaxExclusiveAmount", AMOUNT),
        Leaf("gross", f"{_TOTAL}TaxInclusiveAmount", AMOUNT),
        Leaf("allowances", f"{_TOTAL}AllowanceTotalAmount", AMOUNT),
        Leaf("charges", f"{_TOTAL}ChargeTotalAmount", AMOUNT),
        Leaf("paid", f"{_TOTAL}PrepaidAmount", AMOUNT),
        Leaf("rounding", f"{_TOTAL}PayableRoundingAmount", AMOUNT),
        Leaf("due", f"{_TOTAL}PayableAmount", AMOUNT),
        Leaf("vat", f"{_TAX_TOTAL}/cbc:TaxAmount", AMOUNT),
        Leaf("vat_in_tax_currency", "cac:TaxTotal[cbc:TaxAmount/@currencyID=$tax_currency]/cbc:TaxAmount", AMOUNT),
    ),
)


def _documents(excluded: str) -> Group:
    return Group(
        "documents",
        f"cac:AdditionalDocumentReference[not({excluded})]",
        m.SupportingDocument,
        (
            Leaf("reference", "cbc:ID"),
            Leaf("description", "cbc:DocumentDescription"),
            Leaf("location", "cac:Attachment/cac:ExternalReference/cbc:URI"),
            Leaf("content", "cac:Attachment/cbc:EmbeddedDocumentBinaryObject", Kind.FILE),
            Leaf("media_type", "cac:Attachment/cbc:EmbeddedDocumentBinaryObject/@mimeCode"),
            Leaf("file_name", "cac:Attachment/cbc:EmbeddedDocumentBinaryObject/@filename"),
        ),
        many=True,
    )


_PRICE: Final = Group(
    "price",
    "cac:Price",
    m.Price,
    (
        Leaf("net", "cbc:PriceAmount", Kind.PRICE),
        Leaf("base_quantity", "cbc:BaseQuantity", Kind.NUMBER),
        Leaf("base_unit", "cbc:BaseQuantity/@unitCode"),
        Leaf("discount", "cac:AllowanceCharge[cbc:ChargeIndicator='false']/cbc:Amount", Kind.PRICE),
        Leaf("gross", "cac:AllowanceCharge[cbc:ChargeIndicator='false']/cbc:BaseAmount", Kind.PRICE),
    ),
)
_ITEM: Final = Group(
    "item",
    "cac:Item",
    m.Item,
    (
        Leaf("description", "cbc:Description"),
        Leaf("name", "cbc:Name"),
        Leaf("buyer_id", "cac:BuyersItemIdentification/cbc:ID"),
        Leaf("seller_id", "cac:SellersItemIdentification/cbc:ID"),
        Leaf("standard_id", "cac:StandardItemIdentification/cbc:ID", Kind.IDENTIFIER),
        Leaf("origin_country", "cac:OriginCountry/cbc:IdentificationCode"),
        Leaf(
            "classifications",
            "cac:CommodityClassification",
            Kind.IDENTIFIER,
            many=True,
            inner="cbc:ItemClassificationCode",
            scheme="@listID",
            version="@listVersionID",
        ),
        Group(
            "attributes",
            "cac:AdditionalItemProperty",
            m.Attribute,
            (Leaf("name", "cbc:Name"), Leaf("value", "cbc:Value")),
            many=True,
        ),
    ),
)


def _period(path: str) -> Group:
    days = (Leaf("start", "cbc:StartDate", Kind.DATE), Leaf("end", "cbc:EndDate", Kind.DATE))
    return Group("period", path, m.Period, days)


def _line(element: str, quantity: str) -> Group:
    category = f"cac:Item/cac:ClassifiedTaxCategory{VAT}"
    return Group(
        "lines",
        f"cac:{element}",
        m.Line,
        (
            Leaf("id", "cbc:ID"),
            Leaf("note", "cbc:Note", Kind.LINES),
            Leaf("quantity", f"cbc:{quantity}", Kind.NUMBER),
            Leaf("unit", f"cbc:{quantity}/@unitCode"),
            Leaf("net", "cbc:LineExtensionAmount", AMOUNT),
            Leaf("accounting_reference", "cbc:AccountingCost"),
            _period("cac:InvoicePeriod"),
            Leaf("order_line", "cac:OrderLineReference/cbc:LineID"),
            Leaf(
                "invoiced_object", "cac:DocumentReference[cbc:DocumentTypeCode='130']", Kind.IDENTIFIER, inner="cbc:ID"
            ),
            Leaf(
                "invoiced_object",
                "cac:DocumentReference[not(cbc:DocumentTypeCode)]",
                Kind.IDENTIFIER,
                inner="cbc:ID",
                read_only=True,
            ),
            _allowance("allowances", "false", taxed=False),
            _allowance("charges", "true", taxed=False),
            _ITEM,
            Leaf("vat_category", f"{category}/cbc:ID"),
            Leaf("vat_rate", f"{category}/cbc:Percent", Kind.NUMBER),
            _PRICE,
        ),
        many=True,
    )


def _header(*, credit: bool) -> tuple[Term, ...]:
    only_object = "cbc:DocumentTypeCode='130'"
    project = (
        "cac:AdditionalDocumentReference[cbc:DocumentTypeCode='50']/cbc:ID" if credit else "cac:ProjectReference/cbc:ID"
    )
    return (
        Leaf("specification", "cbc:CustomizationID"),
        Leaf("process", "cbc:ProfileID"),
        Leaf("number", "cbc:ID"),
        Leaf("issued_on", "cbc:IssueDate", Kind.DATE),
        Leaf("type_code", "cbc:CreditNoteTypeCode" if credit else "cbc:InvoiceTypeCode"),
        Group("notes", "cbc:Note", m.Note, (Leaf("text", ".", Kind.LINES),), many=True),
        Leaf("tax_point_date", "cbc:TaxPointDate", Kind.DATE),
        Leaf("currency", "cbc:DocumentCurrencyCode"),
        Leaf("tax_currency", "cbc:TaxCurrencyCode"),
        Leaf("accounting_reference", "cbc:AccountingCost"),
        Leaf("buyer_reference", "cbc:BuyerReference"),
        _period("cac:InvoicePeriod"),
        Leaf("tax_point_code", "cac:InvoicePeriod/cbc:DescriptionCode"),
        Leaf("purchase_order", "cac:OrderReference/cbc:ID"),
        Leaf("sales_order", "cac:OrderReference/cbc:SalesOrderID"),
        Group(
            "preceding",
            "cac:BillingReference",
            m.PrecedingInvoice,
            (
                Leaf("number", "cac:InvoiceDocumentReference/cbc:ID"),
                Leaf("issued_on", "cac:InvoiceDocumentReference/cbc:IssueDate", Kind.DATE),
            ),
            many=True,
        ),
        Leaf("despatch_advice", "cac:DespatchDocumentReference/cbc:ID"),
        Leaf("receiving_advice", "cac:ReceiptDocumentReference/cbc:ID"),
        Leaf("tender", "cac:OriginatorDocumentReference/cbc:ID"),
        Leaf("contract", "cac:ContractDocumentReference/cbc:ID"),
        Leaf("invoiced_object", f"cac:AdditionalDocumentReference[{only_object}]", Kind.IDENTIFIER, inner="cbc:ID"),
        _documents(f"{only_object} or cbc:DocumentTypeCode='50'" if credit else only_object),
        Leaf("project", project),
        _party("seller", _SELLER_PATH),
        _party("buyer", "cac:AccountingCustomerParty/cac:Party"),
        _PAYEE,
        _TAX_REPRESENTATIVE,
        _DELIVERY,
        _PAYMENT,  # before the due date, which a credit note has at the first means of payment
        Leaf("due_on", "cac:PaymentMeans/cbc:PaymentDueDate" if credit else "cbc:DueDate", Kind.DATE),
        Leaf("payment_terms", "cac:PaymentTerms/cbc:Note", Kind.LINES),
        _allowance("allowances", "false", taxed=True),
        _allowance("charges", "true", taxed=True),
        _TOTALS,
        _VAT,
        _line("CreditNoteLine", "CreditedQuantity") if credit else _line("InvoiceLine", "InvoicedQuantity"),
    )


def _syntax(root: str, *, credit: bool) -> Syntax:
    namespace = f"{NAMESPACE}{root}-2"
    return Syntax(f"{{{namespace}}}{root}", {**NAMESPACES, "": namespace}, _header(credit=credit), marks_amounts=True)


INVOICE: Final = _syntax("Invoice", credit=False)
CREDIT_NOTE: Final = _syntax("CreditNote", credit=True)
