"""Reads of billing for the API: items, invoices, and everything that the lines of one invoice rest on."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, any_, literal, select

from billwright.billing.tables import AllocationRow, BillableItemRow, InvoiceEventRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    ContractVersionRow,
    CustomerRow,
    EvidenceRow,
    LegalEntityRow,
    MilestoneRow,
    ProjectRow,
    RateCardRow,
)
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

EVENTS_MAX = 500


def items() -> Select[Any]:
    """Billable items with the names of what they belong to; a name is null while the object has not arrived."""
    return (
        select(
            *table_of(BillableItemRow).columns,
            ContractRow.number.label("contract_number"),
            CustomerRow.name.label("customer_name"),
            ProjectRow.name.label("project_name"),
            InvoiceRow.number.label("invoice_number"),
        )
        .outerjoin(ContractRow, ContractRow.id == BillableItemRow.contract_id)
        .outerjoin(CustomerRow, CustomerRow.id == BillableItemRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == BillableItemRow.project_id)
        .outerjoin(InvoiceRow, InvoiceRow.id == BillableItemRow.invoice_id)
    )


def has_reason(code: str) -> ColumnElement[bool]:
    """Items that wait for this, whatever else they wait for."""
    return literal(code) == any_(BillableItemRow.reasons)


def items_of_subjects(tx: Tx, subject_ids: Sequence[UUID]) -> dict[UUID, list[AnyRow]]:
    """What became of milestones, time entries or expenses: their items. One statement."""
    query = items().where(BillableItemRow.subject_id.in_(subject_ids)).order_by(BillableItemRow.id)
    found: defaultdict[UUID, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query):
        found[row.subject_id].append(row)
    return found


def invoices() -> Select[Any]:
    """Invoices with the names of their parties."""
    return (
        select(
            *table_of(InvoiceRow).columns,
            LegalEntityRow.code.label("entity_code"),
            CustomerRow.name.label("customer_name"),
            ProjectRow.name.label("project_name"),
        )
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceRow.project_id)
    )


def line_shares(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """Lines with what each bills, one row per line and item, in the order of the lines."""
    line, share = table_of(InvoiceLineRow), table_of(AllocationRow)
    query = (
        select(
            *line.columns,
            share.c.item_id,
            share.c.quantity.label("share_quantity"),
            share.c.amount_minor.label("share_minor"),
            share.c.rate_id,
            BillableItemRow.transaction_key,
            BillableItemRow.kind,
            BillableItemRow.subject_id,
            BillableItemRow.notes,
            BillableItemRow.message_id,
            ContractRow.number.label("contract_number"),
            ProjectRow.name.label("project_name"),
            MilestoneRow.name.label("milestone_name"),
            ContractVersionRow.id.label("version_id"),
            ContractVersionRow.number.label("version_number"),
            ContractVersionRow.effective_at.label("version_effective_at"),
            ChangeOrderRow.number.label("order_number"),
            ChangeOrderRow.signed_at.label("order_signed_at"),
            AcceptanceRow.id.label("acceptance_id"),
            AcceptanceRow.decision,
            AcceptanceRow.decided_at,
            AcceptanceRow.decided_by,
        )
        .join(share, share.c.line_id == line.c.id)
        .join(BillableItemRow, BillableItemRow.id == share.c.item_id)
        .outerjoin(ContractRow, ContractRow.id == line.c.contract_id)
        .outerjoin(ProjectRow, ProjectRow.id == line.c.project_id)
        .outerjoin(MilestoneRow, MilestoneRow.id == line.c.milestone_id)
        .outerjoin(ContractVersionRow, ContractVersionRow.id == share.c.contract_version_id)
        .outerjoin(ChangeOrderRow, ChangeOrderRow.id == line.c.change_order_id)
        .outerjoin(AcceptanceRow, AcceptanceRow.id == BillableItemRow.acceptance_id)
        .where(line.c.invoice_id == invoice_id)
        .order_by(line.c.position, share.c.id)
    )
    return list(tx.session.execute(query))


def evidence_of(tx: Tx, evidence_ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    query = select(*table_of(EvidenceRow).columns).where(EvidenceRow.id.in_(evidence_ids))
    return {row.id: row for row in tx.session.execute(query)}


def rates_of(tx: Tx, contract_ids: Sequence[UUID]) -> dict[UUID, tuple[str, dict[str, Any]]]:
    """Rates of the contracts' cards as stored, with the currency of their card."""
    query = select(RateCardRow.currency, RateCardRow.rates).where(RateCardRow.contract_id.in_(contract_ids))
    return {UUID(rate["id"]): (currency, rate) for currency, rates in tx.session.execute(query) for rate in rates}


def events_of(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """The invoice's time line, oldest first; the last 500 entries of a longer one."""
    events = table_of(InvoiceEventRow)
    query = select(*events.columns).where(events.c.invoice_id == invoice_id)
    return list(tx.session.execute(query.order_by(events.c.id.desc()).limit(EVENTS_MAX)))[::-1]
