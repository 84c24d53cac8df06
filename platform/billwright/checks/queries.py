"""Draft views for rules, set-based: the same number of statements for one draft and for a hundred."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from billwright.billing.credit_drafts import CREDIT_NOTE, counts_as_billed, is_credited
from billwright.billing.tables import AllocationRow, BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    CustomerRow,
    LegalEntityRow,
    MilestoneRow,
)
from billwright.extension.views import BilledLineView, ContractTotals, DraftView, LineView
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

HISTORY_MAX = 500  # lines of other invoices per contract that a duplicate check compares with, newest first


def lock_drafts(tx: Tx, invoice_ids: Sequence[UUID]) -> list[AnyRow]:
    """Drafts that wait for the checks, locked. One that somebody returned waits for a person, whoever asks for a check."""
    query = (
        select(
            InvoiceRow.id,
            InvoiceRow.content_sha256,
            InvoiceRow.document_type,
            InvoiceRow.phase,
            InvoiceRow.detail,
            InvoiceRow.net_minor,
            InvoiceRow.currency,
            InvoiceRow.customer_id,
            InvoiceRow.legal_entity_id,
            CustomerRow.name,
            CustomerRow.po_required,
            InvoiceRow.tax_problems,
            LegalEntityRow.code,
            LegalEntityRow.time_zone,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(
            InvoiceRow.id.in_(invoice_ids),
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.phase == "validation_pending",
            InvoiceRow.detail != "returned",
        )
        .order_by(InvoiceRow.id)
        .with_for_update(of=InvoiceRow)
    )
    return list(tx.session.execute(query))


def draft_views(tx: Tx, drafts: Sequence[AnyRow]) -> tuple[dict[UUID, DraftView], dict[UUID, list[LineView]]]:
    """What rules see of each draft; and the lines whose items a trigger could not confirm."""
    invoice_ids = [row.id for row in drafts]
    lines, contracts_of, doubted = _lines(tx, invoice_ids)
    contract_ids = sorted({contract for contracts in contracts_of.values() for contract in contracts})
    totals = _totals(tx, contract_ids)
    billed = _billed(tx, contract_ids)
    history = _history(tx, contract_ids)
    views: dict[UUID, DraftView] = {}
    for row in drafts:
        contracts = contracts_of[row.id]
        views[row.id] = DraftView(
            id=str(row.id),
            legal_entity=row.code,
            customer_id=str(row.customer_id),
            customer_name=row.name,
            customer_po_required=row.po_required,
            currency=row.currency,
            today=tx.now.astimezone(ZoneInfo(row.time_zone)).date(),
            lines=tuple(lines[row.id]),
            contracts=tuple(
                _contract_totals(totals[contract], billed.get(contract, {}), row.id) for contract in sorted(contracts)
            ),
            history=tuple(
                view for contract in sorted(contracts) for owner, view in history.get(contract, ()) if owner != row.id
            ),
        )
    return views, doubted


def _lines(
    tx: Tx, invoice_ids: Sequence[UUID]
) -> tuple[dict[UUID, list[LineView]], dict[UUID, set[UUID]], dict[UUID, list[LineView]]]:
    query = (
        select(
            InvoiceLineRow.id,
            InvoiceLineRow.invoice_id,
            InvoiceLineRow.description,
            InvoiceLineRow.unit_price,
            InvoiceLineRow.tax_category,
            InvoiceLineRow.milestone_id,
            AllocationRow.quantity,
            AllocationRow.amount_minor,
            BillableItemRow.transaction_key,
            BillableItemRow.kind,
            BillableItemRow.subject_id,
            BillableItemRow.currency,
            BillableItemRow.service_from,
            BillableItemRow.service_to,
            BillableItemRow.contract_id,
            BillableItemRow.evidence_ids,
            BillableItemRow.reasons,
            BillableItemRow.notes,
            ContractRow.number.label("contract_number"),
            ContractRow.acceptance_required.label("contract_acceptance"),
            MilestoneRow.number.label("milestone_number"),
            MilestoneRow.acceptance_required.label("milestone_acceptance"),
            MilestoneRow.basis,
            AcceptanceRow.decided_at,
            AcceptanceRow.items,
            ChangeOrderRow.id.label("order_id"),
            ChangeOrderRow.number.label("order_number"),
            ChangeOrderRow.signed_at,
        )
        .join(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .join(BillableItemRow, BillableItemRow.id == AllocationRow.item_id)
        .join(ContractRow, ContractRow.id == BillableItemRow.contract_id)
        .join(MilestoneRow, MilestoneRow.id == BillableItemRow.subject_id, isouter=True)
        .join(AcceptanceRow, AcceptanceRow.id == BillableItemRow.acceptance_id, isouter=True)
        .join(ChangeOrderRow, ChangeOrderRow.id == BillableItemRow.change_order_id, isouter=True)
        .where(InvoiceLineRow.invoice_id.in_(invoice_ids))
        .order_by(InvoiceLineRow.position, AllocationRow.id)
    )
    lines: dict[UUID, list[LineView]] = defaultdict(list)
    contracts: dict[UUID, set[UUID]] = defaultdict(set)
    doubted: dict[UUID, list[LineView]] = defaultdict(list)
    for row in tx.session.execute(query):
        line = _line_view(row)
        lines[row.invoice_id].append(line)
        contracts[row.invoice_id].add(row.contract_id)
        if "trigger_failed" in row.reasons:
            doubted[row.invoice_id].append(line)
    return lines, contracts, doubted


def _line_view(row: AnyRow) -> LineView:
    needs_acceptance = (
        row.kind == "milestone"
        and row.basis != "mobilisation"
        and (row.contract_acceptance if row.milestone_acceptance is None else row.milestone_acceptance)
    )
    return LineView(
        id=str(row.id),
        transaction_key=row.transaction_key,
        kind=row.kind,
        description=row.description,
        quantity=row.quantity,
        unit_price=row.unit_price,
        net=Money(row.amount_minor, row.currency),
        tax_category=row.tax_category,
        service_from=row.service_from,
        service_to=row.service_to,
        contract_id=str(row.contract_id),
        contract_number=row.contract_number,
        milestone_id=str(row.milestone_id) if row.milestone_id else None,
        milestone_number=row.milestone_number or "",
        acceptance_required=bool(needs_acceptance),
        accepted_at=row.decided_at,
        acceptance_items_open=sum(1 for item in row.items or () if item.get("accepted") is False),
        change_order_id=str(row.order_id) if row.order_id else None,
        change_order_number=row.order_number or "",
        change_order_signed=(row.signed_at is not None) if row.order_id else None,
        evidence_count=len(row.evidence_ids),
        subject_id=str(row.subject_id),
        notes=tuple(row.notes),
    )


def _totals(tx: Tx, contract_ids: Sequence[UUID]) -> dict[UUID, tuple[AnyRow, Decimal | None]]:
    """Contract terms and the value in force: as signed, or after the latest signed change order that set one."""
    contracts = select(
        ContractRow.id,
        ContractRow.number,
        ContractRow.currency,
        ContractRow.value,
        ContractRow.po_number,
        ContractRow.po_value,
        ContractRow.po_valid_until,
    ).where(ContractRow.id.in_(contract_ids))
    orders = (
        select(ChangeOrderRow.contract_id, ChangeOrderRow.value_after)
        .where(
            ChangeOrderRow.contract_id.in_(contract_ids),
            ChangeOrderRow.signed_at <= tx.now,
            ChangeOrderRow.value_after.is_not(None),
        )
        .order_by(ChangeOrderRow.signed_at)
    )
    after = {row.contract_id: row.value_after for row in tx.session.execute(orders)}
    return {row.id: (row, after.get(row.id, row.value)) for row in tx.session.execute(contracts)}


def _billed(tx: Tx, contract_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, int]]:
    """Net minor units per contract and invoice, void ones left out, and those in another currency than the contract's."""
    query = (
        select(InvoiceLineRow.contract_id, InvoiceLineRow.invoice_id, func.sum(InvoiceLineRow.net_minor))
        .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
        .join(ContractRow, ContractRow.id == InvoiceLineRow.contract_id)
        .where(
            InvoiceLineRow.contract_id.in_(contract_ids),
            counts_as_billed(),
            func.coalesce(ContractRow.currency, InvoiceRow.currency) == InvoiceRow.currency,
        )
        .group_by(InvoiceLineRow.contract_id, InvoiceLineRow.invoice_id)
    )
    found: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for contract_id, invoice_id, minor in tx.session.execute(query):
        found[contract_id][invoice_id] = int(minor)
    return found


