"""Reads of billing, and its locks. Raw SQL for advisory locks, which SQLAlchemy has no words for.

Locks are taken in one order everywhere, so that workers queue instead of dead-locking: advisory locks of contracts and
their projects, then all drafts that may be written, in one statement by identifier, then items.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, literal, or_, select, text, union, union_all

from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.senders import identities_of
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    CustomerRow,
    EvidenceRow,
    ExpenseRow,
    LegalEntityRow,
    MilestoneRow,
    RateCardRow,
    Sourced,
    TimeEntryRow,
)
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

# Two workers must not look at one contract at the same time: both would draft the same items. Contracts of one project
# share drafts, so its identifier is locked with theirs. In the order of the identifiers, so that two overlapping batches
# queue instead of dead-locking; freed by COMMIT.
_LOCK: Final = text(
    """
    SELECT count(pg_advisory_xact_lock(hashtextextended(id, 11)))
      FROM (SELECT id FROM unnest(CAST(:ids AS text[])) AS wanted (id) ORDER BY id) AS line
    """
)


@dataclass(frozen=True, slots=True)
class Locked:
    """What stands still until COMMIT. ``drafts`` hold items of ``contract_ids``: identifier to detail."""

    contract_ids: list[UUID]
    drafts: dict[UUID, str]


def lock_billing(tx: Tx, contract_ids: Sequence[UUID], also: Collection[UUID] = ()) -> Locked:
    """Queue behind any other transaction that bills these contracts, checks, approves or issues one of their drafts.

    ``also``: drafts that are locked with theirs, in order.
    ``contract_ids`` of the answer are those asked for, and those that hold an item of a fact which moved to one of them.
    Items must be read after this, never before: a draft that was being issued meanwhile has billed them.
    """
    wanted = set(contract_ids)
    while moved := former_contracts(tx, wanted):
        wanted |= moved
    anchors = wanted | _projects(tx, wanted)
    while (now := _lock_anchors(tx, wanted, anchors)) != anchors:
        anchors = now
    return Locked(sorted(wanted), _lock_drafts(tx, wanted, also))


class _MovedError(Exception):
    """A contract changed its project before it stood still."""


def _lock_anchors(tx: Tx, contract_ids: Collection[UUID], anchors: set[UUID]) -> set[UUID]:
    """Lock ``anchors`` and return what should have been locked. If that differs, the locks are given back: those that
    are missing must be asked for together with the others, in order, not after them."""
    now = anchors
    with suppress(_MovedError), tx.session.begin_nested():
        tx.session.execute(_LOCK, {"ids": sorted(str(anchor) for anchor in anchors)})
        # Contracts do not change under an evaluation either: what it groups by is what it locked by.
        rows = select(ContractRow.id).where(ContractRow.id.in_(contract_ids)).order_by(ContractRow.id)
        tx.session.execute(rows.with_for_update(read=True))
        now = {*contract_ids, *_projects(tx, contract_ids)}
        if now != anchors:
            raise _MovedError
    return now


def _projects(tx: Tx, contract_ids: Collection[UUID]) -> set[UUID]:
    query = select(ContractRow.project_id).where(ContractRow.id.in_(contract_ids), ContractRow.project_id.is_not(None))
    return {project_id for project_id in tx.session.scalars(query) if project_id is not None}


def former_contracts(tx: Tx, contract_ids: Collection[UUID]) -> set[UUID]:
    """Other contracts under which facts of ``contract_ids`` became items before they moved there."""
    facts = union_all(
        *(
            select(table.id, table.contract_id).where(table.contract_id.in_(contract_ids))
            for table in (MilestoneRow, TimeEntryRow, ExpenseRow)
        )
    ).subquery()
    query = (
        select(BillableItemRow.contract_id)
        .join(facts, facts.c.id == BillableItemRow.subject_id)
        .where(BillableItemRow.contract_id != facts.c.contract_id, BillableItemRow.contract_id.not_in(contract_ids))
        .distinct()
    )
    return set(tx.session.scalars(query))


def _lock_drafts(tx: Tx, contract_ids: Collection[UUID], also: Collection[UUID]) -> dict[UUID, str]:
    """Lock every draft that holds items of these contracts or may take some; return those that hold some."""
    holding = select(BillableItemRow.invoice_id).where(
        BillableItemRow.contract_id.in_(contract_ids), BillableItemRow.state == "drafted"
    )
    sharing = (
        select(InvoiceRow.id)
        .join(
            ContractRow,
            (ContractRow.customer_id == InvoiceRow.customer_id) & (ContractRow.project_id == InvoiceRow.project_id),
        )
        .where(ContractRow.id.in_(contract_ids), InvoiceRow.issued_at.is_(None))
    )
    query = (
        select(InvoiceRow.id, InvoiceRow.detail, InvoiceRow.id.in_(holding).label("holds"))
        .where(or_(InvoiceRow.id.in_(union(holding, sharing)), InvoiceRow.id.in_(also)), InvoiceRow.issued_at.is_(None))
        .order_by(InvoiceRow.id)
        .with_for_update()
    )
    return {row.id: row.detail for row in tx.session.execute(query) if row.holds}


def items_of_contracts(tx: Tx, contract_ids: Sequence[UUID]) -> dict[str, AnyRow]:
    """What is kept of the contracts' items, by transaction key, each with the draft that it is on."""
    query = (
        select(
            BillableItemRow.id,
            BillableItemRow.transaction_key,
            BillableItemRow.kind,
            BillableItemRow.subject_id,
            BillableItemRow.state,
            BillableItemRow.reasons,
            BillableItemRow.notes,
            BillableItemRow.quantity,
            BillableItemRow.amount_minor,
            BillableItemRow.currency,
            BillableItemRow.proposal_sha256,
            BillableItemRow.invoice_id,
            BillableItemRow.contract_id,
            BillableItemRow.waiting_since,
            BillableItemRow.kept_quantity,
            BillableItemRow.kept_minor,
            BillableItemRow.written_off_quantity,
            BillableItemRow.written_off_minor,
            InvoiceRow.legal_entity_id.label("draft_entity"),
            InvoiceRow.customer_id.label("draft_customer"),
            InvoiceRow.project_id.label("draft_project"),
            InvoiceRow.currency.label("draft_currency"),
        )
        .outerjoin(InvoiceRow, InvoiceRow.id == BillableItemRow.invoice_id)
        .where(BillableItemRow.contract_id.in_(contract_ids))
    )
    return {row.transaction_key: row for row in tx.session.execute(query)}


