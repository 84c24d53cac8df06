"""The hybrid PDF: the e-invoice comes out as it was put in, and the PDF stays archival."""

import io
import re
from collections.abc import Iterator

import pikepdf
import pytest

from billwright.documents.hybrid import FILE_NAME, embed_einvoice, embedded_einvoice
from billwright.documents.page import invoice_page
from billwright.documents.pdfa import archival_problems
from billwright.documents.render import Renderer
from billwright.einvoice.checker import Checker
from billwright.einvoice.from_content import invoice_of
from billwright.einvoice.profiles import PROFILES
from support.invoice_contents import ALDERGATE, content

NUMBER = "NW-2026-0042"
VENDORS = re.compile(rb"billwright|weasyprint|pydyf|pikepdf|qpdf", re.IGNORECASE)
MADE = content(5)


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def plain() -> Iterator[bytes]:
    renderer = Renderer()
    yield renderer.render_invoice(invoice_page(MADE, number=NUMBER, brand=ALDERGATE), template_set="classic")
    renderer.close()


@pytest.fixture(scope="module")
def xml(checker: Checker) -> bytes:
    return checker.write(invoice_of(MADE, number=NUMBER, profile=PROFILES["facturx"]), "cii")


@pytest.fixture(scope="module")
def hybrid(plain: bytes, xml: bytes) -> bytes:
    return embed_einvoice(plain, xml, issued_on=MADE.issued_on)


def test_the_einvoice_comes_out_as_it_was_put_in(hybrid: bytes, plain: bytes, xml: bytes) -> None:
    assert embedded_einvoice(hybrid) == xml
    assert embedded_einvoice(plain) is None


def test_the_pdf_stays_archival_and_names_the_attachment_once(hybrid: bytes) -> None:
    assert archival_problems(hybrid) == []
    with pikepdf.open(io.BytesIO(hybrid)) as document:
        (file,) = list(document.Root.AF)
        assert (str(file.UF), str(file.AFRelationship)) == (FILE_NAME, "/Alternative")
        assert str(file.EF.F.Subtype) == "/text/xml"
        assert str(file.EF.F.Params.ModDate).startswith("D:20260402")
        assert list(document.attachments) == [FILE_NAME]


def test_the_metadata_say_which_einvoice_it_is_and_describe_their_schema(hybrid: bytes) -> None:
    with pikepdf.open(io.BytesIO(hybrid)) as document:
        raw = document.Root.Metadata.read_bytes()
        with document.open_metadata() as metadata:
            fx = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
            said = {
                name: metadata.get(f"{fx}{name}") for name in ("DocumentType", "DocumentFileName", "ConformanceLevel")
            }
    assert said == {"DocumentType": "INVOICE", "DocumentFileName": FILE_NAME, "ConformanceLevel": "EN 16931"}
    assert b"pdfaExtension:schemas" in raw
    assert not VENDORS.search(raw)


def test_the_official_rules_of_the_profile_take_the_whole_pdf(hybrid: bytes, checker: Checker) -> None:
    report = checker.check(hybrid, read=True)

    assert (report.container, report.verdict) == ("pdf", "valid")
    assert any("Factur-X EN 16931" in name for name in report.rule_sets)
    assert report.reading is not None
    assert report.reading.invoice.number == NUMBER


def test_equal_input_gives_equal_bytes(plain: bytes, xml: bytes, hybrid: bytes) -> None:
    assert embed_einvoice(plain, xml, issued_on=MADE.issued_on) == hybrid