def _contract_totals(terms: tuple[AnyRow, Decimal | None], billed: dict[UUID, int], draft_id: UUID) -> ContractTotals:
    row, value = terms
    elsewhere = sum(minor for invoice_id, minor in billed.items() if invoice_id != draft_id)
    return ContractTotals(
        contract_id=str(row.id),
        number=row.number,
        currency=row.currency,
        value_minor=_minor(value, row.currency),
        billed_minor=elsewhere,
        purchase_order=row.po_number,
        purchase_order_minor=_minor(row.po_value, row.currency),
        purchase_order_valid_until=row.po_valid_until,
        purchase_order_billed_minor=elsewhere if row.po_number else 0,
    )


def _minor(value: Decimal | None, currency: str | None) -> int | None:
    if value is None or currency not in MINOR_UNIT_DIGITS:
        return None
    return int(value.scaleb(MINOR_UNIT_DIGITS[currency]))


def _history(tx: Tx, contract_ids: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, BilledLineView]]]:
    query = (
        select(
            InvoiceLineRow.contract_id,
            InvoiceLineRow.invoice_id,
            InvoiceLineRow.description,
            AllocationRow.amount_minor,
            BillableItemRow.transaction_key,
            BillableItemRow.subject_id,
            BillableItemRow.currency,
            BillableItemRow.service_from,
            BillableItemRow.service_to,
            InvoiceRow.number,
        )
        .join(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .join(BillableItemRow, BillableItemRow.id == AllocationRow.item_id)
        .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
        .where(
            InvoiceLineRow.contract_id.in_(contract_ids),
            InvoiceRow.phase != "void",
            InvoiceRow.document_type != CREDIT_NOTE,
            BillableItemRow.kept_quantity == 0,
            ~is_credited(),
        )
        .order_by(AllocationRow.id.desc())
        .limit(HISTORY_MAX * max(1, len(contract_ids)))
    )
    found: dict[UUID, list[tuple[UUID, BilledLineView]]] = defaultdict(list)
    for row in tx.session.execute(query):
        found[row.contract_id].append((row.invoice_id, _billed_view(row)))
    return found


def _billed_view(row: Any) -> BilledLineView:
    return BilledLineView(
        invoice_id=str(row.invoice_id),
        invoice_label=row.number or "another draft",
        transaction_key=row.transaction_key,
        subject_id=str(row.subject_id),
        contract_id=str(row.contract_id),
        description=row.description,
        net=Money(row.amount_minor, row.currency),
        service_from=row.service_from,
        service_to=row.service_to,
    )
