"""Numbers, dates and sentences of an invoice page, and the payment code."""

from dataclasses import fields
from datetime import date
from decimal import Decimal

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from billwright.documents import format as fmt
from billwright.documents.page import invoice_page
from billwright.documents.qr import epc_code, inline_svg
from billwright.documents.texts import INVOICE_TEXTS
from billwright.issuing.content import BankAccount, HoldbackContent
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money
from support.invoice_contents import ALDERGATE, BANK, KESTREL, content, line

NB = "\u00a0"


@pytest.mark.parametrize(
    ("language", "minor", "currency", "printed"),
    [
        ("en", -123450, "EUR", "−1,234.50"),
        ("de", -123450, "EUR", "−1.234,50"),
        ("fr", -123450, "EUR", f"−1{NB}234,50"),
        ("en", 1234567, "JPY", "1,234,567"),
        ("de", 1234567, "KWD", "1.234,567"),
        ("en", 0, "USD", "0.00"),
    ],
)
def test_amounts_are_written_as_the_reader_writes_them(language: str, minor: int, currency: str, printed: str) -> None:
    assert fmt.amount(minor, currency, language) == printed


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(MINOR_UNIT_DIGITS)), st.sampled_from(fmt.LANGUAGES))
def test_no_digit_of_an_amount_is_lost_or_added(minor: int, currency: str, language: str) -> None:
    printed = fmt.amount(minor, currency, language)

    digits = int("".join(sign for sign in printed if sign.isdigit()))
    assert (-digits if printed.startswith("−") else digits) == minor
    assert "-" not in printed


@pytest.mark.parametrize(
    ("language", "first", "last", "printed"),
    [
        ("en", date(2026, 3, 1), date(2026, 3, 31), "1–31 Mar 2026"),
        ("de", date(2026, 3, 1), date(2026, 3, 31), "1.–31. März 2026"),
        ("fr", date(2026, 3, 5), date(2026, 3, 5), "5 mars 2026"),
        ("en", None, date(2026, 3, 5), "5 Mar 2026"),
        ("en", None, None, ""),
    ],
)
def test_periods_are_short_and_unambiguous(language: str, first: date | None, last: date | None, printed: str) -> None:
    assert fmt.period(first, last, language).replace(NB, " ").replace("\u2060", "") == printed


def test_prices_keep_their_decimals_and_quantities_lose_their_zeros() -> None:
    assert fmt.unit_price(Decimal("95.125"), "EUR", "de") == "95,125"
    assert fmt.unit_price(Decimal(95), "EUR", "de") == "95,00"
    assert fmt.quantity(Decimal("1E+3"), "en") == "1,000"
    assert fmt.quantity(Decimal("12.50"), "en") == "12.5"


def test_every_reference_of_a_line_is_printed() -> None:
    full = line(
        1,
        contract_version=3,
        milestone_name="Foundations",
        change_order="CO-7",
        change_order_signed_on=date(2026, 2, 3),
    )

    page = invoice_page(content(lines=(full,)), number="N-1", brand=ALDERGATE)

    assert page.lines[0].references.replace(NB, " ").replace("\u2060", "") == (
        "Contract MSA-2026-014, version 3, clause 1.2 Fees · Milestone M1 Foundations, accepted 2 Mar 2026 by Ruth Hollander · "
        "Change order CO-7, signed 3 Feb 2026 · Purchase order 4500017788 · 1–31 Mar 2026"
    )


def test_languages_have_the_same_texts_for_the_same_keys() -> None:
    english = INVOICE_TEXTS["en"]
    assert set(INVOICE_TEXTS) == set(fmt.LANGUAGES)
    for texts in INVOICE_TEXTS.values():
        for field in fields(texts):
            value = getattr(texts, field.name)
            assert value, field.name
            if isinstance(value, dict) and field.name != "tax_words":
                assert value.keys() == getattr(english, field.name).keys(), field.name


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Reverse charge: VAT is to be accounted for by the recipient of the services."),
        ("de", "Steuerschuldnerschaft des Leistungsempfängers."),
        ("fr", "Autoliquidation : la TVA est due par le preneur."),
    ],
)
def test_a_category_without_tax_says_why(language: str, sentence: str) -> None:
    lines = (line(1, tax_category="AE", tax_rate_basis_points=0), line(2))

    page = invoice_page(content(lines=lines), number="N-1", brand=ALDERGATE, language=language)

    assert page.tax_notes == (sentence,)
    assert len(page.taxes) == 2


