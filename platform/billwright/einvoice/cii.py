"""Where the terms of EN 16931 stand in UN/CEFACT Cross Industry Invoice D16B (CEN/TS 16931-3-3)."""

from typing import Final

from billwright.einvoice import model as m
from billwright.einvoice.mapping import Constant, Group, Kind, Leaf, Syntax, Term, is_iban, is_plain, is_schemed

_STANDARD: Final = "urn:un:unece:uncefact:data:standard:"
NAMESPACES: Final = {
    "rsm": f"{_STANDARD}CrossIndustryInvoice:100",
    "ram": f"{_STANDARD}ReusableAggregateBusinessInformationEntity:100",
    "qdt": f"{_STANDARD}QualifiedDataType:100",
    "udt": f"{_STANDARD}UnqualifiedDataType:100",
}
AMOUNT: Final = Kind.AMOUNT
_DAY: Final = "udt:DateTimeString[@format='102']"
_AGREEMENT: Final = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement"
_DELIVERED: Final = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeDelivery"
_SETTLEMENT: Final = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"


def _identifiers(name: str, *, many: bool) -> tuple[Term, ...]:
    return (
        Leaf(name, "ram:ID", Kind.IDENTIFIER, many=many, only=is_plain),
        Leaf(name, "ram:GlobalID", Kind.IDENTIFIER, many=many, only=is_schemed),
    )


def _address(path: str) -> Group:
    return Group(
        "address",
        path,
        m.Address,
        (
            Leaf("postcode", "ram:PostcodeCode"),
            Leaf("street", "ram:LineOne"),
            Leaf("street_2", "ram:LineTwo"),
            Leaf("street_3", "ram:LineThree"),
            Leaf("city", "ram:CityName"),
            Leaf("country", "ram:CountryID"),
            Leaf("region", "ram:CountrySubDivisionName"),
        ),
    )


def _party(name: str, path: str) -> Group:
    contact = "ram:DefinedTradeContact"
    return Group(
        name,
        path,
        m.Party,
        (
            *_identifiers("identifiers", many=True),
            Leaf("name", "ram:Name"),
            Leaf("legal_form", "ram:Description"),
            Leaf("registration", "ram:SpecifiedLegalOrganization/ram:ID", Kind.IDENTIFIER),
            Leaf("trading_name", "ram:SpecifiedLegalOrganization/ram:TradingBusinessName"),
            Group(
                "contact",
                contact,
                m.Contact,
                (
                    Leaf("name", "ram:PersonName"),
                    Leaf("name", "ram:DepartmentName", read_only=True),
                    Leaf("telephone", "ram:TelephoneUniversalCommunication/ram:CompleteNumber"),
                    Leaf("email", "ram:EmailURIUniversalCommunication/ram:URIID"),
                ),
            ),
            _address("ram:PostalTradeAddress"),
            Leaf("electronic_address", "ram:URIUniversalCommunication/ram:URIID", Kind.IDENTIFIER),
            Leaf("vat_id", "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"),
            Leaf("tax_registration", "ram:SpecifiedTaxRegistration[ram:ID/@schemeID='FC']/ram:ID"),
        ),
    )


def _allowance(name: str, path: str, indicator: str, *, taxed: bool) -> Group:
    number = {"true": "1", "false": "0"}[indicator]
    tax = "ram:CategoryTradeTax[ram:TypeCode='VAT']"
    vat = (
        (
            Leaf("vat_category", f"{tax}/ram:CategoryCode"),
            Leaf("vat_rate", f"{tax}/ram:RateApplicablePercent", Kind.NUMBER),
        )
        if taxed
        else ()
    )
    return Group(
        name,
        f"{path}[ram:ChargeIndicator/udt:Indicator='{indicator}' or ram:ChargeIndicator/udt:Indicator='{number}']",
        m.AllowanceCharge,
        (
            Leaf("percent", "ram:CalculationPercent", Kind.NUMBER),
            Leaf("base", "ram:BasisAmount", AMOUNT),
            Leaf("amount", "ram:ActualAmount", AMOUNT),
            Leaf("reason_code", "ram:ReasonCode"),
            Leaf("reason", "ram:Reason"),
            *vat,
        ),
        many=True,
    )


def _period(path: str) -> Group:
    return Group(
        "period",
        path,
        m.Period,
        (
            Leaf("start", f"ram:StartDateTime/{_DAY}", Kind.PLAIN_DATE),
            Leaf("end", f"ram:EndDateTime/{_DAY}", Kind.PLAIN_DATE),
        ),
    )


