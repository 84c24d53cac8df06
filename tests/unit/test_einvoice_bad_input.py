"""Documents made to do harm, or broken on the way: a finding that names field and remedy, and the next document is fine."""

import io
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pikepdf
import pytest

from billwright.einvoice.checker import Checker, Limits, Rules
from billwright.einvoice.errors import EinvoiceBusyError
from billwright.einvoice.findings import DOCUMENT_BYTES_MAX, Finding
from billwright.einvoice.installed import InstalledRules, Syntax
from billwright.einvoice.write import write_cii, write_ubl
from support.einvoices import an_invoice

GOOD = write_ubl(an_invoice())
SVRL = 'xmlns:svrl="http://purl.oclc.org/dsdl/svrl"'
XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


def the_finding(checker: Checker, document: bytes, rules: Rules | None = None) -> Finding:
    """The only finding; the document after it is checked as if nothing had been."""
    report = checker.check(document, rules, read=True)
    assert len(report.findings) == 1, report
    assert report.verdict != "valid"
    assert checker.check(GOOD).verdict == "valid"
    finding = report.findings[0]
    assert finding.field
    assert finding.remedy
    return finding


def with_dtd(declared: str, encoding: str = "utf-8") -> bytes:
    text = GOOD.decode().partition("?>")[2]
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    return f"{declaration}<!DOCTYPE Invoice [{declared}]>{text}".encode(encoding)


TENFOLD = zip("abcdefghij", "bcdefghijk", strict=True)
BOMB = '<!ENTITY a "x">' + "".join(f'<!ENTITY {two} "{f"&{one};" * 10}">' for one, two in TENFOLD)


@pytest.mark.parametrize(
    "document",
    [
        with_dtd(BOMB).replace(b"BW-2026-001", b"&k;"),
        with_dtd('<!ENTITY file SYSTEM "file:///etc/passwd">').replace(b"BW-2026-001", b"&file;"),
        with_dtd('<!ENTITY % far SYSTEM "http://127.0.0.1:9/far.dtd"> %far;'),
        with_dtd(BOMB, "utf-16"),
    ],
    ids=["bomb", "file", "network", "bomb in UTF-16"],
)
def test_a_dtd_is_never_read(checker: Checker, document: bytes) -> None:
    finding = the_finding(checker, document)

    assert (finding.rule, finding.severity) == ("xml-dtd", "fatal")
    assert "DOCTYPE" in finding.remedy