def legal_entity_codes(tx: Tx, contract_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The code of the legal entity that each contract names; empty when it names none."""
    query = select(ContractRow.id, ContractRow.legal_entity).where(ContractRow.id.in_(contract_ids))
    return {row.id: row.legal_entity for row in tx.session.execute(query)}


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
            BillableItemRow.rebill_of,
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
    """All items that the invoices bill, each with the facts of its line and the terms of its contract."""
    query = (
        select(
            BillableItemRow,
            TimeEntryRow.person_name.label("person_name"),
            TimeEntryRow.role.label("role"),
            ContractRow.po_number,
            ContractRow.payment_terms_days.label("contract_terms"),
        )
        .join(ContractRow, ContractRow.id == BillableItemRow.contract_id)
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
            ContractRow.holdback,
    known = tx.cache.get("legal_entities")
    if known is None:
        known = {row.code: row for row in tx.session.scalars(select(LegalEntityRow).order_by(LegalEntityRow.id))}
        tx.cache["legal_entities"] = known
    assert isinstance(known, dict)
    return known


def makers(tx: Tx, items: Collection[BillableItemRow]) -> dict[UUID, set[tuple[str, str]]]:
    """Who made or changed the facts behind the items: a fact's identifier to (identity, why). Two statements."""
    subjects = {item.subject_id for item in items}
    facts: tuple[tuple[type[Sourced], set[UUID | None], str], ...] = (
        (MilestoneRow, {*subjects}, "entered the milestone"),
        (TimeEntryRow, {*subjects}, "entered the time"),
        (ExpenseRow, {*subjects}, "entered the expense"),
        (ContractRow, {item.contract_id for item in items}, "entered the contract"),
        (CustomerRow, {item.customer_id for item in items}, "entered the customer"),
        (AcceptanceRow, {item.acceptance_id for item in items}, "entered the acceptance"),
        (ChangeOrderRow, {item.change_order_id for item in items}, "entered the change order"),
        (EvidenceRow, {each for item in items for each in item.evidence_ids}, "entered the evidence"),
    )
    made = union_all(
        *(select(table.id, identities_of(table), literal(why)).where(table.id.in_(ids)) for table, ids, why in facts),
        select(TimeEntryRow.id, func.lower(func.btrim(TimeEntryRow.person_email)), literal("did the work")).where(
            TimeEntryRow.id.in_(subjects), TimeEntryRow.person_email.is_not(None)
        ),
    )
    found: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for fact_id, identity, why in tx.session.execute(made):
        found[fact_id].add((str(identity), str(why)))
    cards = select(RateCardRow.rates, identities_of(RateCardRow)).where(
        RateCardRow.contract_id.in_({item.contract_id for item in items})
    )
    for rates, maker in tx.session.execute(cards):
        for rate in rates:
            found[UUID(rate["id"])].add((str(maker), "entered the rate"))
    return found


def drafts_of_customers(tx: Tx, customer_ids: Sequence[UUID]) -> list[UUID]:
    """Drafts addressed to these customers."""
    query = (
        select(InvoiceRow.id)
        .where(InvoiceRow.issued_at.is_(None), InvoiceRow.customer_id.in_(customer_ids), InvoiceRow.phase != "void")
        .order_by(InvoiceRow.id)
    )
    return list(tx.session.scalars(query))
