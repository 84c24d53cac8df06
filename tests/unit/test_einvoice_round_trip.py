"""Reading and writing: nothing of the content is lost between the syntaxes, and what is written passes the official rules."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from billwright.einvoice import model as m
from billwright.einvoice.checker import Checker
from billwright.einvoice.read import read_invoice
from billwright.einvoice.reading import Reading
from billwright.einvoice.write import write_cii, write_ubl
from support.einvoices import MATERIAL, an_invoice, euro, material, needs_material, verdicts

VERDICTS = verdicts()
VALID = [name for name, verdict in VERDICTS.items() if "fatal" not in verdict["en16931"]]
WRITERS = {"ubl": write_ubl, "cii": write_cii}
D16B = MATERIAL / "xsd/cii-d16b/uncefact/data/standard/CrossIndustryInvoice_100pD16B.xsd"
EMPTY_EXEMPTION = {
    f"xrechnung/test/instances/ubl-inv/ubl-inv-{name}.xml"
    for name in (
        "br-de-3-test", "br-de-9-test", "peppol-en16931-r010", "peppol-en16931-r041", "peppol-en16931-r061-1",
        "peppol-en16931-r121",
    )
}  # fmt: skip
"""They have a VAT breakdown of 0.00 for exempt lines and no such line. CEN's rule for UBL lets that pass, its rule of the same
name for CII does not (BR-E-01); leaving the breakdown out would lose content."""
MANY_PRECEDING = "xrechnung/test/instances/ubl-inv/ubl-inv-br-tmp-2-test.xml"
"""D16B has one preceding invoice, EN 16931 many; D22B has many."""
SUB_LINES = "SubInvoiceLine"
"""Lines within lines are of XRechnung's extension; EN 16931 has no term for them, and the reading says that they were left."""


def reading_of(document: bytes) -> Reading:
    return read_invoice(etree.fromstring(document))


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def d16b() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(D16B))


@needs_material
@pytest.mark.parametrize("name", VERDICTS)
def test_everything_that_a_collected_document_says_is_read(name: str) -> None:
    reading = reading_of(material(name))

    assert reading.unreadable == ()
    assert [place for place in reading.not_carried if SUB_LINES not in place] == []


@needs_material
@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("syntax", WRITERS)
def test_a_valid_document_keeps_its_content_in_either_syntax(checker: Checker, name: str, syntax: str) -> None:
    content = reading_of(material(name)).invoice
    written = WRITERS[syntax](content)

    assert reading_of(written).invoice == content
    report = checker.check(written)
    fatal = {finding.rule for finding in report.findings if finding.severity == "fatal"}
    assert fatal == ({"BR-E-01"} if syntax == "cii" and name in EMPTY_EXEMPTION else set())


ONE_BUYER_IDENTIFIER = "intarsys/EN16931/zugferd_2p0_EN16931_Einfach.pdf"
"""It gives the buyer two (BT-46 is one): CEN's rules warn of that in CII and forbid it in UBL."""


@needs_material
@pytest.mark.parametrize("syntax", WRITERS)
@pytest.mark.parametrize(
    "name", [ONE_BUYER_IDENTIFIER, "symtrax/Beispiele/EN16931/zugferd_2p1_EN16931_1_Teilrechnung.pdf"]
)
def test_the_content_of_a_valid_pdf_is_kept_too(checker: Checker, name: str, syntax: str) -> None:
    reading = checker.check(material(f"zugferd-corpus/ZUGFeRDv2/correct/{name}"), read=True).reading
    assert reading is not None
    report = checker.check(checker.write(reading.invoice, syntax), read=True)

    assert report.reading == reading
    fatal = {finding.rule for finding in report.findings if finding.severity == "fatal"}
    assert fatal == ({"UBL-SR-16"} if (name, syntax) == (ONE_BUYER_IDENTIFIER, "ubl") else set())


@needs_material
@pytest.mark.parametrize("name", [name for name in VALID if name != MANY_PRECEDING])
def test_written_cii_is_d16b(d16b: etree.XMLSchema, name: str) -> None:
    root = etree.fromstring(write_cii(reading_of(material(name)).invoice))

    assert d16b.validate(root), d16b.error_log


@pytest.mark.parametrize("syntax", WRITERS)
def test_an_invoice_of_ours_is_valid_and_comes_back_whole(checker: Checker, syntax: str) -> None:
    content = an_invoice()
    written = checker.write(content, syntax)
    report = checker.check(written, read=True)

    assert (report.syntax, report.verdict, report.findings) == (syntax, "valid", ())
    assert report.reading == Reading(content, (), ())