def test_a_credit_note_asks_for_nothing() -> None:
    page = invoice_page(content(document_type="credit_note"), number="CN-1", brand=ALDERGATE)

    assert page.title == "Credit note"
    assert page.total_label == "Total credited"
    assert (page.payment.instruction, page.payment.qr_svg, page.payment.rows) == ("", "", ())
    assert "Due by" not in [fact.label for fact in page.facts]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "EUR 119.00 of it is retained as holdback and due only with its release; EUR 1,071.00 is due by that day.",
        ),
        (
            "de",
            "119,00 EUR davon sind als Sicherheitseinbehalt erst mit der Freigabe fällig, 1.071,00 EUR bis zu diesem Tag.",
        ),
    ],
)
def test_what_is_retained_is_said_and_not_asked_for(language: str, said: str) -> None:
    held = HoldbackContent(
        contract_number="K-1",
        mode="receivable",
        percent="10",
        base_minor=100000,
        withheld_minor=11900,
        released_minor=0,
    )
    page = invoice_page(
        content(gross_minor=119000, holdbacks=(held,)), number="N-1", brand=ALDERGATE, language=language
    )
    assert page.terms.replace("\xa0", " ").endswith(said)
    assert "1,071.00" in page.payment.instruction or "1.071,00" in page.payment.instruction
    assert "1,190.00" not in page.payment.qr_caption


def test_an_unknown_language_falls_back_to_english() -> None:
    assert invoice_page(content(language="nl"), number="N-1", brand=ALDERGATE).title == "Invoice"


def test_the_code_is_the_one_that_the_standard_describes() -> None:
    """The expected code is drawn from a payload written down by hand after EPC069-12, not by the same helper."""
    payload = "BCD\n002\n1\nSCT\nCOBADEFFXXX\nNorthgate Works Ltd\nDE89370400440532013000\nEUR14762.55\n\n\nN-1"
    expected = segno.make_qr(payload.encode(), error="m", boost_error=False)

    page = invoice_page(content(gross_minor=1476255), number="N-1", brand=ALDERGATE)

    assert str(page.payment.qr_svg) == inline_svg(expected)


@pytest.mark.parametrize(
    ("bank", "gross"),
    [
        (None, Money(100, "EUR")),
        (BANK, Money(100, "USD")),
        (BANK, Money(0, "EUR")),
        (BANK, Money(-100, "EUR")),
        (BANK, Money(10**11, "EUR")),
        (BankAccount(holder="A", iban="DE89370400440532013001"), Money(100, "EUR")),
        (BankAccount(holder=" ", iban=BANK.iban), Money(100, "EUR")),
    ],
)
def test_no_code_where_the_standard_has_no_answer(bank: BankAccount | None, gross: Money) -> None:
    assert epc_code(bank, gross, "N-1") is None


@given(st.text(max_size=300), st.text(max_size=300), st.integers(1, 99_999_999_999))
def test_no_name_or_number_breaks_the_code(holder: str, remittance: str, minor: int) -> None:
    code = epc_code(BankAccount(holder=holder, iban=BANK.iban), Money(minor, "EUR"), remittance)

    assert code is None or code.version <= 13


@pytest.mark.parametrize(("bank", "words"), [(None, "ask billing@northgate.example"), (BANK, "by bank transfer")])
def test_without_a_code_a_sentence_says_how_to_pay(bank: BankAccount | None, words: str) -> None:
    page = invoice_page(content(currency="USD", bank=bank), number="N-1", brand=KESTREL)

    assert not page.payment.qr_svg
    assert words in page.payment.instruction
    assert "N-1" in page.payment.instruction
