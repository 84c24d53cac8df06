"""What the PDF says and is: read back from the bytes, not from the template."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from billwright.documents.format import LANGUAGES
from billwright.documents.page import InvoicePage, invoice_page
from billwright.documents.pdfa import PRODUCER, archival_problems
from billwright.documents.render import Renderer
from billwright.issuing.content import InvoiceContent
from billwright.kernel.brand import Brand
from support.invoice_contents import ALDERGATE, KESTREL, content, line

NUMBER = "NW-2026-0042"
VENDORS = re.compile("billwright|weasyprint|pydyf|pikepdf|qpdf", re.IGNORECASE)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


def pages_of(pdf: bytes) -> list[str]:
    """Text of each page, blanks of all kinds made one space, joiners and the line-end hyphens of the extractor gone."""
    with pypdfium2.PdfDocument(pdf) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    return [plain(text) for text in texts]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u2060", "").replace("\u00a0", " ")).replace("\ufffe", "-")


def make(invoice: InvoiceContent, brand: Brand = ALDERGATE, language: str = "en") -> InvoicePage:
    return invoice_page(invoice, number=NUMBER, brand=brand, language=language)


def squeezed(text: str) -> str:
    return plain(text).replace(" ", "")


def missing(page: InvoicePage, text: str) -> list[str]:
    """Every printed value of ``page`` that the PDF's text does not hold, line breaks aside."""
    printed = [page.number, page.title, page.net, page.total, page.total_money, page.terms, *page.tax_notes]
    printed += [value for tax in page.taxes for value in (tax.label, tax.taxable, tax.amount)]
    for each in page.lines:
        printed += [each.description, each.references, each.quantity, each.unit_price, each.tax_rate, each.amount]
    printed += [fact.value for fact in (*page.facts, *page.payment.rows)]
    haystack = squeezed(text)
    return [value for value in printed if squeezed(value) not in haystack]


