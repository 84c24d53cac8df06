"""Mails: the pages that mail templates may use, the pure step to them, and HTML and text from one page."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Final, Literal

from billwright.documents import format as fmt
from billwright.documents.credit_page import CREDIT, as_printed
from billwright.documents.mail_texts import MAIL_TEXTS, PLURALS, MailTexts
from billwright.documents.page import Fact
from billwright.documents.sets import MAIL_SETS, check_set, environment
from billwright.issuing.content import BankAccount, InvoiceContent
from billwright.kernel.brand import Brand, dark_palette, mix, text_on

ReminderStep = Literal[1, 2, 3]
MAIL_FONTS: Final = {
    "sans": "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif",
    "serif": "Literata, Georgia, 'Times New Roman', serif",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    """Everything that a template of a mail with a document may use."""

    language: str
    subject: str
    preheader: str
    """What mail programs show beside the subject."""
    brand: Brand
    colours: dict[str, str]
    """``primary``, ``on_primary``, ``ink``, ``muted``, ``rule``, ``tint``; with ``dark_`` before it the same for dark mode."""
    font_family: str
    greeting: str
    paragraphs: tuple[str, ...]
    facts: tuple[Fact, ...]
    """Amount, due date, purchase order: the few that decide."""
    button_label: str
    button_url: str
    """Empty: then there is no button, and the attachment is all."""
    closing: tuple[str, ...]
    """Whom to ask, then the farewell with the brand's name."""
    footer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """One open document in a reminder, ready to print."""

    number: str
    purpose: str
    """Project and milestones, with who accepted them and when."""
    due_on: str
    overdue: str
    """``12 days overdue``, or empty when it is not."""
    open: str
    """What is to be paid now, the disputed part left out."""
    disputed: str
    """A remark on the disputed part; empty when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderPage:
    """Everything that a template of a reminder may use. All documents are of one customer, entity, currency and language."""

    language: str
    subject: str
    preheader: str
    brand: Brand
    colours: dict[str, str]
    """As in ``MailPage``."""
    font_family: str
    step: int
    """1 friendly, 2 firm, 3 final."""
    greeting: str
    opening: str
    rows: tuple[OpenRow, ...]
    number_label: str
    due_label: str
    open_label: str
    total_label: str
    total: str
    """With the currency's code; the disputed part left out."""
    disputed_note: str
    """Empty when nothing is in dispute."""
    request: str
    pay_to: str
    """Account in one sentence; empty when none is known."""
    button_label: str
    button_url: str
    closing: tuple[str, ...]
    footer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneFact:
    """What a document was for: a milestone and its acceptance."""

    name: str
    accepted_on: date | None = None
    accepted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDocument:
    """A document with something left to pay. Minor units; ``open_minor`` is net of payments and credits, dispute included."""

    number: str
    due_on: date
    open_minor: int
    disputed_minor: int = 0
    project: str = ""
    milestones: tuple[MilestoneFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMail:
    subject: str
    html: str
    text: str


def mail_page(
    content: InvoiceContent, *, number: str, brand: Brand, view_url: str = "", language: str | None = None
) -> MailPage:
    """The mail that brings the document ``number`` to the customer."""
    lang = fmt.language_of(language or content.language)
    texts = MAIL_TEXTS[lang]
    total = fmt.money(as_printed(content).gross_minor, content.currency, lang)
    due = fmt.day(content.due_on, lang)
    kind = content.document_type if content.document_type in texts.subjects else "invoice"
    opening = texts.openings[kind].format(number=number, total=total)
    facts = [(texts.amount, total)]
    if kind != CREDIT:
        opening = f"{opening} {texts.due.format(date=due)}"
        facts.append((texts.due_on, due))
    facts.append((texts.purchase_order, content.purchase_order))
    return MailPage(
        language=lang,
        subject=one_line(texts.subjects[kind].format(number=number, brand=brand.name, total=total, date=due)),
        preheader=opening,
        brand=brand,
        colours=mail_colours(brand),
        font_family=MAIL_FONTS[brand.font],
        greeting=_greeting(content.buyer.contact, texts),
        paragraphs=(opening, *content.notes),
        facts=tuple(Fact(label=label, value=value) for label, value in facts if value),
        button_label=texts.button_invoice,
        button_url=view_url,
        closing=_closing(brand, texts),
        footer=brand.mail_footer,
    )


def reminder_page(
    documents: Sequence[OpenDocument],
    *,
    step: ReminderStep,
    currency: str,
    brand: Brand,
    language: str,
    today: date,
    pay_by: date,
    contact: str = "",
    bank: BankAccount | None = None,
    view_url: str = "",
) -> ReminderPage:
    """One reminder over all open documents of a customer; what is in dispute is named but not asked for.

    Documents that are wholly in dispute or have nothing open are left out; at least one must remain.
    """
    asked = [document for document in documents if document.open_minor > document.disputed_minor]
    assert asked, "nothing to remind of: the caller decides that before it writes"
    lang = fmt.language_of(language)
    texts = MAIL_TEXTS[lang]
    tone = texts.tones[step - 1]
    disputed = sum(document.disputed_minor for document in asked)
    total = fmt.money(sum(document.open_minor for document in asked) - disputed, currency, lang)
    words = {
        "brand": brand.name,
        "invoices": texts.invoices[min(len(asked), 2) - 1].format(count=len(asked)),
        "are": PLURALS[lang][len(asked) > 1],
        "total": total,
        "oldest_days": str(max((today - document.due_on).days for document in asked)),
        "date": fmt.day(pay_by, lang),
    }
    opening = tone.opening.format_map(words)
    return ReminderPage(
        language=lang,
        subject=one_line(tone.subject.format_map(words)),
        preheader=opening,
        brand=brand,
        colours=mail_colours(brand),
        font_family=MAIL_FONTS[brand.font],
        step=step,
        greeting=_greeting(contact, texts),
        opening=opening,
        rows=tuple(_row(document, currency, today, texts, lang) for document in asked),
        number_label=texts.number,
        due_label=texts.due_on,
        open_label=texts.open,
        total_label=texts.total_open,
        total=total,
        disputed_note=texts.disputed_note.format(amount=fmt.money(disputed, currency, lang)) if disputed else "",
        request=tone.request.format_map(words),
        pay_to=_pay_to(bank, texts),
        button_label=texts.button_reminder,
        button_url=view_url,
        closing=_closing(brand, texts),
        footer=brand.mail_footer,
    )


def one_line(text: str) -> str:
    """``text`` as a header field takes it: no line ends, no runs of blanks, at most 200 characters."""
    return " ".join(text.replace(fmt.NO_BREAK, " ").split())[:200]


def _row(document: OpenDocument, currency: str, today: date, texts: MailTexts, lang: str) -> OpenRow:
    days = (today - document.due_on).days
    pattern = texts.days_overdue_one if days == 1 else texts.days_overdue
    purpose = (document.project, *(_milestone(milestone, texts, lang) for milestone in document.milestones))
    remark = fmt.money(document.disputed_minor, currency, lang)
    return OpenRow(
        number=document.number,
        purpose=" · ".join(part for part in purpose if part),
        due_on=fmt.day(document.due_on, lang),
        overdue=pattern.format(days=days) if days > 0 else "",
        open=fmt.money(document.open_minor - document.disputed_minor, currency, lang),
        disputed=texts.disputed.format(amount=remark) if document.disputed_minor else "",
    )


def _milestone(milestone: MilestoneFact, texts: MailTexts, lang: str) -> str:
    if milestone.accepted_on is None:
        return milestone.name
    pattern = texts.accepted_by if milestone.accepted_by else texts.accepted
    accepted_on = fmt.day(milestone.accepted_on, lang)
    return pattern.format(milestone=milestone.name, date=accepted_on, person=milestone.accepted_by)


def _greeting(person: str, texts: MailTexts) -> str:
    return texts.greeting.format(person=person) if person else texts.greeting_unknown


def _closing(brand: Brand, texts: MailTexts) -> tuple[str, ...]:
    question = texts.question_mail.format(email=brand.support_email) if brand.support_email else texts.question
    return (question, texts.regards, brand.name)


def _pay_to(bank: BankAccount | None, texts: MailTexts) -> str:
    if bank is None or not (bank.iban or bank.account_number):
        return ""
    account = (
        f"IBAN {fmt.iban(bank.iban)}" if bank.iban else " ".join(filter(None, (bank.routing, bank.account_number)))
    )
    return texts.pay_to.format(holder=bank.holder, account=account)


def mail_colours(brand: Brand) -> dict[str, str]:
    """Light and dark colours of a mail, all derived from the brand's three."""
    dark = dark_palette(brand)
    return {
        "primary": brand.primary,
        "on_primary": text_on(brand.primary, brand.ink),
        "ink": brand.ink,
        "muted": mix(brand.ink, "#ffffff", 32),
        "rule": mix(brand.ink, "#ffffff", 85),
        "tint": mix(brand.primary, "#ffffff", 93),
        "dark_paper": dark["paper"],
        "dark_surface": dark["surface"],
        "dark_ink": dark["ink"],
        "dark_muted": mix(dark["ink"], dark["surface"], 30),
        "dark_rule": mix(dark["ink"], dark["surface"], 80),
        "dark_primary": dark["primary"],
        "dark_on_primary": dark["on_primary"],
    }


class MailRenderer:
    """Bundled mail templates, parsed once. Safe to share between threads."""

    def __init__(self) -> None:
        self._html = environment()
        self._text = environment(html=False)

    def render_mail(self, page: MailPage | ReminderPage, *, template_set: str) -> RenderedMail:
        """Subject, HTML and text of ``page``; the text says all that the HTML says.

        Raises:
            InputInvalidError: there is no such template set.
        """
        name = "invoice" if isinstance(page, MailPage) else "reminder"
        folder = f"email/{check_set(template_set, MAIL_SETS)}"
        context = {field.name: getattr(page, field.name) for field in fields(page)}
        return RenderedMail(
            subject=page.subject,
            html=self._html.get_template(f"{folder}/{name}.html").render(context),
            text=self._text.get_template(f"{folder}/{name}.txt").render(context).strip() + "\n",
        )