@pytest.mark.parametrize(
    "document",
    [
        GOOD.replace(b'encoding="UTF-8"', b'encoding="UTF-8"', 1).replace("Ünï".encode(), "Ünï".encode("latin-1")),
        GOOD.replace(b"UTF-8", b"EBCDIC-CP-XX", 1),
        GOOD[: len(GOOD) // 2],
        b"<a>" * 100_000,
        b"<",
        b"\0\0\0\0",
        b"\xff\xfe<",
        b"PK\x03\x04",
        b"{}",
    ],
    ids=[
        "wrong encoding",
        "unknown encoding",
        "cut off",
        "too deep",
        "nearly nothing",
        "NUL",
        "half UTF-16",
        "zip",
        "JSON",
    ],
)
def test_what_is_no_xml_is_said_with_its_place(checker: Checker, document: bytes) -> None:
    finding = the_finding(checker, document)

    assert (finding.rule, finding.severity) == ("xml-malformed", "fatal")
    assert finding.field.startswith("line ")


def test_other_encodings_are_read_where_they_say_so(checker: Checker) -> None:
    text = GOOD.decode().replace('encoding="UTF-8"', 'encoding="{}"').replace("'UTF-8'", "'{}'")
    for encoding in ("UTF-16", "ISO-8859-1"):
        report = checker.check(text.format(encoding).encode(encoding), read=True)

        assert report.verdict == "valid"
        assert report.reading is not None
        assert report.reading.invoice == an_invoice()


def a_pdf(**attached: bytes) -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    for name, content in attached.items():
        pdf.attachments[name.replace("_", "-") + ".xml"] = content
    made = io.BytesIO()
    pdf.save(made)
    return made.getvalue()


def test_a_hybrid_pdf_gives_its_invoice(checker: Checker) -> None:
    report = checker.check(a_pdf(notes=b"<x/>", factur_x=write_cii(an_invoice())), read=True)

    assert (report.container, report.syntax, report.verdict) == ("pdf", "cii", "valid")
    assert report.rule_sets == ("EN 16931 CII 1.3.16", "Factur-X EN 16931 1.09")
    assert report.reading is not None
    assert report.reading.invoice == an_invoice()


def test_broken_pdfs_are_said_to_be_broken(checker: Checker) -> None:
    whole = a_pdf(factur_x=write_cii(an_invoice()))
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(whole)) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(user="secret", owner="secret"))

    assert the_finding(checker, whole[: len(whole) * 2 // 3]).rule == "pdf-unreadable"
    assert the_finding(checker, b"%PDF-1.7\n" + b"\0" * 1000).rule == "pdf-unreadable"
    assert the_finding(checker, a_pdf(other=b"<x/>")).rule == "pdf-without-invoice"
    assert the_finding(checker, locked.getvalue()).rule == "pdf-locked"
    assert the_finding(checker, a_pdf(factur_x=b"no XML")).rule == "xml-malformed"


@pytest.mark.parametrize("start", [b"%PDF-1.7\n", b"<Invoice>"])
def test_too_large_a_document_is_not_looked_at(checker: Checker, start: bytes) -> None:
    finding = the_finding(checker, start + b" " * (50 * 1024 * 1024))

    assert finding.rule == "document-too-large"
    assert str(DOCUMENT_BYTES_MAX // 1024**2) in finding.text


def test_values_that_cannot_be_read_are_named_and_left_out(checker: Checker) -> None:
    document = GOOD.replace(b">10<", b">ten<").replace(b"2026-04-30", b"2026-02-30").replace(b">120.00<", b">1e9<")
    report = checker.check(document, read=True)

    assert report.verdict == "invalid"
    assert report.reading is not None
    assert {(each.where.rpartition("/")[2], each.text) for each in report.reading.unreadable} == {
        ("InvoicedQuantity", "ten"),
        ("DueDate", "2026-02-30"),
        ("PriceAmount", "1e9"),
    }
    assert report.reading.invoice.due_on is None
    assert report.reading.invoice.lines[0].price is None


def test_a_finding_names_the_field_in_our_words_and_the_remedy(checker: Checker) -> None:
    report = checker.check(GOOD.replace(b">1428.00<", b">1428.01<"))
    finding = next(each for each in report.findings if each.rule == "BR-CO-15")

    assert finding.severity == "fatal"
    assert "total with VAT (BT-112)" in finding.field
    assert finding.remedy.startswith("Total with VAT (BT-112) = total without VAT + total VAT")
    assert finding.rule_set == "EN 16931 UBL 1.3.16"


def test_a_finding_of_the_schema_names_the_field_too(checker: Checker) -> None:
    report = checker.check(GOOD.replace(b">10<", b">ten<").replace(b"cbc:LineExtensionAmount", b"cbc:Sum"))
    fields = {each.rule_set: each.field for each in report.findings if each.rule == "schema"}

    assert fields == {"schema of Invoice": "Sum"}
    quantity = checker.check(GOOD.replace(b">10<", b">ten<")).findings[0]
    assert (quantity.rule, quantity.field) == ("schema", "lines: quantity (InvoicedQuantity)")


def test_a_document_that_ends_the_process_is_unchecked_and_no_other_suffers() -> None:
    checker = Checker(Limits(memory_bytes=400 * 1024**2))
    try:
        assert checker.check(GOOD).verdict == "valid"
        finding = the_finding(checker, b"<a>" + b"<b/>" * 4_900_000 + b"</a>")
        assert (finding.rule, finding.severity) == ("validator-failed", "unchecked")
    finally:
        checker.stop()


def test_a_process_that_died_is_started_again() -> None:
    checker = Checker()
    try:
        assert checker.check(GOOD).verdict == "valid"
        first = checker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert checker.check(GOOD).verdict == "valid"
        assert checker.pid not in {None, first}
    finally:
        checker.stop()


def rules(body: str, syntax: Syntax | None = "ubl") -> Rules:
    """Rules for every document: ``body`` runs at its root."""
    text = f'<xsl:stylesheet version="3.0" {XSL} {SVRL}><xsl:template match="/">{body}</xsl:template></xsl:stylesheet>'
    meta = InstalledRules(name="ours", applies_to="urn:cen.eu:en16931:2017", syntax=syntax, sha256=str(hash(text)))
    return Rules((meta,), lambda _: text)


REPORT = "<svrl:schematron-output>{}</svrl:schematron-output>"
FAILED = '<svrl:failed-assert id="{}" flag="{}" location="/x"><svrl:text>{}</svrl:text></svrl:failed-assert>'


def test_rules_of_an_operator_speak_beside_the_official_ones(checker: Checker) -> None:
    ours = REPORT.format(
        FAILED.format("OURS-1", "information", "Buyer reference (BT-10)") + FAILED.format("OURS-2", "fatal", "No")
    )
    report = checker.check(GOOD, rules(ours))

    assert report.rule_sets == ("EN 16931 UBL 1.3.16", "ours")
    assert [(each.rule, each.severity, each.field) for each in report.findings] == [
        ("OURS-1", "info", "buyer reference (BT-10)"),
        ("OURS-2", "fatal", "x"),
    ]
    assert checker.check(GOOD, rules(ours, "cii")).verdict == "valid"


@pytest.mark.parametrize(
    "body",
    [
        REPORT.format("<xsl:value-of select=\"unparsed-text('file:///etc/passwd')\"/>"),
        REPORT.format("<xsl:copy-of select=\"doc('http://127.0.0.1:9/')\"/>"),
        '<xsl:result-document href="file:///tmp/written-by-rules"><x/></xsl:result-document>',
        REPORT.format('<xsl:value-of select="1 div 0"/>'),
        "<not-svrl/>",
        "",
    ],
    ids=["reads a file", "calls out", "writes", "breaks", "no report", "nothing"],
)
def test_rules_that_reach_out_or_break_give_no_verdict(checker: Checker, body: str) -> None:
    finding = the_finding(checker, GOOD, rules(body))

    assert (finding.rule, finding.severity, finding.rule_set) == ("rules-broken", "unchecked", "ours")


def test_more_callers_than_may_wait_are_told_to_come_again() -> None:
    checker, asked, go_on = Checker(Limits(callers=1)), threading.Event(), threading.Event()
    ours = rules(REPORT.format(""))

    def text(sha256: str) -> str:
        asked.set()
        go_on.wait()
        return ours.text(sha256)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(checker.check, GOOD, Rules(ours.installed, text))
        try:
            assert asked.wait(60)
            with pytest.raises(EinvoiceBusyError) as refused:
                checker.check(GOOD)
            assert refused.value.facts == {"retry_after_s": 5}
        finally:
            go_on.set()
        assert first.result().verdict == "valid"
    assert checker.check(GOOD).verdict == "valid"
    checker.stop()


def test_rules_without_an_end_are_ended() -> None:
    endless = '<xsl:iterate select="1 to 2000000000"><xsl:if test=". lt 0"><x/></xsl:if></xsl:iterate>'
    checker = Checker(Limits(time_s=10))
    try:
        assert checker.check(GOOD).verdict == "valid"
        finding = the_finding(checker, GOOD, rules(REPORT.format(endless)))
        assert (finding.rule, finding.severity) == ("validator-failed", "unchecked")
        assert "10 s" in finding.text
    finally:
        checker.stop()