_DELIVERY: Final = Group(
    "delivery",
    ".",
    m.Delivery,
    (
        Leaf("name", f"{_DELIVERED}/ram:ShipToTradeParty/ram:Name"),
        Leaf("location", f"{_DELIVERED}/ram:ShipToTradeParty/ram:ID", Kind.IDENTIFIER, only=is_plain),
        Leaf("location", f"{_DELIVERED}/ram:ShipToTradeParty/ram:GlobalID", Kind.IDENTIFIER, only=is_schemed),
        _address(f"{_DELIVERED}/ram:ShipToTradeParty/ram:PostalTradeAddress"),
        Leaf(
            "on",
            f"{_DELIVERED}/ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime/{_DAY}",
            Kind.PLAIN_DATE,
        ),
    ),
)
_PAYMENT: Final = Group(
    "payment",
    _SETTLEMENT,
    m.Payment,
    (
        Leaf("creditor_identifier", "ram:CreditorReferenceID"),
        Leaf("remittance_information", "ram:PaymentReference"),
        Leaf("mandate_reference", "ram:SpecifiedTradePaymentTerms/ram:DirectDebitMandateID"),
        Group(
            "means",
            "ram:SpecifiedTradeSettlementPaymentMeans",
            m.PaymentMeans,
            (
                Leaf("code", "ram:TypeCode"),
                Leaf("text", "ram:Information"),
                Leaf("card_number", "ram:ApplicableTradeSettlementFinancialCard/ram:ID"),
                Leaf("card_holder", "ram:ApplicableTradeSettlementFinancialCard/ram:CardholderName"),
                Leaf("debited_account", "ram:PayerPartyDebtorFinancialAccount/ram:IBANID"),
                Leaf("account", "ram:PayeePartyCreditorFinancialAccount/ram:IBANID", only=is_iban),
                Leaf(
                    "account",
                    "ram:PayeePartyCreditorFinancialAccount/ram:ProprietaryID",
                    only=lambda account: not is_iban(account),
                ),
                Leaf("account_name", "ram:PayeePartyCreditorFinancialAccount/ram:AccountName"),
                Leaf("bank", "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"),
            ),
            many=True,
        ),
    ),
)
_VAT: Final = Group(
    "vat",
    f"{_SETTLEMENT}/ram:ApplicableTradeTax[ram:TypeCode='VAT']",
    m.VatBreakdown,
    (
        Leaf("vat", "ram:CalculatedAmount", AMOUNT),
        Leaf("exemption_reason", "ram:ExemptionReason"),
        Leaf("taxable", "ram:BasisAmount", AMOUNT),
        Leaf("category", "ram:CategoryCode"),
        Leaf("exemption_code", "ram:ExemptionReasonCode"),
        Leaf("rate", "ram:RateApplicablePercent", Kind.NUMBER),
    ),
    many=True,
)
_SUM: Final = "ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
_TOTALS: Final = Group(
    "totals",
    _SETTLEMENT,
    m.Totals,
    (
        Leaf("lines_net", f"{_SUM}LineTotalAmount", AMOUNT),
        Leaf("charges", f"{_SUM}ChargeTotalAmount", AMOUNT),
        Leaf("allowances", f"{_SUM}AllowanceTotalAmount", AMOUNT),
        Leaf("net", f"{_SUM}TaxBasisTotalAmount", AMOUNT),
        Leaf("vat", f"{_SUM}TaxTotalAmount[@currencyID=$currency]", Kind.MARKED_AMOUNT),
        Leaf("vat_in_tax_currency", f"{_SUM}TaxTotalAmount[@currencyID=$tax_currency]", Kind.MARKED_AMOUNT),
        Leaf("rounding", f"{_SUM}RoundingAmount", AMOUNT),
        Leaf("gross", f"{_SUM}GrandTotalAmount", AMOUNT),
        Leaf("paid", f"{_SUM}TotalPrepaidAmount", AMOUNT),
        Leaf("due", f"{_SUM}DuePayableAmount", AMOUNT),
    ),
)
_REFERENCED: Final = f"{_AGREEMENT}/ram:AdditionalReferencedDocument"
_DOCUMENTS: Final = Group(
    "documents",
    f"{_REFERENCED}[ram:TypeCode='916']",
    m.SupportingDocument,
    (
        Leaf("reference", "ram:IssuerAssignedID"),
        Leaf("location", "ram:URIID"),
        Leaf("description", "ram:Name"),
        Leaf("content", "ram:AttachmentBinaryObject", Kind.FILE),
        Leaf("media_type", "ram:AttachmentBinaryObject/@mimeCode"),
        Leaf("file_name", "ram:AttachmentBinaryObject/@filename"),
    ),
    many=True,
)
_LINE_AGREEMENT: Final = "ram:SpecifiedLineTradeAgreement"
_LINE_SETTLEMENT: Final = "ram:SpecifiedLineTradeSettlement"
_GROSS: Final = f"{_LINE_AGREEMENT}/ram:GrossPriceProductTradePrice"
_NET: Final = f"{_LINE_AGREEMENT}/ram:NetPriceProductTradePrice"
_PRICE: Final = Group(
    "price",
    ".",
    m.Price,
    (
        Leaf("gross", f"{_GROSS}/ram:ChargeAmount", Kind.PRICE),
        Leaf(
            "discount",
            f"{_GROSS}/ram:AppliedTradeAllowanceCharge[ram:ChargeIndicator/udt:Indicator='false']/ram:ActualAmount",
            Kind.PRICE,
        ),
        Leaf("net", f"{_NET}/ram:ChargeAmount", Kind.PRICE),
        Leaf("base_quantity", f"{_NET}/ram:BasisQuantity", Kind.NUMBER),
        Leaf("base_unit", f"{_NET}/ram:BasisQuantity/@unitCode"),
        Leaf("base_quantity", f"{_GROSS}/ram:BasisQuantity", Kind.NUMBER, read_only=True),
        Leaf("base_unit", f"{_GROSS}/ram:BasisQuantity/@unitCode", read_only=True),
    ),
)
_ITEM: Final = Group(
    "item",
    "ram:SpecifiedTradeProduct",
    m.Item,
    (
        Leaf("standard_id", "ram:GlobalID", Kind.IDENTIFIER),
        Leaf("seller_id", "ram:SellerAssignedID"),
        Leaf("buyer_id", "ram:BuyerAssignedID"),
        Leaf("name", "ram:Name"),
        Leaf("description", "ram:Description"),
        Group(
            "attributes",
            "ram:ApplicableProductCharacteristic",
            m.Attribute,
            (Leaf("name", "ram:Description"), Leaf("value", "ram:Value")),
            many=True,
        ),
        Leaf(
            "classifications",
            "ram:DesignatedProductClassification",
            Kind.IDENTIFIER,
            many=True,
            inner="ram:ClassCode",
            scheme="@listID",
            version="@listVersionID",
        ),
        Leaf("origin_country", "ram:OriginTradeCountry/ram:ID"),
    ),
)
_LINE_TAX: Final = f"{_LINE_SETTLEMENT}/ram:ApplicableTradeTax[ram:TypeCode='VAT']"
_LINES: Final = Group(
    "lines",
    "rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem",
    m.Line,
    (
        Leaf("id", "ram:AssociatedDocumentLineDocument/ram:LineID"),
        Leaf("note", "ram:AssociatedDocumentLineDocument/ram:IncludedNote/ram:Content", Kind.LINES),
        _ITEM,
        Leaf("order_line", f"{_LINE_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:LineID"),
        _PRICE,
        Leaf("quantity", "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", Kind.NUMBER),
        Leaf("unit", "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity/@unitCode"),
        Leaf("vat_category", f"{_LINE_TAX}/ram:CategoryCode"),
        Leaf("vat_rate", f"{_LINE_TAX}/ram:RateApplicablePercent", Kind.NUMBER),
        _period(f"{_LINE_SETTLEMENT}/ram:BillingSpecifiedPeriod"),
        _allowance("allowances", f"{_LINE_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge", "false", taxed=False),
        _allowance("charges", f"{_LINE_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge", "true", taxed=False),
        Leaf(
            "net", f"{_LINE_SETTLEMENT}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", AMOUNT
        ),
        Leaf(
            "invoiced_object",
            f"{_LINE_SETTLEMENT}/ram:AdditionalReferencedDocument[ram:TypeCode='130']",
            Kind.IDENTIFIER,
            inner="ram:IssuerAssignedID",
            scheme="ram:ReferenceTypeCode",
        ),
        Leaf("accounting_reference", f"{_LINE_SETTLEMENT}/ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID"),
    ),
    many=True,
)
_TERMS: Final = f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms"
_PROJECT: Final = f"{_AGREEMENT}/ram:SpecifiedProcuringProject"
_HEADER: Final[tuple[Term, ...]] = (
    Leaf("process", "rsm:ExchangedDocumentContext/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"),
    Leaf("specification", "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"),
    Leaf("number", "rsm:ExchangedDocument/ram:ID"),
    Leaf("type_code", "rsm:ExchangedDocument/ram:TypeCode"),
    Leaf("issued_on", f"rsm:ExchangedDocument/ram:IssueDateTime/{_DAY}", Kind.PLAIN_DATE),
    Group(
        "notes",
        "rsm:ExchangedDocument/ram:IncludedNote",
        m.Note,
        (Leaf("text", "ram:Content", Kind.LINES), Leaf("subject", "ram:SubjectCode")),
        many=True,
    ),
    _LINES,
    Leaf("buyer_reference", f"{_AGREEMENT}/ram:BuyerReference"),
    _party("seller", f"{_AGREEMENT}/ram:SellerTradeParty"),
    _party("buyer", f"{_AGREEMENT}/ram:BuyerTradeParty"),
    _party("tax_representative", f"{_AGREEMENT}/ram:SellerTaxRepresentativeTradeParty"),
    Leaf("sales_order", f"{_AGREEMENT}/ram:SellerOrderReferencedDocument/ram:IssuerAssignedID"),
    Leaf("purchase_order", f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"),
    Leaf("contract", f"{_AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID"),
    Leaf("tender", f"{_REFERENCED}[ram:TypeCode='50']/ram:IssuerAssignedID"),
    Leaf(
        "invoiced_object",
        f"{_REFERENCED}[ram:TypeCode='130']",
        Kind.IDENTIFIER,
        inner="ram:IssuerAssignedID",
        scheme="ram:ReferenceTypeCode",
    ),
    _DOCUMENTS,
    Leaf("project", f"{_PROJECT}/ram:ID"),
    Constant(f"{_PROJECT}/ram:Name", "Project reference", beside="project"),
    Constant(_DELIVERED, None),
    _DELIVERY,
    Leaf("despatch_advice", f"{_DELIVERED}/ram:DespatchAdviceReferencedDocument/ram:IssuerAssignedID"),
    Leaf("receiving_advice", f"{_DELIVERED}/ram:ReceivingAdviceReferencedDocument/ram:IssuerAssignedID"),
    _PAYMENT,
    Leaf("tax_currency", f"{_SETTLEMENT}/ram:TaxCurrencyCode"),
    Leaf("currency", f"{_SETTLEMENT}/ram:InvoiceCurrencyCode"),
    _party("payee", f"{_SETTLEMENT}/ram:PayeeTradeParty"),
    _VAT,
    Leaf(
        "tax_point_date",
        f"{_SETTLEMENT}/ram:ApplicableTradeTax[ram:TypeCode='VAT']/ram:TaxPointDate/udt:DateString[@format='102']",
        Kind.PLAIN_DATE,
    ),
    Leaf("tax_point_code", f"{_SETTLEMENT}/ram:ApplicableTradeTax[ram:TypeCode='VAT']/ram:DueDateTypeCode"),
    _period(f"{_SETTLEMENT}/ram:BillingSpecifiedPeriod"),
    _allowance("allowances", f"{_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge", "false", taxed=True),
    _allowance("charges", f"{_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge", "true", taxed=True),
    Leaf("payment_terms", f"{_TERMS}/ram:Description", Kind.LINES),
    Leaf("due_on", f"{_TERMS}/ram:DueDateDateTime/{_DAY}", Kind.PLAIN_DATE),
    _TOTALS,
    Group(
        "preceding",
        f"{_SETTLEMENT}/ram:InvoiceReferencedDocument",
        m.PrecedingInvoice,
        (
            Leaf("number", "ram:IssuerAssignedID"),
            Leaf("issued_on", "ram:FormattedIssueDateTime/qdt:DateTimeString[@format='102']", Kind.PLAIN_DATE),
        ),
        many=True,
    ),
    Leaf("accounting_reference", f"{_SETTLEMENT}/ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID"),
)

INVOICE: Final = Syntax(f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice", NAMESPACES, _HEADER, marks_amounts=False)
