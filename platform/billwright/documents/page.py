"""The context that templates may use, all of it documented here, and the pure step from frozen content to printed text."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from billwright.documents import format as fmt
from billwright.documents.credit_page import CREDIT, as_printed, preceding_rows
from billwright.documents.qr import epc_code, inline_svg
from billwright.documents.texts import INVOICE_TEXTS, InvoiceTexts
from billwright.issuing.content import BankAccount, InvoiceContent, LineContent, Party, TaxContent
from billwright.kernel.brand import Brand
from billwright.kernel.money import Money

REFERENCE_SIGN: Final = " · "


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A label and its value, both ready to print."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyBlock:
    """A firm as it is printed."""

    name: str
    """Legal name, else the name."""
    address: tuple[str, ...]
    """Lines below the name: contact, street, postal code with city, country."""
    facts: tuple[Fact, ...]
    """VAT ID and registration, those that are known."""
    contact: tuple[str, ...]
    """E-mail and telephone, those that are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBlock:
    """One line. Amounts are in the invoice's currency, without its code: the column head has it."""

    position: str
    description: str
    references: str
    """Contract, clause, milestone, acceptance, change order, purchase order and service period, in one sentence-like row."""
    quantity: str
    """With its unit: ``12.5 h``."""
    unit_price: str
    tax_rate: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxBlock:
    """One row of the tax summary."""

    label: str
    """Tax, rate and what the category is called."""
    taxable: str
    """The base, as ``on 1,000.00``."""
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentBlock:
    """How to pay."""

    rows: tuple[Fact, ...]
    """Payee, account and reference; empty for a credit note and when no account is known."""
    instruction: str
    """One sentence that says what to do; true without the code, too."""
    qr_svg: Markup
    """The EPC code as an SVG element; empty where no standard fits."""
    qr_caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePage:
    """Everything that a template of an invoice or credit note may use."""

    language: str
    """``en``, ``de`` or ``fr``."""
    title: str
    """``Invoice``, ``Rechnung``, ``Avoir``, ..."""
    number: str
    document_title: str
    """Title for the file's properties: title, number and brand."""
    issued_on_iso: str
    """Date of issue as ``2026-03-12``: for the file's properties."""
    brand: Brand
    """Name, colours, type, footers; ``brand.logo_*`` are drawn by way of ``logo_url``."""
    logo_url: str
    """Source of the logo's ``img``, or empty: then set the brand's name."""
    seller: PartyBlock
    buyer: PartyBlock
    facts: tuple[Fact, ...]
    """Date, due date, service period, purchase order, contract, project: those that hold for the whole document."""
    currency: str
    lines: tuple[LineBlock, ...]
    net: str
    tax_word: str
    """What the tax is called in the seller's country and this language: head of the rates' column."""
    taxes: tuple[TaxBlock, ...]
    total_label: str
    total: str
    """The total without the currency's code, to stand below the amounts."""
    total_money: str
    """The total with the currency's code, to stand alone."""
    due_on: str
    tax_notes: tuple[str, ...]
    """Sentences that the law wants: reverse charge, exemptions with their reason."""
    terms: str
    payment: PaymentBlock
    notes: tuple[str, ...]
    texts: InvoiceTexts
    """Labels in the document's language."""


def invoice_page(content: InvoiceContent, *, number: str, brand: Brand, language: str | None = None) -> InvoicePage:
    """The printed form of ``content`` in ``language`` (default: the content's). Pure: equal input, equal page."""
    content = as_printed(content)
    lang = fmt.language_of(language or content.language)
    texts = INVOICE_TEXTS[lang]
    title = texts.titles.get(content.document_type, texts.titles["invoice"])
    credit = content.document_type == CREDIT
    tax_word = texts.tax_words.get(content.seller.country, texts.tax_words[""])
    return InvoicePage(
        language=lang,
        title=title,
        number=number,
        document_title=f"{title} {number} – {brand.name}",
        issued_on_iso=content.issued_on.isoformat(),
        brand=brand,
        logo_url=logo_url(brand),
        seller=party_block(content.seller, texts, lang, home=content.buyer.country),
        buyer=party_block(content.buyer, texts, lang, home=content.seller.country),
        facts=_facts(content, texts, lang),
        currency=content.currency,
        lines=tuple(_line(line, content, texts, lang) for line in content.lines),
        net=fmt.amount(content.net_minor, content.currency, lang),
        tax_word=tax_word,
        taxes=tuple(
            block for tax in content.taxes for block in _tax_blocks(tax, content.currency, texts, lang, tax_word)
        ),
        total_label=texts.credit_total if credit else texts.gross,
        total=fmt.amount(content.gross_minor, content.currency, lang),
        total_money=fmt.money(content.gross_minor, content.currency, lang),
        due_on=fmt.day(content.due_on, lang),
        tax_notes=_tax_notes(content, texts, lang),
        terms=_terms(content, texts, lang),
        payment=_payment(content, number, brand, texts, lang),
        notes=content.notes,
        texts=texts,
    )


