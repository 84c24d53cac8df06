"""From an approved draft to its frozen content. Pure, but for what it is given."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from billwright.billing.content import bank_content
from billwright.billing.credit_drafts import Note
from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.issuing.adjusted_words import adjustment_words
from billwright.issuing.content import BankAccount, EinvoiceContent, InvoiceContent, LineContent, Party, Preceding
from billwright.issuing.holdback import frozen_holdback
from billwright.issuing.issue_credits import credit_content, credit_taxes
from billwright.issuing.queries import moment_to_date
from billwright.issuing.tax_content import reason_of, tax_rows, withheld
from billwright.kernel.ids import show
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import DocumentSettings
from billwright_templates.versions import template_version


def freeze(
    invoice: InvoiceRow,
    customer: CustomerRow,
    entity: LegalEntityRow,
    rows: Sequence[AnyRow],
    *,
    evidence: Mapping[UUID, str],
    documents: DocumentSettings,
    today: date,
    note: Note | None = None,
    replaces: Preceding | None = None,
) -> InvoiceContent:
    """The content as it will stand for ever: parties, lines with their references, tax breakdown, totals."""
    lines = _lines(rows, evidence, customer.language, entity.time_zone, invoice.currency)
    stored = list({row.InvoiceLineRow.id: row.InvoiceLineRow for row in rows}.values())
    taxes = tax_rows(stored, invoice.currency, customer.language)
    taxes = credit_taxes(taxes, note)
    net_minor = sum(line.net_minor for line in lines)
    tax_minor = sum(tax.tax_minor for tax in taxes)
    assert (net_minor, tax_minor) == (invoice.net_minor, invoice.tax_minor), f"totals of {invoice.id} moved"
    starts = [line.service_from or line.service_to for line in lines if line.service_from or line.service_to]
    ends = [line.service_to for line in lines if line.service_to]
    orders = sorted({line.purchase_order for line in lines if line.purchase_order})
    return InvoiceContent(
        invoice_id=show("inv", invoice.id),
        document_type=invoice.document_type,
        seller=seller_party(entity),
        buyer=buyer_party(customer),
        bank=_bank(entity.profile.get("bank"), invoice.currency),
        currency=invoice.currency,
        language=customer.language,
        issued_on=today,
        due_on=today + timedelta(days=invoice.payment_terms_days),
        service_from=min((s for s in starts if s), default=None),
        service_to=max(ends, default=None),
        payment_terms_days=invoice.payment_terms_days,
        purchase_order=", ".join(orders),
        lines=tuple(lines),
        taxes=tuple(taxes),
        net_minor=net_minor,
        tax_minor=tax_minor,
        gross_minor=net_minor + tax_minor,
        notes=tuple(documents.notes),
        template_set=documents.template_set,
        template_version=template_version(documents.template_set, documents.template_html),
        credit=credit_content(note),
        replaces=replaces,
        einvoice=_einvoice(customer, entity),
        holdbacks=frozen_holdback(invoice.holdback, rows),
        withholding=withheld(customer.tax, Money(net_minor, invoice.currency)),
    )


def _einvoice(customer: CustomerRow, entity: LegalEntityRow) -> EinvoiceContent | None:
    said = {"buyer": customer.einvoice, "seller": entity.profile.get("einvoice")}
    return msgspec.convert(said, EinvoiceContent, strict=False) if any(said.values()) else None


def seller_party(entity: LegalEntityRow) -> Party:
    profile = entity.profile
    address = profile.get("address") or {}
    return Party(
        id=show("led", entity.id),
        name=entity.name,
        legal_name=profile.get("legal_name") or entity.name,
        street=address.get("street", ""),
        postal_code=address.get("postal_code", ""),
        city=address.get("city", ""),
        country=address.get("country") or entity.country,
        tax_id=profile.get("tax_id") or "",
        registration=profile.get("registration") or "",
        email=profile.get("email") or "",
        phone=profile.get("phone") or "",
    )


def buyer_party(customer: CustomerRow) -> Party:
    address = customer.address
    contact = customer.contacts[0]["name"] if customer.contacts else ""
    return Party(
        id=show("cus", customer.id),
        name=customer.name,
        legal_name=customer.legal_name or customer.name,
        street=address.get("street", ""),
        postal_code=address.get("postal_code", ""),
        city=address.get("city", ""),
        country=address.get("country") or "",
        tax_id=customer.tax_id,
        email=customer.billing_email or "",
        contact=contact,
    )


def _bank(banks: Any, currency: str) -> BankAccount | None:
    printed = bank_content(banks, currency)
    return BankAccount(**printed) if printed is not None else None


# A milestone's line begins with this word in the customer's language; triggers write English, for our own people.
MILESTONE: Final = {"en": "Milestone", "de": "Meilenstein", "fr": "Jalon"}


def _described(row: AnyRow, language: str, currency: str) -> str:
    line: InvoiceLineRow = row.InvoiceLineRow
    description = line.description
    word = MILESTONE.get(language, MILESTONE["en"])
    if row.milestone_number and description.startswith(f"{MILESTONE['en']} "):
        description = word + description.removeprefix(MILESTONE["en"])
    standard = None if line.standard_minor is None else Money(line.standard_minor, currency)
    adjusted = adjustment_words(standard, Money(line.net_minor, currency), line.adjusted_by, language)
    return f"{description} ({adjusted})" if adjusted else description


def _lines(
    rows: Sequence[AnyRow], evidence: Mapping[UUID, str], language: str, time_zone: str, currency: str
) -> list[LineContent]:
    by_line: dict[UUID, list[AnyRow]] = {}
    for row in rows:
        by_line.setdefault(row.InvoiceLineRow.id, []).append(row)
    return [_line(group, evidence, language, time_zone, currency) for group in by_line.values()]


def _line(
    group: Sequence[AnyRow], evidence: Mapping[UUID, str], language: str, time_zone: str, currency: str
) -> LineContent:
    row = group[0]
    line: InvoiceLineRow = row.InvoiceLineRow
    clause_title = next((c.get("title", "") for c in row.clauses if c.get("number") == line.clause), "")
    return LineContent(
        position=line.position,
        description=_described(row, language, currency),
        quantity=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        net_minor=line.net_minor,
        tax_category=line.tax_category,
        tax_rate_basis_points=line.tax_rate_basis_points,
        tax_reason=reason_of(line, language),
        tax_exemption_code=line.tax_exemption_code,
        tax_rule=line.tax_rule,
        tax_evidence=line.tax_evidence,
        contract_number=row.contract_number,
        contract_version=row.version_number or 1,
        clause=line.clause,
        clause_title=clause_title,
        project=row.project_name or "",
        milestone_number=row.milestone_number or "",
        milestone_name=row.milestone_name or "",
        accepted_on=moment_to_date(row.decided_at, time_zone),
        accepted_by=row.decided_by or "",
        change_order=row.order_number or "",
        change_order_signed_on=moment_to_date(row.signed_at, time_zone),
        service_from=line.service_from,
        service_to=line.service_to,
        purchase_order=row.po_number,
        evidence=tuple(evidence.get(identifier, "") for identifier in line.evidence_ids),
        transaction_keys=tuple(member.transaction_key for member in group),
        standard_minor=line.standard_minor,
        adjusted_by=line.adjusted_by,
    )
