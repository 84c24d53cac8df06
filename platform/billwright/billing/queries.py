"""Reads of billing. Raw SQL for advisory locks, which SQLAlchemy has no words for."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import ContractRow, CustomerRow, ExpenseRow, LegalEntityRow, MilestoneRow, TimeEntryRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

# Two workers must not look at one contract at the same time: both would draft the same items. In the order of the
# identifiers, so that two overlapping batches queue instead of dead-locking; freed by COMMIT.
_LOCK: Final = text(
    """
    SELECT count(pg_advisory_xact_lock(hashtextextended(id, 11)))
      FROM (SELECT id FROM unnest(CAST(:ids AS text[])) AS wanted (id) ORDER BY id) AS line
    """
)


def lock_contracts(tx: Tx, contract_ids: Sequence[UUID]) -> None:
    """Queue behind any other transaction that is billing one of these contracts."""
    tx.session.execute(_LOCK, {"ids": sorted({str(contract_id) for contract_id in contract_ids})})


def items_of_contracts(tx: Tx, contract_ids: Sequence[UUID]) -> dict[str, AnyRow]:
    """What is kept of the contracts' items, by transaction key."""
    query = select(
        BillableItemRow.id,
        BillableItemRow.transaction_key,
        BillableItemRow.state,
        BillableItemRow.proposal_sha256,
        BillableItemRow.invoice_id,
        BillableItemRow.contract_id,
        BillableItemRow.waiting_since,
    ).where(BillableItemRow.contract_id.in_(contract_ids))
    return {row.transaction_key: row for row in tx.session.execute(query)}


def ready_items(tx: Tx, contract_ids: Sequence[UUID]) -> list[AnyRow]:
    """Ready items with what grouping needs of contract and customer, oldest service first."""
    query = (
        select(
            BillableItemRow.id,
            BillableItemRow.contract_id,
            BillableItemRow.currency,
            BillableItemRow.service_to,
            ContractRow.customer_id,
            ContractRow.project_id,
            ContractRow.legal_entity,
            ContractRow.grouping,
            ContractRow.payment_terms_days.label("contract_terms"),
            CustomerRow.payment_terms_days.label("customer_terms"),
        )
        .join(ContractRow, ContractRow.id == BillableItemRow.contract_id)
        .join(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .where(BillableItemRow.state == "ready", BillableItemRow.contract_id.in_(contract_ids))
        .order_by(BillableItemRow.service_to, BillableItemRow.id)
    )
    return list(tx.session.execute(query))


def open_drafts(tx: Tx, group_keys: Sequence[str]) -> dict[str, UUID]:
    """Drafts that may still take items: not yet on their way through approvals. Locked."""
    query = (
        select(InvoiceRow.group_key, InvoiceRow.id)
        .where(
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.phase.in_(("draft", "validation_pending")),
            InvoiceRow.group_key.in_(group_keys),
        )
        .order_by(InvoiceRow.id)
        .with_for_update()
    )
    return {row.group_key: row.id for row in tx.session.execute(query)}


def items_of_invoices(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, list[AnyRow]]:
    """All items that the invoices bill, each with the facts of its line."""
    query = (
        select(
            BillableItemRow,
            TimeEntryRow.person_name.label("person_name"),
            TimeEntryRow.role.label("role"),
        )
        .join(TimeEntryRow, TimeEntryRow.id == BillableItemRow.subject_id, isouter=True)
        .where(BillableItemRow.invoice_id.in_(invoice_ids), BillableItemRow.state == "drafted")
        .order_by(BillableItemRow.service_to, BillableItemRow.id)
    )
    found: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query):
        found[row.BillableItemRow.invoice_id].append(row)
    return found


def entities(tx: Tx) -> dict[str, LegalEntityRow]:
    """The tenant's legal entities by code; few, read once per transaction."""
    known = tx.cache.get("legal_entities")
    if known is None:
        known = {row.code: row for row in tx.session.scalars(select(LegalEntityRow).order_by(LegalEntityRow.id))}
        tx.cache["legal_entities"] = known
    assert isinstance(known, dict)
    return known


def makers(tx: Tx, subject_ids: Sequence[UUID], contract_ids: Sequence[UUID]) -> dict[UUID, set[tuple[str, str]]]:
    """Who made the facts behind the items: subject or contract id to (identity, why)."""
    found: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for table, ids, why in (
        (MilestoneRow, subject_ids, "entered the milestone"),
        (TimeEntryRow, subject_ids, "entered the time"),
        (ExpenseRow, subject_ids, "entered the expense"),
        (ContractRow, contract_ids, "entered the contract"),
    ):
        query = select(table.id, table.made_by).where(table.id.in_(ids), table.made_by.is_not(None))
        for row in tx.session.execute(query):
            found[row.id].add((str(row.made_by), why))
    worked = select(TimeEntryRow.id, TimeEntryRow.person_email).where(
        TimeEntryRow.id.in_(subject_ids), TimeEntryRow.person_email.is_not(None)
    )
    for entry_id, email in tx.session.execute(worked):
        found[entry_id].add((str(email).lower(), "did the work"))
    return found


def blocked_drafts(tx: Tx, contract_ids: Sequence[UUID]) -> list[UUID]:
    """Drafts with items of these contracts that stand on the exception desk."""
    query = (
        select(InvoiceRow.id)
        .where(
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.detail == "blocked",
            InvoiceRow.id.in_(
                select(BillableItemRow.invoice_id).where(
                    BillableItemRow.contract_id.in_(contract_ids), BillableItemRow.state == "drafted"
                )
            ),
        )
        .order_by(InvoiceRow.id)
    )
    return list(tx.session.scalars(query))


def drafts_of_customers(tx: Tx, customer_ids: Sequence[UUID]) -> list[UUID]:
    """Drafts addressed to these customers."""
    query = (
        select(InvoiceRow.id)
        .where(InvoiceRow.issued_at.is_(None), InvoiceRow.customer_id.in_(customer_ids), InvoiceRow.phase != "void")
        .order_by(InvoiceRow.id)
    )
    return list(tx.session.scalars(query))
