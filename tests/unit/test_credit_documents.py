"""Credit notes as they are printed and mailed: amounts above zero, and the invoice that they credit."""

from datetime import date

import pytest
from msgspec.structs import replace

from billwright.documents import format as fmt
from billwright.documents.mail import mail_page
from billwright.documents.page import invoice_page
from billwright.documents.texts import INVOICE_TEXTS
from billwright.issuing.content import CreditContent, InvoiceContent, Preceding
from support.invoice_contents import ALDERGATE, content, line

ON = date(2026, 3, 12)
INVOICE = Preceding(invoice_id="inv_1", number="NW-2026-0042", issued_on=ON)


def credit_note(language: str = "en") -> InvoiceContent:
    """Signed as it is frozen: what the seller claims, which is less."""
    charged = line(1), line(2)
    taken = tuple(replace(each, quantity=-each.quantity, net_minor=-each.net_minor) for each in charged)
    credit = CreditContent(preceding=INVOICE, reason_code="disputed", reason="Not as agreed.")
    return content(lines=taken, document_type="credit_note", credit=credit, language=language)


def test_a_credit_note_prints_what_it_takes_back_above_zero() -> None:
    frozen = credit_note()
    assert frozen.gross_minor < 0

    page = invoice_page(frozen, number="NW-CN-1", brand=ALDERGATE)

    printed = [page.net, page.total, *(each.amount for each in page.lines), *(each.quantity for each in page.lines)]
    printed += [each.amount for each in page.taxes] + [each.taxable for each in page.taxes]
    assert not [text for text in printed if "-" in text or "−" in text]
    invoiced = replace(frozen, credit=None, lines=(line(1), line(2)), gross_minor=-frozen.gross_minor)
    assert page.total == invoice_page(invoiced, number="1", brand=ALDERGATE).total


@pytest.mark.parametrize(
    ("language", "rows"),
    [
        ("en", [("Credit for invoice", f"NW-2026-0042 of {fmt.day(ON, 'en')}"), ("Reason", "Not as agreed.")]),
        ("de", [("Korrektur zu Rechnung", f"NW-2026-0042 vom {fmt.day(ON, 'de')}"), ("Grund", "Not as agreed.")]),
        ("fr", [("Avoir sur la facture", f"NW-2026-0042 du {fmt.day(ON, 'fr')}"), ("Motif", "Not as agreed.")]),
    ],
)
def test_a_credit_note_names_its_invoice_in_each_language(language: str, rows: list[tuple[str, str]]) -> None:
    page = invoice_page(credit_note(language), number="NW-CN-1", brand=ALDERGATE)

    assert page.title == INVOICE_TEXTS[page.language].titles["credit_note"]
    assert set(rows) <= {(fact.label, fact.value) for fact in page.facts}


def test_an_invoice_that_replaces_another_says_which() -> None:
    page = invoice_page(content(replaces=INVOICE), number="NW-2026-0043", brand=ALDERGATE)

    assert ("Replaces invoice", f"NW-2026-0042 of {fmt.day(ON, 'en')}") in {
        (fact.label, fact.value) for fact in page.facts
    }


def test_the_mail_of_a_credit_note_names_the_amount_above_zero() -> None:
    page = mail_page(credit_note(), number="NW-CN-1", brand=ALDERGATE)

    assert "-" not in page.facts[0].value
    assert page.facts[0].value in page.preheader
