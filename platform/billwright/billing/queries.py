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

from sqlalchemy import ColumnElement, func, literal, or_, select, text, union, union_all

from billwright.billing.placing import BELOW_MINIMUM
from billwright.billing.tables import BillableItemRow, InvoiceRow, ItemAdjustmentRow
from billwright.canon.senders import identities_of
from billwright.canon.tables import (
    AcceptanceRow,
    BillingScheduleRow,
    ChangeOrderRow,
    ContractRow,
    CustomerRow,
    EvidenceRow,
    ExpenseRow,
    LegalEntityRow,
    MilestoneRow,
    ProgressReportRow,
    ProjectRow,
    RateCardRow,
    Sourced,
    TimeEntryRow,
    UsageRecordRow,
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
    """What stands still until COMMIT. ``drafts`` hold items of ``contract_ids``: identifier to detail.

    ``minimum``: contracts whose items may wait for an invoice's minimum amount, also others of the same customers that
    share those invoices.
    """

    contract_ids: list[UUID]
    drafts: dict[UUID, str]
    minimum: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class _Shared:
    """With whom the contracts share drafts: ``anchors`` to lock, ``customers`` whose other drafts may take their items;
    ``minimum`` are contracts with a minimum amount, ``pooled`` customers of those that pool it."""

    anchors: frozenset[UUID]
    customers: frozenset[UUID]
    minimum: frozenset[UUID]
    pooled: frozenset[UUID]


def lock_billing(tx: Tx, contract_ids: Sequence[UUID], also: Collection[UUID] = ()) -> Locked:
    """Queue behind any other transaction that bills these contracts, checks, approves or issues one of their drafts.

    ``also``: drafts that are locked with theirs, in order.
    ``contract_ids`` of the answer are those asked for, and those that hold an item of a fact which moved to one of them.
    Items must be read after this, never before: a draft that was being issued meanwhile has billed them.
    """
    wanted = set(contract_ids)
    while moved := former_contracts(tx, wanted):
        wanted |= moved
    anchors = wanted | _shared(tx, wanted).anchors
    while True:
        shared = _lock_anchors(tx, wanted, anchors)
        now = wanted | shared.anchors
        if now == anchors:
            return Locked(sorted(wanted), _lock_drafts(tx, wanted, also, shared.customers), _minimum(tx, shared))
        anchors = now


class _MovedError(Exception):
    """A contract changed its project before it stood still."""


def _lock_anchors(tx: Tx, contract_ids: Collection[UUID], anchors: set[UUID]) -> _Shared:
    """Lock ``anchors`` and return what should have been locked. If that differs, the locks are given back: those that
    are missing must be asked for together with the others, in order, not after them."""
    shared = _Shared(frozenset(), frozenset(), frozenset(), frozenset())
    with suppress(_MovedError), tx.session.begin_nested():
        tx.session.execute(_LOCK, {"ids": sorted(str(anchor) for anchor in anchors)})
        # Contracts do not change under an evaluation either: what it groups by is what it locked by.
        rows = select(ContractRow.id).where(ContractRow.id.in_(contract_ids)).order_by(ContractRow.id)
        tx.session.execute(rows.with_for_update(read=True))
        shared = _shared(tx, contract_ids)
        if {*contract_ids, *shared.anchors} != anchors:
            raise _MovedError
    return shared


def _shared(tx: Tx, contract_ids: Collection[UUID]) -> _Shared:
    """By project, and as policies of consolidated and of shared bills say. One statement."""
    query = select(
        ContractRow.id,
        ContractRow.project_id,
        ContractRow.customer_id,
        ContractRow.billing_policy,
        ContractRow.bill_to_ids,
    ).where(
        ContractRow.id.in_(contract_ids),
        or_(
            ContractRow.project_id.is_not(None),
            ContractRow.billing_policy.is_not(None),
            ContractRow.bill_to.is_not(None),
        ),
    )
    rows = list(tx.session.execute(query))
    policies = [(row, row.billing_policy or {}) for row in rows]
    consolidated = {row.customer_id for row, policy in policies if policy.get("consolidated")}
    customers = consolidated | {each for row in rows for each in row.bill_to_ids}
    return _Shared(
        anchors=frozenset({row.project_id for row in rows if row.project_id is not None} | customers),
        customers=frozenset(customers),
        minimum=frozenset(row.id for row, policy in policies if policy.get("minimum_amount") is not None),
        pooled=frozenset(
            row.customer_id
            for row, policy in policies
            if policy.get("minimum_amount") is not None and policy.get("consolidated")
        ),
    )


def _minimum(tx: Tx, shared: _Shared) -> frozenset[UUID]:
    """Contracts whose waiting items count towards a minimum amount. No statement unless one is pooled."""
    if not shared.pooled:
        return shared.minimum
    pools = select(ContractRow.id).where(
        ContractRow.customer_id.in_(shared.pooled),
        ContractRow.billing_policy["consolidated"].astext == literal("true"),
        ContractRow.billing_policy["minimum_amount"].astext.is_not(None),
    )
    return shared.minimum | {*tx.session.scalars(pools)}


def former_contracts(tx: Tx, contract_ids: Collection[UUID]) -> set[UUID]:
    """Other contracts under which facts of ``contract_ids`` became items before they moved there."""
    facts = union_all(
        *(
            select(table.id, table.contract_id).where(table.contract_id.in_(contract_ids))
            for table in (MilestoneRow, TimeEntryRow, ExpenseRow, BillingScheduleRow)
        )
    ).subquery()
    query = (
        select(BillableItemRow.contract_id)
        .join(facts, facts.c.id == BillableItemRow.subject_id)
        .where(BillableItemRow.contract_id != facts.c.contract_id, BillableItemRow.contract_id.not_in(contract_ids))
        .distinct()
    )
    return set(tx.session.scalars(query))


def _lock_drafts(
    tx: Tx, contract_ids: Collection[UUID], also: Collection[UUID], customers: Collection[UUID]
) -> dict[UUID, str]:
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
    others = [select(InvoiceRow.id).where(InvoiceRow.customer_id.in_(customers), InvoiceRow.issued_at.is_(None))]
    concerned = union(holding, sharing, *(others if customers else ()))
    query = (
        select(InvoiceRow.id, InvoiceRow.detail, InvoiceRow.id.in_(holding).label("holds"))
        .where(or_(InvoiceRow.id.in_(concerned), InvoiceRow.id.in_(also)), InvoiceRow.issued_at.is_(None))
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
            BillableItemRow.standard_minor,
            BillableItemRow.adjusted_by,
            BillableItemRow.adjustment_id,
            BillableItemRow.caps,
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


def ready_items(tx: Tx, contract_ids: Sequence[UUID], minimum: Collection[UUID] = ()) -> list[AnyRow]:
    """Ready items with what grouping needs of contract, project and customer, oldest service first; of contracts in
    ``minimum`` also those that wait for an invoice's minimum amount."""
    wanted: ColumnElement[bool] = (BillableItemRow.state == "ready") & BillableItemRow.contract_id.in_(contract_ids)
    if minimum:
        held = (BillableItemRow.state == "waiting") & (BillableItemRow.reasons == [BELOW_MINIMUM])
        wanted = or_(wanted, held & BillableItemRow.contract_id.in_(minimum))
    query = (
        select(
            BillableItemRow.id,
            BillableItemRow.transaction_key,
            BillableItemRow.follows,
            BillableItemRow.kind,
            BillableItemRow.state,
            BillableItemRow.contract_id,
            BillableItemRow.customer_id,
            BillableItemRow.currency,
            BillableItemRow.service_to,
            (BillableItemRow.amount_minor - BillableItemRow.kept_minor - BillableItemRow.written_off_minor).label(
                "open_minor"
            ),
            ContractRow.project_id,
            ContractRow.legal_entity,
            ContractRow.grouping,
            ContractRow.billing_policy,
            ContractRow.holdback,
            ContractRow.po_number,
            ContractRow.status.label("contract_status"),
            ProjectRow.cost_centre,
            BillableItemRow.rebill_of,
            ContractRow.payment_terms_days.label("contract_terms"),
            CustomerRow.payment_terms_days.label("customer_terms"),
        )
        .join(ContractRow, ContractRow.id == BillableItemRow.contract_id)
        .join(CustomerRow, CustomerRow.id == BillableItemRow.customer_id)
        .join(ProjectRow, ProjectRow.id == ContractRow.project_id, isouter=True)
        .where(wanted)
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
            TimeEntryRow.work_kind.label("work_kind"),
            ContractRow.po_number,
            ContractRow.payment_terms_days.label("contract_terms"),
            ContractRow.holdback,
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
        (BillingScheduleRow, {*subjects}, "entered the billing schedule"),
        (ContractRow, {item.contract_id for item in items}, "entered the contract"),
        (CustomerRow, {item.customer_id for item in items}, "entered the customer"),
        (AcceptanceRow, {item.acceptance_id for item in items}, "entered the acceptance"),
        (ChangeOrderRow, {item.change_order_id for item in items}, "entered the change order"),
        (EvidenceRow, {each for item in items for each in item.evidence_ids}, "entered the evidence"),
    )
    made = union_all(
        *(select(table.id, identities_of(table), literal(why)).where(table.id.in_(ids)) for table, ids, why in facts),
        *(
            select(table.schedule_id, identities_of(table), literal(why)).where(table.schedule_id.in_(subjects))
            for table, why in (
                (UsageRecordRow, "reported the usage"),
                (ProgressReportRow, "reported the progress"),
            )
        ),
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
    for item_id, identity in _adjusters(tx, [item.id for item in items if item.adjustment_id is not None]):
        found[item_id].add((identity, "set another amount"))
    return found


def _adjusters(tx: Tx, item_ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """(item, person or e-mail) of all who ever wrote one of these down or up. No statement where nobody did."""
    if not item_ids:
        return []
    row = ItemAdjustmentRow
    query = select(row.item_id, row.person_id, row.person_email).where(row.item_id.in_(item_ids))
    return [
        (item_id, str(identity).strip().lower())
        for item_id, *identities in tx.session.execute(query)
        for identity in identities
        if identity is not None
    ]


def drafts_of_customers(tx: Tx, customer_ids: Sequence[UUID]) -> list[UUID]:
    """Drafts addressed to these customers."""
    query = (
        select(InvoiceRow.id)
        .where(InvoiceRow.issued_at.is_(None), InvoiceRow.customer_id.in_(customer_ids), InvoiceRow.phase != "void")
        .order_by(InvoiceRow.id)
    )
    return list(tx.session.scalars(query))