@pytest.mark.parametrize("template_set", ["classic", "modern"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("currency", ["EUR", "USD", "JPY", "KWD"])
def test_the_pdf_holds_every_value(renderer: Renderer, template_set: str, language: str, currency: str) -> None:
    page = make(content(6, currency), language=language)

    pdf = renderer.render_invoice(page, template_set=template_set)

    assert missing(page, " ".join(pages_of(pdf))) == []
    assert archival_problems(pdf) == []


@pytest.mark.parametrize("template_set", ["classic", "modern"])
def test_one_line_fits_on_one_page(renderer: Renderer, template_set: str) -> None:
    pages = pages_of(renderer.render_invoice(make(content(1)), template_set=template_set))

    assert len(pages) == 1
    assert "Page 1 of 1" in pages[0]


@pytest.mark.parametrize(
    ("template_set", "language", "page_x_of_y"),
    [("classic", "de", "Seite {} von {}"), ("modern", "fr", "Page {} sur {}")],
)
def test_two_hundred_lines_repeat_the_head_and_keep_the_totals_with_a_line(
    renderer: Renderer, template_set: str, language: str, page_x_of_y: str
) -> None:
    page = make(content(200), language=language)

    pages = pages_of(renderer.render_invoice(page, template_set=template_set))

    assert len(pages) >= 5
    assert missing(page, " ".join(pages)) == []
    for index, text in enumerate(pages, start=1):
        assert page_x_of_y.format(index, len(pages)) in text
        assert NUMBER in text
        if any(squeezed(each.references) in squeezed(text) for each in page.lines):
            assert page.texts.unit_price in text  # the table's head
    last = next(
        text for text in pages if page.total_label in text and squeezed(page.taxes[0].taxable) in squeezed(text)
    )
    assert squeezed(page.lines[-1].references) in squeezed(last)


@pytest.mark.parametrize("count", range(1, 24))
def test_totals_are_never_alone_on_a_page(renderer: Renderer, count: int) -> None:
    page = make(content(count), KESTREL)

    pages = pages_of(renderer.render_invoice(page, template_set="classic"))

    totals = next(
        text for text in pages if squeezed(f"{page.taxes[0].label} {page.taxes[0].taxable}") in squeezed(text)
    )
    assert squeezed(page.lines[-1].references) in squeezed(totals)
    assert squeezed(page.total_money) in squeezed(totals)


def test_two_brands_look_like_two_firms_and_nothing_leaks(renderer: Renderer) -> None:
    """One renderer serves both, in turn: what is kept warm must not carry over."""
    a = renderer.render_invoice(make(content(), ALDERGATE), template_set="classic")
    b = renderer.render_invoice(make(content(), KESTREL), template_set="classic")

    assert renderer.render_invoice(make(content(), ALDERGATE), template_set="classic") == a
    for pdf, own, other in ((a, ALDERGATE, KESTREL), (b, KESTREL, ALDERGATE)):
        with pypdfium2.PdfDocument(pdf) as document:
            facts = " ".join(document.get_metadata_dict().values())
        everything = (facts + " ".join(pages_of(pdf))).lower()
        assert own.name.split()[0].lower() in everything
        assert other.name.split()[0].lower() not in everything
        assert not VENDORS.search(everything)
        assert not VENDORS.search(unpacked(pdf))
    assert colours(a) != colours(b)


def unpacked(pdf: bytes) -> str:
    """The file with every stream that has no image or font filter of its own laid open, as text."""
    opened = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.save(
            opened,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return opened.getvalue().decode("latin-1")


@pytest.mark.parametrize("name", ["Müller & Söhne", 'The "Only" <Firm> \'s', "株式会社"])
def test_the_file_names_the_brand_as_its_maker(renderer: Renderer, name: str) -> None:
    pdf = renderer.render_invoice(make(content(1), structs.replace(ALDERGATE, name=name)), template_set="modern")

    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert str(document.docinfo["/Producer"]) == name
        with document.open_metadata() as metadata:
            assert metadata[PRODUCER] == name
    assert archival_problems(pdf) == []


def test_two_makers_in_one_file_are_found(renderer: Renderer) -> None:
    changed = io.BytesIO()
    with pikepdf.open(io.BytesIO(renderer.render_invoice(make(content(1)), template_set="modern"))) as document:
        document.docinfo["/Producer"] = "Somebody else"
        document.save(changed)

    assert "The XMP metadata and the document information name different producers." in archival_problems(
        changed.getvalue()
    )


def colours(pdf: bytes) -> set[tuple[int, ...]]:
    """Strong colours of the first page."""
    with pypdfium2.PdfDocument(pdf) as document:
        image = document[0].render(scale=1).to_pil().convert("RGB")
    found = image.getcolors(maxcolors=1 << 24) or []
    return {rgb for count, rgb in found if isinstance(rgb, tuple) and count > 20 and max(rgb) - min(rgb) > 60}


CHILD = """
import hashlib
from billwright.documents.page import invoice_page
from billwright.documents.render import Renderer
from support.invoice_contents import ALDERGATE, content
page = invoice_page(content(30), number="NW-2026-0042", brand=ALDERGATE)
print(hashlib.sha256(Renderer().render_invoice(page, template_set="modern")).hexdigest())
"""


def test_equal_input_gives_equal_bytes_in_other_processes() -> None:
    hashes = set()
    for seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", CHILD], env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."}, cwd=Path(__file__).parents[1],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        hashes.add(answer.stdout)

    assert len(hashes) == 1


def test_the_file_says_whose_it_is_and_when_it_was_issued(renderer: Renderer) -> None:
    pdf = renderer.render_invoice(make(content(1), language="de"), template_set="modern")

    with pypdfium2.PdfDocument(pdf) as document:
        facts = document.get_metadata_dict()
    assert facts["Title"] == "Rechnung NW-2026-0042 – Aldergate Consulting"
    assert facts["Author"] == "Aldergate Consulting"
    assert facts["CreationDate"] == facts["ModDate"] == "D:20260402"
    assert b"/Lang (de)" in pdf or "de" in document_language(pdf)


def document_language(pdf: bytes) -> str:
    import io

    import pikepdf

    with pikepdf.open(io.BytesIO(pdf)) as document:
        return str(document.Root.Lang)


@pytest.mark.parametrize("template_set", ["classic", "modern"])
def test_strange_texts_stay_texts(renderer: Renderer, template_set: str) -> None:
    strange = '<b>R&D</b> {{ 7 * 7 }} "quoted" <script>alert(1)</script> {% raw %}'
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
    page = make(
        content(lines=(line(1, description=strange, accepted_by=word), line(2, description=word)), notes=(strange,))
    )

    text = squeezed(" ".join(pages_of(renderer.render_invoice(page, template_set=template_set))))

    assert text.count(squeezed(strange)) == 2
    assert "49" not in squeezed(strange)
    assert text.count(squeezed(word)) == 2


@pytest.mark.parametrize("template_set", ["classic", "modern"])
def test_nothing_leaves_the_sheet(renderer: Renderer, template_set: str) -> None:
    """Long words, long numbers and large amounts wrap; no glyph stands in the outer 8 mm."""
    word = "W" * 200
    big = line(1, description=word, net_minor=-(10**14) + 7, clause_title=word)
    page = make(content(lines=(big,), purchase_order=word), KESTREL, "fr")

    with pypdfium2.PdfDocument(renderer.render_invoice(page, template_set=template_set)) as document:
        width = document[0].get_width()
        for sheet in document:
            text = sheet.get_textpage()
            boxes = [text.get_charbox(index) for index in range(text.count_chars())]
            assert min(left for left, _, right, _ in boxes if right > left) > 8 * 72 / 25.4
            assert max(right for _, _, right, _ in boxes) < width - 8 * 72 / 25.4


amounts = st.integers(-(10**11), 10**11)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    nets=st.lists(amounts, min_size=1, max_size=8),
    rates=st.lists(st.sampled_from([0, 550, 700, 1900, 2000]), min_size=1, max_size=3),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "USD"]),
    language=st.sampled_from(LANGUAGES),
)
def test_printed_totals_are_the_contents_totals(
    renderer: Renderer, nets: list[int], rates: list[int], currency: str, language: str
) -> None:
    """Read back as numbers, in minor units, from the PDF's own text."""
    lines = tuple(
        line(i, currency, net_minor=net, tax_rate_basis_points=rates[i % len(rates)])
        for i, net in enumerate(nets, start=1)
    )
    invoice = content(currency=currency, lines=lines)
    page = make(invoice, language=language)

    text = " ".join(pages_of(renderer.render_invoice(page, template_set="classic")))

    tail = text[text.index(page.texts.net) :]
    assert minor_after(tail, page.texts.net) == invoice.net_minor
    labels = [f"{tax.label} {tax.taxable}" for tax in page.taxes]
    for label, tax in zip(labels, invoice.taxes, strict=True):
        assert minor_after(tail, plain(label)) == tax.tax_minor
    code = f"{currency} " if language == "en" else ""
    assert minor_after(tail, f"{page.total_label} {code}".strip()) == invoice.gross_minor


def minor_after(text: str, label: str) -> int:
    """The number after ``label``, its separators dropped: every amount has all its decimals, so this is minor units."""
    match = re.match(r"\s*([−-]?)([0-9][0-9., ]*)", text[text.index(label) + len(label) :])
    assert match, (label, text)
    digits = re.sub(r"\D", "", match[2])
    return -int(digits) if match[1] else int(digits)
