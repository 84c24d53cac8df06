"""What the invoice page and the inbox read of one invoice; each function is one query."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Text, cast, func, literal, null, select, union_all

from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import (
    AllocationRow,
    BillableItemRow,
    ContributorRow,
    InvoiceEventRow,
    InvoiceLineRow,
    InvoiceRow,
)
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    ContractVersionRow,
    CustomerRow,
    EvidenceRow,
    ExpenseRow,
    LegalEntityRow,
    MilestoneRow,
    ProjectRow,
    RateCardRow,
    TimeEntryRow,
)
from billwright.checks.tables import FindingRow
from billwright.collections.tables import DisputeRow
from billwright.delivery.tables import DeliveryRow
from billwright.documents.tables import DocumentRow
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.errors import NotFoundError
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

LINES: Final = 500
EVENTS: Final = 100


def invoice_head(tx: Tx, invoice_id: UUID) -> AnyRow:
    """The invoice with its parties, frozen content, receivable and stored PDF.

    Raises:
        NotFoundError: there is no such invoice here.
    """
    pdf = (
        select(func.count())
        .select_from(DocumentRow)
        .where(DocumentRow.subject_id == InvoiceRow.id, DocumentRow.kind == "invoice_pdf")
        .correlate(InvoiceRow)
        .scalar_subquery()
    )
    query = (
        select(
            InvoiceRow,
            CustomerRow,
            LegalEntityRow,
            ProjectRow.name.label("project"),
            SnapshotRow.content,
            SnapshotRow.sha256.label("frozen_sha256"),
            ReceivableRow.open_minor,
            ReceivableRow.settled_at,
            pdf.label("pdfs"),
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceRow.project_id)
        .outerjoin(SnapshotRow, SnapshotRow.invoice_id == InvoiceRow.id)
        .outerjoin(ReceivableRow, ReceivableRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.id == invoice_id)
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such invoice here.")
    return row


def provenance(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """One row per line and billed item, with all that says why it is there and at what price."""
    rate = func.jsonb_build_array(func.jsonb_build_object("id", cast(AllocationRow.rate_id, Text)))
    query = (
        select(
            InvoiceLineRow,
            BillableItemRow.transaction_key,
            BillableItemRow.kind,
            BillableItemRow.notes,
            BillableItemRow.description.label("item_description"),
            AllocationRow.quantity.label("allocated_quantity"),
            AllocationRow.amount_minor.label("allocated_minor"),
            AllocationRow.rate_id,
            ContractRow.number.label("contract_number"),
            ContractRow.title.label("contract_title"),
            ContractRow.clauses,
            ContractRow.po_number,
            ContractVersionRow.number.label("version_number"),
            ContractVersionRow.effective_at.label("version_from"),
            ProjectRow.name.label("project_name"),
            MilestoneRow.number.label("milestone_number"),
            MilestoneRow.name.label("milestone_name"),
            AcceptanceRow.decided_at,
            AcceptanceRow.decided_by,
            AcceptanceRow.note.label("acceptance_note"),
            ChangeOrderRow.number.label("order_number"),
            ChangeOrderRow.title.label("order_title"),
            ChangeOrderRow.signed_at,
            ChangeOrderRow.signed_by,
            TimeEntryRow.person_name,
            TimeEntryRow.role,
            TimeEntryRow.worked_on,
            TimeEntryRow.hours,
            TimeEntryRow.note.label("work_note"),
            TimeEntryRow.approved_by.label("time_approved_by"),
            ExpenseRow.description.label("expense_description"),
            ExpenseRow.approved_by.label("expense_approved_by"),
            RateCardRow.ref.label("rate_card"),
            RateCardRow.rates,
            SourceMessageRow.id.label("message_id"),
            SourceMessageRow.source,
            SourceMessageRow.message_id.label("source_message_id"),
            SourceMessageRow.received_at,
        )
        .outerjoin(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .outerjoin(BillableItemRow, BillableItemRow.id == AllocationRow.item_id)
        .join(ContractRow, ContractRow.id == InvoiceLineRow.contract_id)
        .outerjoin(ContractVersionRow, ContractVersionRow.id == AllocationRow.contract_version_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceLineRow.project_id)
        .outerjoin(MilestoneRow, MilestoneRow.id == InvoiceLineRow.milestone_id)
        .outerjoin(AcceptanceRow, AcceptanceRow.id == BillableItemRow.acceptance_id)
        .outerjoin(ChangeOrderRow, ChangeOrderRow.id == InvoiceLineRow.change_order_id)
        .outerjoin(TimeEntryRow, TimeEntryRow.id == BillableItemRow.subject_id)
        .outerjoin(ExpenseRow, ExpenseRow.id == BillableItemRow.subject_id)
        .outerjoin(
            RateCardRow, (RateCardRow.contract_id == InvoiceLineRow.contract_id) & RateCardRow.rates.contains(rate)
        )
        .outerjoin(SourceMessageRow, SourceMessageRow.id == BillableItemRow.message_id)
        .where(InvoiceLineRow.invoice_id == invoice_id)
        .order_by(InvoiceLineRow.position, AllocationRow.id)
        .limit(LINES)
    )
    return list(tx.session.execute(query))


def evidence_of_lines(tx: Tx, invoice_id: UUID) -> dict[UUID, EvidenceRow]:
    """The evidence that the invoice's lines name, by identifier."""
    named = select(func.unnest(InvoiceLineRow.evidence_ids)).where(InvoiceLineRow.invoice_id == invoice_id)
    return {row.id: row for row in tx.session.scalars(select(EvidenceRow).where(EvidenceRow.id.in_(named)))}


