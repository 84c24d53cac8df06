"""Mails: the text says what the HTML says, the disputed part is not asked for, and only the brand is named."""

import re
from datetime import date
from html.parser import HTMLParser

import pytest

from billwright.documents.format import LANGUAGES
from billwright.documents.mail import (
    MailRenderer,
    MilestoneFact,
    OpenDocument,
    ReminderPage,
    ReminderStep,
    RenderedMail,
    mail_page,
    reminder_page,
)
from billwright.documents.mail_texts import MAIL_TEXTS, PLURALS
from billwright.documents.sets import MAIL_SETS
from billwright.kernel.brand import Brand
from billwright.kernel.errors import InputInvalidError
from support.invoice_contents import ALDERGATE, BANK, KESTREL, content

RENDERER = MailRenderer()
URL = "https://pay.example/i/1?a=1&b=2"
DOCUMENTS = (
    OpenDocument(
        number="N-1", due_on=date(2026, 5, 2), open_minor=1_000_000, disputed_minor=250_000, project="East Harbour",
        milestones=(MilestoneFact(name="M1 Foundations", accepted_on=date(2026, 3, 2), accepted_by="Ruth Hollander"),),
    ),
    OpenDocument(number="N-2", due_on=date(2026, 5, 28), open_minor=620_000, milestones=(MilestoneFact(name="M2"),)),
    OpenDocument(number="N-3", due_on=date(2026, 5, 1), open_minor=90_000, disputed_minor=90_000),
)  # fmt: skip


class Words(HTMLParser):
    """The visible text of a mail, without head and preheader."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(html[html.index("<body") :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())


def flat(text: str) -> str:
    return " ".join(text.split())


def reminder(step: ReminderStep, language: str, brand: Brand = ALDERGATE) -> ReminderPage:
    return reminder_page(
        DOCUMENTS, step=step, currency="EUR", brand=brand, language=language, today=date(2026, 5, 29), pay_by=date(2026, 6, 8),
        contact="Petra Kühn", bank=BANK, view_url=URL,
    )  # fmt: skip


def check_both_forms(mail: RenderedMail, wanted: list[str]) -> None:
    words = Words(mail.html)
    for value in filter(None, wanted):
        assert flat(value) in words.text, value
        assert flat(value) in flat(mail.text), value
    assert words.links.count(URL) == 1
    assert mail.text.count(URL) == 1
    assert words.tags.isdisjoint({"img", "script", "form", "link"})
    assert "None" not in mail.text
    assert "billwright" not in (mail.html + mail.text + mail.subject).lower()


@pytest.mark.parametrize("template_set", MAIL_SETS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_invoice_mail_says_the_same_twice(template_set: str, language: str) -> None:
    page = mail_page(content(), number="N-1", brand=ALDERGATE, view_url=URL, language=language)

    mail = RENDERER.render_mail(page, template_set=template_set)

    facts = [text for fact in page.facts for text in (fact.label, fact.value)]
    check_both_forms(mail, [page.greeting, *page.paragraphs, *facts, page.button_label, *page.closing, page.footer])
    assert "N-1" in mail.subject
    assert "Aldergate Consulting" in mail.subject


@pytest.mark.parametrize("template_set", MAIL_SETS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_reminder_says_the_same_twice(template_set: str, language: str, step: ReminderStep) -> None:
    page = reminder(step, language)

    mail = RENDERER.render_mail(page, template_set=template_set)

    rows = [
        text for row in page.rows for text in (row.number, row.purpose, row.due_on, row.overdue, row.open, row.disputed)
    ]
    check_both_forms(
        mail, [page.opening, *rows, page.total, page.disputed_note, page.request, page.pay_to, *page.closing]
    )
    assert "{" not in mail.text + mail.subject


def test_what_is_in_dispute_is_not_asked_for() -> None:
    page = reminder(2, "en")

    assert [(row.number, row.open.replace("\u00a0", " ")) for row in page.rows] == [
        ("N-1", "EUR 7,500.00"),
        ("N-2", "EUR 6,200.00"),
    ]
    assert page.total.replace("\u00a0", " ") == "EUR 13,700.00"
    assert "EUR 2,500.00" in page.disputed_note.replace("\u00a0", " ")
    assert (
        page.rows[0].purpose.replace("\u00a0", " ")
        == "East Harbour · M1 Foundations, accepted 2 Mar 2026 by Ruth Hollander"
    )
    assert [row.overdue for row in page.rows] == ["27 days overdue", "1 day overdue"]


def test_three_steps_are_three_tones_with_three_subjects() -> None:
    for language in LANGUAGES:
        pages = [reminder(step, language) for step in (1, 2, 3)]
        assert len({page.subject for page in pages}) == len({page.request for page in pages}) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_open_document_is_spoken_of_as_one(language: str) -> None:
    page = reminder_page(
        DOCUMENTS[1:2], step=3, currency="EUR", brand=ALDERGATE, language=language, today=date(2026, 5, 29), pay_by=date(2026, 6, 8)
    )  # fmt: skip

    assert MAIL_TEXTS[language].invoices[0] in page.opening
    assert PLURALS[language][1] not in page.opening.split()


def test_names_cannot_write_markup_or_headers() -> None:
    brand = Brand(name='<b>X</b>\r\nBcc: a@b.example "', slug="x", mail_footer="<script>1</script>\nSecond line")
    page = mail_page(
        content(notes=("<img src=x>",)), number="N-1", brand=brand, view_url='https://x.example/"><script>'
    )

    mail = RENDERER.render_mail(page, template_set="modern")

    assert not re.search(r"[\r\n]", mail.subject)
    assert {"b", "script", "img"}.isdisjoint(Words(mail.html).tags)
    assert "<img src=x>" in mail.text


def test_without_an_address_there_is_no_button() -> None:
    mail = RENDERER.render_mail(mail_page(content(), number="N-1", brand=KESTREL), template_set="classic")

    assert Words(mail.html).links == []
    assert "View invoice" not in mail.html + mail.text


def test_two_brands_give_two_mails_and_nothing_leaks() -> None:
    for own, other in ((ALDERGATE, KESTREL), (KESTREL, ALDERGATE)):
        mail = RENDERER.render_mail(reminder(1, "en", own), template_set="modern")
        everything = mail.subject + mail.html + mail.text
        assert own.name in everything
        assert own.primary in everything
        assert other.name not in everything
        assert other.primary not in everything


def test_a_credit_note_asks_for_nothing() -> None:
    page = mail_page(content(document_type="credit_note"), number="CN-1", brand=ALDERGATE)

    assert page.subject.startswith("Credit note CN-1")
    assert "Nothing is to be paid" in page.paragraphs[0]
    assert "Due by" not in [fact.label for fact in page.facts]


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(InputInvalidError, match="choose one of"):
        RENDERER.render_mail(mail_page(content(), number="N-1", brand=ALDERGATE), template_set="gaudy")