def logo_url(brand: Brand) -> str:
    """What an ``img`` of the logo points at; only the renderer can fetch it."""
    if brand.logo_sha256:
        return f"asset:{brand.logo_sha256}"
    return "asset:logo.svg" if brand.logo_svg else ""


# Countries whose postal code stands behind the city (UPU S42 templates); elsewhere it comes first.
CITY_FIRST: Final = frozenset({"US", "GB", "CA", "AU", "IE", "NZ", "IN", "SG"})


def party_block(party: Party, texts: InvoiceTexts, lang: str, *, home: str) -> PartyBlock:
    """``party`` as printed; its country only when it is not ``home``, the other party's."""
    city = f"{party.city} {party.postal_code}" if party.country in CITY_FIRST else f"{party.postal_code} {party.city}"
    city = city.strip()
    country = "" if party.country == home else fmt.country(party.country, lang)
    address = tuple(line for line in (party.contact, party.street, city, country) if line)
    facts = ((texts.tax_id, party.tax_id), (texts.registration, party.registration))
    return PartyBlock(
        name=party.legal_name or party.name,
        address=address,
        facts=tuple(Fact(label=label, value=value) for label, value in facts if value),
        contact=tuple(value for value in (party.email, party.phone) if value),
    )


def _facts(content: InvoiceContent, texts: InvoiceTexts, lang: str) -> tuple[Fact, ...]:
    contracts = {line.contract_number for line in content.lines}
    projects = {line.project for line in content.lines}
    rows = (
        (texts.issued_on, fmt.day(content.issued_on, lang)),
        (texts.due_on, "" if content.document_type == CREDIT else fmt.day(content.due_on, lang)),
        *preceding_rows(content, texts, lang),
        (texts.service_period, fmt.period(content.service_from, content.service_to, lang)),
        (texts.purchase_order, content.purchase_order),
        (texts.contract, contracts.pop() if len(contracts) == 1 else ""),
        (texts.project, projects.pop() if len(projects) == 1 else ""),
    )
    return tuple(Fact(label=label, value=value) for label, value in rows if value)


def _line(line: LineContent, content: InvoiceContent, texts: InvoiceTexts, lang: str) -> LineBlock:
    one, many = texts.units.get(line.unit, (line.unit, line.unit))
    unit = one if line.quantity == Decimal(1) else many
    return LineBlock(
        position=str(line.position),
        description=line.description,
        references=REFERENCE_SIGN.join(_references(line, content, texts, lang)),
        quantity=f"{fmt.quantity(line.quantity, lang)}{fmt.NO_BREAK}{unit}".strip(),
        unit_price=fmt.unit_price(line.unit_price, content.currency, lang),
        tax_rate=fmt.percent(_rate(line, content), lang),
        amount=fmt.amount(line.net_minor, content.currency, lang),
    )


def _references(line: LineContent, content: InvoiceContent, texts: InvoiceTexts, lang: str) -> list[str]:
    """What the customer's clerk needs to find the matter, most telling first."""
    several_projects = len({other.project for other in content.lines}) > 1
    parts = [
        _contract(line, texts),
        _labelled(texts.milestone, ", ".join(filter(None, (_milestone(line), _acceptance(line, texts, lang))))),
        _labelled(texts.change_order, ", ".join(filter(None, (line.change_order, _signature(line, texts, lang))))),
        _labelled(texts.project, line.project if several_projects else ""),
        _labelled(texts.purchase_order, line.purchase_order or content.purchase_order),
        fmt.period(line.service_from, line.service_to, lang),
    ]
    return [part for part in parts if part]


def _labelled(label: str, value: str) -> str:
    return f"{label} {value}" if value else ""


def _contract(line: LineContent, texts: InvoiceTexts) -> str:
    if not line.contract_number:
        return ""
    parts = [f"{texts.contract} {line.contract_number}"]
    if line.contract_version > 1:
        parts.append(texts.version.format(version=line.contract_version))
    if line.clause:
        parts.append(f"{texts.clause.format(clause=line.clause)} {line.clause_title}".rstrip())
    return ", ".join(parts)


def _milestone(line: LineContent) -> str:
    named = line.milestone_name and line.milestone_name not in line.description
    return f"{line.milestone_number} {line.milestone_name if named else ''}".strip()


def _acceptance(line: LineContent, texts: InvoiceTexts, lang: str) -> str:
    if line.accepted_on is None:
        return texts.accepted_by_only.format(person=line.accepted_by) if line.accepted_by else ""
    moment = fmt.day(line.accepted_on, lang)
    if not line.accepted_by:
        return texts.accepted.format(date=moment)
    return texts.accepted_by.format(date=moment, person=line.accepted_by)


def _signature(line: LineContent, texts: InvoiceTexts, lang: str) -> str:
    if line.change_order_signed_on is None:
        return ""
    return texts.change_order_signed.format(date=fmt.day(line.change_order_signed_on, lang))


