"""E-invoices of our own: whatever we issue passes the official rules in every format, and says what was frozen."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.einvoice.checker import Checker
from billwright.einvoice.essentials import lacking
from billwright.einvoice.from_content import amount, invoice_of, is_possible
from billwright.einvoice.model import Identifier, Invoice, SupportingDocument
from billwright.einvoice.profiles import PROFILES, Profile
from billwright.extension.einvoicing import CustomerEinvoice, ElectronicAddress, SellerEinvoice
from billwright.issuing.content import (
    CreditContent,
    EinvoiceContent,
    InvoiceContent,
    LineContent,
    Preceding,
    TaxComponentContent,
    TaxContent,
)
from billwright.kernel.money import Money, price_times_quantity, tax_amount
from support.invoice_contents import BUYER, SELLER, content, line

SAYS = EinvoiceContent(
    buyer=CustomerEinvoice(
        buyer_reference="04011000-12345-34", electronic_address=ElectronicAddress(scheme="9930", id="DE123456789")
    ),
    seller=SellerEinvoice(
        electronic_address=ElectronicAddress(scheme="9930", id="DE123456788"), contact="Accounts receivable"
    ),
)
GERMAN = msgspec.structs.replace(
    SELLER, country="DE", tax_id="DE123456788", city="Berlin", postal_code="10115", phone="+49 30 1234"
)
CASES = {
    "domestic": (("S", 1900),),
    "two rates": (("S", 1900), ("S", 700)),
    "zero-rated and standard": (("S", 1900), ("Z", 0)),
    "exempt and standard": (("S", 1900), ("E", 0)),
    "reverse charge": (("AE", 0),),
    "within the Union": (("K", 0),),
    "export": (("G", 0),),
    "outside the scope": (("O", 0),),
}
CREDITED = CreditContent(
    preceding=Preceding(invoice_id="inv_2", number="BW-2026-001", issued_on=date(2026, 3, 1)),
    reason_code="price",
    reason="The rate was agreed lower.",
)
ATTACHED = (
    SupportingDocument(
        reference="timesheet",
        description="Hours by person and day",
        content=b"%PDF-1.7 test",
        media_type="application/pdf",
        file_name="hours.pdf",
    ),
)


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


def mirrored(made: InvoiceContent) -> InvoiceContent:
    """The same as a credit note, signed from our claim."""
    lines = tuple(
        msgspec.structs.replace(
            each,
            quantity=-each.quantity,
            net_minor=-each.net_minor,
            standard_minor=None if each.standard_minor is None else -each.standard_minor,
        )
        for each in made.lines
    )
    taxes = tuple(
        msgspec.structs.replace(each, taxable_minor=-each.taxable_minor, tax_minor=-each.tax_minor)
        for each in made.taxes
    )
    totals = {name: -getattr(made, name) for name in ("net_minor", "tax_minor", "gross_minor")}
    return msgspec.structs.replace(
        made, document_type="credit_note", credit=CREDITED, lines=lines, taxes=taxes, **totals
    )


def an_invoice_content(case: str, currency: str = "EUR", **changed: Any) -> InvoiceContent:
    """Eight lines, one of them negative, over the tax categories of the case; lines name their evidence."""
    categories = CASES[case]
    lines = tuple(
        line(
            place, currency, tax_category=categories[place % len(categories)][0],
            tax_rate_basis_points=categories[place % len(categories)][1], evidence=("Signed protocol",),
        )
        for place in range(1, 9)
    )  # fmt: skip
    return content(currency=currency, lines=lines, seller=GERMAN, einvoice=SAYS, **changed)


def fatal(checker: Checker, invoice: Invoice, profile: Profile) -> list[str]:
    written = checker.write(invoice, profile.syntax)
    report = checker.check(written, read=True)
    assert report.verdict != "unchecked", report.findings
    assert report.reading is not None
    assert report.reading.unreadable == ()
    assert report.reading.invoice.totals == invoice.totals
    assert report.reading.invoice.lines == invoice.lines
    assert report.reading.invoice.vat == invoice.vat
    return [f"{each.rule}: {each.text}" for each in report.findings if each.severity == "fatal"]


@pytest.mark.parametrize("credit", [False, True], ids=["invoice", "credit note"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_format_passes_the_official_rules(profile: Profile, case: str, credit: bool, checker: Checker) -> None:
    made = an_invoice_content(case)
    if credit:
        made = mirrored(made)
    invoice = invoice_of(made, number="BW/2026-017", profile=profile, attachments=ATTACHED)

    assert fatal(checker, invoice, profile) == []
    assert lacking(invoice, profile.family) == []
    assert [each.number for each in invoice.preceding] == (["BW-2026-001"] if credit else [])


@pytest.mark.parametrize("currency", ["JPY", "GBP", "USD"])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_other_currencies_pass_as_well(profile: Profile, currency: str, checker: Checker) -> None:
    invoice = invoice_of(an_invoice_content("domestic", currency), number="1", profile=profile)

    assert fatal(checker, invoice, profile) == []


def test_three_decimals_are_refused_and_never_rounded_away() -> None:
    assert [currency for currency in ("EUR", "JPY", "KWD", "BHD") if not is_possible(currency)] == ["KWD", "BHD"]


def test_a_credit_note_is_written_with_positive_amounts() -> None:
    credit = invoice_of(mirrored(an_invoice_content("domestic")), number="C-1", profile=PROFILES["ubl"])
    invoice = invoice_of(an_invoice_content("domestic"), number="C-1", profile=PROFILES["ubl"])

    assert (credit.type_code, invoice.type_code) == ("381", "380")
    assert (credit.totals, credit.vat, credit.lines) == (invoice.totals, invoice.vat, invoice.lines)
    assert credit.payment is None


def test_breakdown_rows_of_one_category_and_rate_are_one() -> None:
    made = an_invoice_content("outside the scope")
    (row,) = made.taxes
    parts = (
        msgspec.structs.replace(row, taxable_minor=row.taxable_minor - 100, reason="Article 44"),
        msgspec.structs.replace(row, taxable_minor=100, reason="Services abroad"),
    )
    invoice = invoice_of(msgspec.structs.replace(made, taxes=parts), number="1", profile=PROFILES["cii"])

    assert [(each.taxable, each.exemption_reason) for each in invoice.vat] == [
        (amount(row.taxable_minor, "EUR"), "Article 44; Services abroad")
    ]


def test_ids_that_are_no_vat_ids_stand_where_any_id_may() -> None:
    american = msgspec.structs.replace(BUYER, country="US", tax_id="12-3456789")
    greek = msgspec.structs.replace(GERMAN, country="GR", tax_id="EL 094259216")
    invoice = invoice_of(content(buyer=american, seller=greek), number="1", profile=PROFILES["ubl"])

    assert invoice.buyer is not None
    assert invoice.seller is not None
    assert (invoice.buyer.vat_id, invoice.buyer.identifiers) == (None, (Identifier(value="12-3456789"),))
    assert invoice.seller.vat_id == "EL094259216"


@pytest.mark.parametrize(
    ("family", "without", "rule"),
    [
        ("xrechnung_ubl", {"buyer_reference": None}, "BR-DE-15"),
        ("xrechnung_cii", {"payment": None}, "BR-DE-1"),
        ("peppol", {"buyer_reference": None, "purchase_order": None}, "PEPPOL-EN16931-R003"),
    ],
)
def test_what_a_family_asks_for_beyond_the_standard_is_said(family: str, without: dict[str, Any], rule: str) -> None:
    profile = PROFILES[family]
    invoice = invoice_of(an_invoice_content("domestic"), number="1", profile=profile)

    (finding,) = lacking(replace(invoice, **without), profile.family)

    assert (finding.rule, finding.severity) == (rule, "fatal")
    assert finding.remedy
    assert "(B" in finding.field


def test_xrechnung_asks_for_whom_to_call() -> None:
    bare = content(seller=msgspec.structs.replace(SELLER, email="", city="", postal_code=""), einvoice=None)

    rules = {
        each.rule for each in lacking(invoice_of(bare, number="1", profile=PROFILES["xrechnung_ubl"]), "xrechnung")
    }

    assert {"BR-DE-2", "BR-DE-3", "BR-DE-4", "BR-DE-5", "BR-DE-6", "BR-DE-7", "BR-DE-15"} <= rules


def test_peppol_takes_no_e_mail_address_for_an_address() -> None:
    made = content(buyer=msgspec.structs.replace(BUYER, email="ap@client.example"), seller=GERMAN)

    rules = [each.rule for each in lacking(invoice_of(made, number="1", profile=PROFILES["peppol"]), "peppol")]

    assert rules == ["PEPPOL-EN16931-CL008", "PEPPOL-EN16931-CL008"]


@st.composite
def contents(draw: st.DrawFn) -> InvoiceContent:
    """Shares of lines, discounts, many decimals: amounts that do not follow from price and quantity alone."""
    currency = draw(st.sampled_from(["EUR", "JPY", "USD"]))
    categories = draw(st.sampled_from(list(CASES.values())))
    lines: list[LineContent] = []
    for place in range(1, draw(st.integers(1, 5)) + 1):
        quantity = draw(st.decimals("-40", "90", places=3).filter(lambda value: value != 0))
        price = draw(st.decimals("0.0001", "900", places=4))
        share = draw(st.integers(0, 3))
        category, rate = categories[place % len(categories)]
        exact = price_times_quantity(price, quantity, currency).minor
        net = exact // share if share > 1 else exact
        standard = exact if share == 3 else None
        lines.append(
            line(
                place, currency, quantity=quantity, unit_price=price, net_minor=net, tax_category=category,
                tax_rate_basis_points=rate, standard_minor=standard,
            )
        )  # fmt: skip
    made = content(currency=currency, lines=tuple(lines), seller=GERMAN, einvoice=SAYS)
    return mirrored(made) if draw(st.booleans()) else made


@settings(max_examples=60, deadline=None)
@given(made=contents(), profile=st.sampled_from(list(PROFILES.values())))
def test_amounts_of_any_kind_pass(made: InvoiceContent, profile: Profile, checker: Checker) -> None:
    invoice = invoice_of(made, number="BW-1", profile=profile)

    assert fatal(checker, invoice, profile) == []
    assert lacking(invoice, profile.family) == []


def test_the_tax_of_the_breakdown_is_the_frozen_one() -> None:
    tax = TaxContent(
        category="S", rate_basis_points=750, taxable_minor=333, tax_minor=tax_amount(Money(333, "EUR"), 750).minor
    )
    one = line(1, quantity=Decimal(1), unit_price=Decimal("3.33"), net_minor=333, tax_rate_basis_points=750)
    made = content(lines=(one,), taxes=(tax,), tax_minor=25, gross_minor=358)

    invoice = invoice_of(made, number="1", profile=PROFILES["ubl"])

    assert [(each.vat, each.rate) for each in invoice.vat] == [(amount(25, "EUR"), Decimal("7.5"))]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_what_was_written_down_or_up_is_an_allowance_or_a_charge_of_its_line(
    profile: Profile, checker: Checker
) -> None:
    lines = (
        line(1, quantity=Decimal(10), unit_price=Decimal(120), net_minor=110_000, standard_minor=120_000),
        line(2, quantity=Decimal(10), unit_price=Decimal(120), net_minor=125_000, standard_minor=120_000),
        line(3, quantity=Decimal(-1), unit_price=Decimal(120), net_minor=-10_000, standard_minor=-12_000),
    )
    invoice = invoice_of(content(lines=lines, seller=GERMAN, einvoice=SAYS), number="1", profile=profile)

    assert [[each.amount for each in made.allowances] for made in invoice.lines] == [[amount(10_000, "EUR")], [], []]
    assert [[each.amount for each in made.charges] for made in invoice.lines] == [
        [],
        [amount(5_000, "EUR")],
        [amount(2_000, "EUR")],
    ]
    assert [made.price and made.price.net for made in invoice.lines] == [Decimal(120)] * 3
    assert fatal(checker, invoice, profile) == []
    assert lacking(invoice, profile.family) == []


def test_several_taxes_on_one_base_are_one_exact_rate(checker: Checker) -> None:
    """GST and QST: 5 % and 9.975 %; our own rows round their sum down."""
    parts = (
        TaxComponentContent(name="GST", rate_ppm=50_000, tax_minor=50_00),
        TaxComponentContent(name="QST", rate_ppm=99_750, tax_minor=99_75),
    )
    tax = TaxContent(category="S", rate_basis_points=1497, taxable_minor=1000_00, tax_minor=149_75, components=parts)
    one = line(1, quantity=Decimal(1), unit_price=Decimal(1000), net_minor=1000_00, tax_rate_basis_points=1497)
    made = content(currency="EUR", lines=(one,), taxes=(tax,), tax_minor=149_75, gross_minor=1149_75)

    invoice = invoice_of(made, number="1", profile=PROFILES["ubl"])

    assert [each.rate for each in invoice.vat] == [each.vat_rate for each in invoice.lines] == [Decimal("14.975")]
    assert fatal(checker, invoice, PROFILES["ubl"]) == []