def plain_lines(tx: Tx, invoice_id: UUID) -> list[InvoiceLineRow]:
    query = select(InvoiceLineRow).where(InvoiceLineRow.invoice_id == invoice_id).order_by(InvoiceLineRow.position)
    return list(tx.session.scalars(query.limit(LINES)))


def open_findings(tx: Tx, invoice_id: UUID) -> list[FindingRow]:
    """What the checks say now, blocking ones first."""
    query = (
        select(FindingRow)
        .where(FindingRow.invoice_id == invoice_id, FindingRow.resolved_at.is_(None))
        .order_by(FindingRow.severity != "blocking", FindingRow.severity, FindingRow.found_at)
    )
    return list(tx.session.scalars(query))


def sent_out(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """Postings and deliveries: ``what``, ``id``, ``where_to``, ``state``, ``reference``, ``said``, ``remedy``, ``at``."""
    postings = (
        select(
            literal("posting").label("what"),
            PostingRow.id,
            ConnectionRow.name.label("where_to"),
            PostingRow.state,
            PostingRow.external_number.label("reference"),
            PostingRow.error.label("said"),
            PostingRow.remedy,
            func.coalesce(PostingRow.posted_at, PostingRow.intended_at).label("at"),
        )
        .outerjoin(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .where(PostingRow.invoice_id == invoice_id)
    )
    deliveries = select(
        literal("delivery"),
        DeliveryRow.id,
        DeliveryRow.recipient,
        DeliveryRow.state,
        DeliveryRow.channel,
        DeliveryRow.outcome,
        null(),
        func.coalesce(DeliveryRow.finished_at, DeliveryRow.intended_at),
    ).where(DeliveryRow.subject_id == invoice_id)
    return list(tx.session.execute(union_all(postings, deliveries)))


def payments_of(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    query = (
        select(PaymentApplicationRow.amount_minor, PaymentRow.paid_on, PaymentRow.ref, PaymentRow.currency)
        .join(PaymentRow, PaymentRow.id == PaymentApplicationRow.payment_id)
        .join(ReceivableRow, ReceivableRow.id == PaymentApplicationRow.receivable_id)
        .where(ReceivableRow.invoice_id == invoice_id)
        .order_by(PaymentRow.paid_on, PaymentApplicationRow.id)
    )
    return list(tx.session.execute(query))


def disputes_of(tx: Tx, invoice_id: UUID) -> list[DisputeRow]:
    query = select(DisputeRow).where(DisputeRow.invoice_id == invoice_id).order_by(DisputeRow.opened_at, DisputeRow.id)
    return list(tx.session.scalars(query))


def time_line(tx: Tx, invoice_id: UUID) -> list[InvoiceEventRow]:
    """What happened, newest first."""
    query = (
        select(InvoiceEventRow)
        .where(InvoiceEventRow.invoice_id == invoice_id)
        .order_by(InvoiceEventRow.at.desc(), InvoiceEventRow.id.desc())
        .limit(EVENTS)
    )
    return list(tx.session.scalars(query))


def audit_of(tx: Tx, subject_id: UUID) -> list[AuditEntryRow]:
    query = (
        select(AuditEntryRow)
        .where(AuditEntryRow.subject_id == subject_id)
        .order_by(AuditEntryRow.at.desc(), AuditEntryRow.id.desc())
        .limit(EVENTS)
    )
    return list(tx.session.scalars(query))


def neighbours(tx: Tx, invoice_id: UUID, updated_at: datetime) -> tuple[UUID | None, UUID | None]:
    """(next, previous) as the list of invoices shows them, the one changed last on top."""
    before = (InvoiceRow.updated_at < updated_at) | (
        (InvoiceRow.updated_at == updated_at) & (InvoiceRow.id < invoice_id)
    )
    after = (InvoiceRow.updated_at > updated_at) | (
        (InvoiceRow.updated_at == updated_at) & (InvoiceRow.id > invoice_id)
    )
    older = select(InvoiceRow.id).where(before).order_by(InvoiceRow.updated_at.desc(), InvoiceRow.id.desc()).limit(1)
    newer = select(InvoiceRow.id).where(after).order_by(InvoiceRow.updated_at, InvoiceRow.id).limit(1)
    row = tx.session.execute(select(older.scalar_subquery(), newer.scalar_subquery())).one()
    return row[0], row[1]


def own_work_in(tx: Tx, invoice_id: UUID, names: Collection[str]) -> str | None:
    """What the person known under ``names`` did of what the invoice bills; None when nothing."""
    query = select(func.min(ContributorRow.why)).where(
        ContributorRow.invoice_id == invoice_id, ContributorRow.identity.in_(names)
    )
    return tx.session.scalars(query).one()
