"""The rows of drafts and what is made of them: priced items, the facts of their tax, the content hash, what items rest on."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billwright.billing.content import (
    content_hash,
    line_content,
    parties_content,
    seller_content,
)
from billwright.billing.lines import PricedItem, PricedLine
from billwright.billing.tables import (
    BillableItemRow,
    InvoiceRow,
)
from billwright.billing.tax import TaxFacts
from billwright.billing.tax.of_rows import base_facts
from billwright.billing.tax.tables import VatStandingRow
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx


def lock_drafts(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    query = (
        select(
            InvoiceRow.id,
            InvoiceRow.document_type,
            InvoiceRow.legal_entity_id,
            InvoiceRow.customer_id,
            InvoiceRow.currency,
            InvoiceRow.payment_terms_days,
            InvoiceRow.phase,
            InvoiceRow.detail,
            InvoiceRow.net_minor,
            InvoiceRow.tax_minor,
            InvoiceRow.gross_minor,
            InvoiceRow.content_sha256,
            InvoiceRow.content_version,
            InvoiceRow.holdback,
            InvoiceRow.tax_problems,
            CustomerRow.name,
            CustomerRow.legal_name,
            CustomerRow.tax_id,
            CustomerRow.tax_category,
            CustomerRow.tax,
            VatStandingRow.answer.label("registry"),
            CustomerRow.address,
            CustomerRow.einvoice,
            CustomerRow.payment_terms_days.label("customer_terms"),
            LegalEntityRow.name.label("entity_name"),
            LegalEntityRow.country,
            LegalEntityRow.time_zone,
            LegalEntityRow.profile,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .join(VatStandingRow, VatStandingRow.tax_id == CustomerRow.tax_id, isouter=True)
        .where(InvoiceRow.id.in_(invoice_ids), InvoiceRow.issued_at.is_(None))
        .order_by(InvoiceRow.id)
        .with_for_update(of=InvoiceRow)
    )
    return {row.id: row for row in tx.session.execute(query)}


def priced_item(row: AnyRow) -> PricedItem:
    item: BillableItemRow = row.BillableItemRow
    assert item.amount_minor is not None
    assert item.currency is not None
    assert item.unit_price is not None
    who = " – ".join(part for part in (row.person_name, row.role, row.work_kind) if part) if item.kind == "time" else ""
    return PricedItem(
        id=item.id,
        kind=item.kind,
        subject_id=item.subject_id,
        contract_id=item.contract_id,
        project_id=item.project_id,
        description=item.description,
        quantity=item.quantity - item.kept_quantity - item.written_off_quantity,
        unit=item.unit,
        unit_price=item.unit_price,
        amount=Money(item.amount_minor - item.kept_minor - item.written_off_minor, item.currency),
        service_from=item.service_from,
        service_to=item.service_to,
        clause=item.clause,
        contract_version_id=item.contract_version_id,
        change_order_id=item.change_order_id,
        rate_id=item.rate_id,
        evidence_ids=tuple(item.evidence_ids),
        who=who,
        service_line=item.service_line,
        standard=None if item.standard_minor is None else Money(item.standard_minor, item.currency),
        adjusted_by=item.adjusted_by,
        exact=bool(item.caps) or item.standard_minor is not None,
        part=bool(item.kept_quantity or item.written_off_quantity),
        share=bool(item.share_of),
    )


def tax_facts(tx: Tx, row: AnyRow) -> TaxFacts:
    return base_facts(
        country=row.country,
        profile=row.profile,
        tax_id=row.tax_id,
        tax_category=row.tax_category,
        address=row.address,
        tax=row.tax,
        registry=row.registry,
        asked=bool(read_configuration(tx).tax_connection),
        today=tx.now.astimezone(ZoneInfo(row.time_zone)).date(),
    )


def draft_digest(
    row: AnyRow,
    items: Sequence[AnyRow],
    lines: Sequence[PricedLine],
    terms: int,
    problems: Sequence[Mapping[str, Any]],
    holdback: Sequence[Mapping[str, Any]] | None,
) -> str:
    parties = parties_content(
        name=row.name,
        legal_name=row.legal_name,
        tax_id=row.tax_id,
        tax_category=row.tax_category,
        address=row.address,
        seller_country=row.country,
        seller_profile=row.profile,
        tax=row.tax,
    )
    return content_hash(
        entity=row.legal_entity_id,
        customer=row.customer_id,
        parties=parties,
        terms=terms,
        lines=[line_content(line) for line in lines],
        seller=seller_content(row.entity_name, row.profile, row.currency),
        orders=((item.BillableItemRow.contract_id, item.po_number) for item in items),
        tax_problems=problems,
        holdback=holdback or (),
        einvoice=(row.einvoice, row.profile.get("einvoice")),
    )


def facts_of(item: BillableItemRow) -> list[UUID]:
    """All that an item rests on."""
    named = (
        item.id, item.contract_id, item.customer_id, item.subject_id, item.acceptance_id, item.change_order_id, item.rate_id,
    )  # fmt: skip
    return [fact_id for fact_id in (*named, *item.evidence_ids) if fact_id is not None]