def _rate(line: LineContent, content: InvoiceContent) -> Decimal:
    """The line's rate in basis points; of several taxes their sum, which may have a part of one."""
    known = {(tax.category, tax.rate_basis_points): tax.components for tax in content.taxes if tax.components}
    components = known.get((line.tax_category, line.tax_rate_basis_points))
    if not components:
        return Decimal(line.tax_rate_basis_points)
    return Decimal(sum(each.rate_ppm for each in components)) / 100


def _tax_blocks(tax: TaxContent, currency: str, texts: InvoiceTexts, lang: str, tax_word: str) -> list[TaxBlock]:
    """One row, or one for each of several taxes on the same base."""
    if not tax.components:
        return [_tax(tax, currency, texts, lang, tax_word)]
    taxable = texts.taxable.format(amount=fmt.amount(tax.taxable_minor, currency, lang))
    return [
        TaxBlock(
            label=texts.tax_names["S"].format(tax=each.name, rate=fmt.percent(Decimal(each.rate_ppm) / 100, lang)),
            taxable=taxable,
            amount=fmt.amount(each.tax_minor, currency, lang),
        )
        for each in tax.components
    ]


def _tax(tax: TaxContent, currency: str, texts: InvoiceTexts, lang: str, tax_word: str) -> TaxBlock:
    label = texts.tax_names.get(tax.category, texts.tax_names["S"])
    return TaxBlock(
        label=label.format(tax=tax_word, rate=fmt.percent(tax.rate_basis_points, lang)),
        taxable=texts.taxable.format(amount=fmt.amount(tax.taxable_minor, currency, lang)),
        amount=fmt.amount(tax.tax_minor, currency, lang),
    )


NO_VAT: Final = frozenset({"US", "HK"})


def _tax_notes(content: InvoiceContent, texts: InvoiceTexts, lang: str) -> tuple[str, ...]:
    """The reason that was frozen with the category, else the category's own sentence; then what the customer withholds."""
    sentences: list[str] = []
    for tax in content.taxes:
        # Where there is no VAT, a sentence about its scope would only puzzle the reader.
        foreign = tax.category == "O" and content.seller.country in NO_VAT
        sentences.append(tax.reason or ("" if foreign else texts.exemptions.get(tax.category, "")))
    if content.withholding is not None:
        kept, currency = content.withholding, content.currency
        rate, base = fmt.percent(kept.rate_basis_points, lang), fmt.money(kept.base_minor, currency, lang)
        amount = fmt.money(kept.amount_minor, currency, lang)
        sentences.append(texts.withholding.format(rate=rate, base=base, amount=amount, reason=kept.reason))
    return tuple(dict.fromkeys(sentence for sentence in sentences if sentence))


def _terms(content: InvoiceContent, texts: InvoiceTexts, lang: str) -> str:
    if content.document_type == CREDIT:
        return texts.terms_credit
    pattern = texts.terms if content.payment_terms_days else texts.terms_at_once
    terms = pattern.format(days=content.payment_terms_days, date=fmt.day(content.due_on, lang))
    if not content.retained_minor:
        return terms
    retained = fmt.money(content.retained_minor, content.currency, lang)
    due = fmt.money(content.gross_minor - content.retained_minor, content.currency, lang)
    return f"{terms} {texts.retained.format(retained=retained, due=due)}"


def _payment(content: InvoiceContent, number: str, brand: Brand, texts: InvoiceTexts, lang: str) -> PaymentBlock:
    if content.document_type == CREDIT or content.gross_minor <= 0:
        return PaymentBlock(rows=(), instruction="", qr_svg=Markup(), qr_caption="")
    # What is retained as holdback is not asked for yet.
    gross = Money(content.gross_minor - content.retained_minor, content.currency)
    printed = fmt.money(gross.minor, gross.currency, lang)
    rows = bank_rows(content.bank, number, texts)
    contact = content.seller.email or brand.support_email or content.seller.name
    pattern = texts.pay_by_transfer if rows else texts.pay_no_account
    code = epc_code(content.bank, gross, number)
    return PaymentBlock(
        rows=rows,
        instruction=pattern.format(amount=printed, reference=number, contact=contact),
        qr_svg=Markup(inline_svg(code)) if code else Markup(),  # noqa: S704 - drawn by segno from modules, holds no text
        qr_caption=texts.qr_caption.format(amount=printed) if code else "",
    )


def bank_rows(bank: BankAccount | None, reference: str, texts: InvoiceTexts) -> tuple[Fact, ...]:
    """Payee, account and reference as they are typed into a transfer; none without an account."""
    if bank is None or not (bank.iban or bank.account_number):
        return ()
    rows = (
        (texts.pay_to, bank.holder),
        (texts.iban, fmt.iban(bank.iban)),
        (texts.bic, bank.bic),
        (texts.bank, bank.bank),
        (texts.account, bank.account_number),
        (texts.routing, bank.routing),
        (texts.reference, reference),
    )
    return tuple(Fact(label=label, value=value) for label, value in rows if value)