@pytest.mark.parametrize("syntax", WRITERS)
def test_a_credit_note_is_one_in_either_syntax(checker: Checker, syntax: str) -> None:
    content = an_invoice(
        type_code="381",
        project="P-9",
        preceding=(m.PrecedingInvoice(number="BW-2026-000", issued_on=date(2026, 2, 28)),),
    )
    written = checker.write(content, syntax)

    assert (b"CreditNote" in written) == (syntax == "ubl")
    report = checker.check(written, read=True)
    assert report.verdict == "valid"
    assert report.reading is not None
    assert report.reading.invoice == content


def test_ubl_gets_a_means_of_payment_where_a_term_needs_one(checker: Checker) -> None:
    for content in (
        an_invoice(payment=m.Payment(remittance_information="R")),
        an_invoice(type_code="381", payment=None),
    ):
        report = checker.check(checker.write(content, "ubl"), read=True)

        assert report.verdict == "valid"
        assert report.reading is not None
        payment = report.reading.invoice.payment
        assert payment is not None
        assert payment.means == (m.PaymentMeans(code="1"),)
        assert report.reading.invoice.due_on == content.due_on


def test_what_ubl_says_in_its_own_way_is_the_same_content() -> None:
    price = m.Price(net=Decimal("90.00"), discount=Decimal("10.00"), gross=Decimal("100.00"))
    line = replace(an_invoice().lines[0], price=price)
    content = an_invoice(
        lines=(line, replace(line, id="2", price=m.Price(net=Decimal("5"), gross=Decimal("5")))),
        sales_order="SO-1",
        tax_point_code="432",
        payment=m.Payment(remittance_information="BW-1", means=(m.PaymentMeans(code="30", account="NOT-AN-IBAN"),)),
    )

    ubl, cii = write_ubl(content), write_cii(content)
    assert b"<cbc:ID>NA</cbc:ID>" in ubl
    assert b"#AAI#Thank you." in ubl
    assert b"<ram:DueDateTypeCode>72</ram:DueDateTypeCode>" in cii
    assert b"<ram:ProprietaryID>NOT-AN-IBAN</ram:ProprietaryID>" in cii
    assert reading_of(ubl).invoice == reading_of(cii).invoice == content


texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
numbers = st.decimals(-(10**9), 10**9, places=4)
cents = st.integers(-(10**10), 10**10).map(lambda minor: m.Amount(amount=Decimal(minor).scaleb(-2), currency="EUR"))
days = st.dates(date(1900, 1, 1), date(2999, 12, 31))
identifiers = st.builds(m.Identifier, value=texts, scheme=st.none() | texts)
reductions = st.builds(
    m.AllowanceCharge,
    amount=cents,
    base=st.none() | cents,
    percent=st.none() | numbers,
    reason=texts,
    vat_category=texts,
)
attributes = st.builds(m.Attribute, name=texts, value=texts)
lines = st.builds(
    m.Line,
    id=texts,
    quantity=numbers,
    unit=texts,
    net=cents,
    order_line=st.none() | texts,
    period=st.none() | st.builds(m.Period, start=days, end=days),
    price=st.builds(m.Price, net=numbers),
    item=st.builds(m.Item, name=texts, standard_id=st.none() | identifiers, attributes=st.lists(attributes).map(tuple)),
)
documents = st.builds(
    m.SupportingDocument, reference=texts, content=st.none() | st.binary(min_size=1), media_type=st.none()
)
invoices = st.builds(
    an_invoice,
    number=texts,
    issued_on=days,
    type_code=st.sampled_from(["380", "381", "384"]),
    invoiced_object=st.none() | identifiers,
    allowances=st.lists(reductions, max_size=3).map(tuple),
    charges=st.lists(reductions, max_size=3).map(tuple),
    documents=st.lists(documents, max_size=2).map(tuple),
    lines=st.lists(lines, min_size=1, max_size=4).map(tuple),
    totals=st.builds(m.Totals, due=cents, rounding=st.none() | cents, vat=st.just(euro("0.00"))),
)


@settings(max_examples=150, deadline=None)
@given(invoices)
def test_any_content_comes_back_from_either_syntax(content: m.Invoice) -> None:
    for write in WRITERS.values():
        reading = reading_of(write(content))
        assert (reading.invoice, reading.not_carried, reading.unreadable) == (content, (), ())
