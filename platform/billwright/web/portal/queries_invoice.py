"""What the invoice page and the inbox read of one invoice; each function is one query."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Date, Text, cast, func, literal, null, select, tuple_, union_all
from sqlalchemy.orm import aliased

from billwright.approvals.duties import had_a_hand
from billwright.approvals.pages import own_work
from billwright.audit.tables import AuditEntryRow
from billwright.billing.tables import (
    AllocationRow,
    BillableItemRow,
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
from billwright.checks.tables import FindingRow, WaiverRow
from billwright.checks.waivers import OPEN
from billwright.collections.tables import DisputeRow
from billwright.delivery.tables import DeliveryRow
from billwright.documents.einvoice_of import EINVOICE, EMBEDDED
from billwright.documents.tables import DocumentRow
from billwright.einvoice.tables import EinvoiceCheckRow
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.errors import NotFoundError
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.tables import ConfigurationRow
from billwright.tenancy.transaction import Tx

LINES: Final = 500
EVENTS: Final = 100


def invoice_head(tx: Tx, invoice_id: UUID) -> AnyRow:
    """The invoice with its parties, frozen content, receivable and stored PDF; its neighbours in the list of invoices
    (the one changed last on top); the configuration; and what the actor has to do with it.

    Raises:
        NotFoundError: there is no such invoice here.
    """
    pdf = select(func.count()).where(DocumentRow.subject_id == InvoiceRow.id, DocumentRow.kind == "invoice_pdf")
    einvoice = select(func.count()).where(
        DocumentRow.subject_id == InvoiceRow.id, DocumentRow.kind.in_((EINVOICE, EMBEDDED))
    )
    configuration = select(ConfigurationRow.content).order_by(ConfigurationRow.version.desc()).limit(1)
    other = aliased(InvoiceRow)
    place, own_place = tuple_(other.updated_at, other.id), tuple_(InvoiceRow.updated_at, InvoiceRow.id)
    older = select(other.id).where(place < own_place).order_by(other.updated_at.desc(), other.id.desc()).limit(1)
    newer = select(other.id).where(place > own_place).order_by(other.updated_at, other.id).limit(1)
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
            pdf.correlate(InvoiceRow).scalar_subquery().label("pdfs"),
            einvoice.correlate(InvoiceRow).scalar_subquery().label("einvoices"),
            EinvoiceCheckRow.findings.label("einvoice_findings"),
            EinvoiceCheckRow.rule_sets.label("einvoice_rule_sets"),
            EinvoiceCheckRow.checked_at.label("einvoice_checked_at"),
            configuration.scalar_subquery().label("configuration"),
            older.correlate(InvoiceRow).scalar_subquery().label("next_id"),
            newer.correlate(InvoiceRow).scalar_subquery().label("previous_id"),
            own_work(tx.actor).label("own_work"),
            had_a_hand(tx.actor, InvoiceRow.id).label("had_a_hand"),
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceRow.project_id)
        .outerjoin(SnapshotRow, SnapshotRow.invoice_id == InvoiceRow.id)
        .outerjoin(ReceivableRow, ReceivableRow.invoice_id == InvoiceRow.id)
        .outerjoin(EinvoiceCheckRow, EinvoiceCheckRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.id == invoice_id)
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such invoice here.")
    return row


def provenance(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """One row per line and billed item, with all that is printed and all that says why it is there and at what price.

    ``evidence`` is a list of {"id", "title", "uri"} of what the line names.
    """
    proof = func.jsonb_build_object("id", EvidenceRow.id, "title", EvidenceRow.title, "uri", EvidenceRow.uri)
    evidence = select(func.jsonb_agg(proof)).where(EvidenceRow.id == func.any(InvoiceLineRow.evidence_ids))
    rate = func.jsonb_build_array(func.jsonb_build_object("id", cast(AllocationRow.rate_id, Text)))
    query = (
        select(
            InvoiceLineRow,
            evidence.correlate(InvoiceLineRow).scalar_subquery().label("evidence"),
            BillableItemRow.id.label("item_id"),
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
    )
    return list(tx.session.execute(query))


def plain_lines(tx: Tx, invoice_id: UUID) -> list[InvoiceLineRow]:
    query = select(InvoiceLineRow).where(InvoiceLineRow.invoice_id == invoice_id).order_by(InvoiceLineRow.position)
    return list(tx.session.scalars(query.limit(LINES)))


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding that stands, with the waiver that waits or holds for it."""

    row: FindingRow
    waiver: WaiverRow | None

    @property
    def severity(self) -> str:
        return "waived" if self.waiver is not None and self.waiver.state == "granted" else self.row.severity

    @property
    def message(self) -> str:
        return self.row.message

    @property
    def remedy(self) -> str:
        return self.row.remedy


def open_findings(tx: Tx, invoice_id: UUID) -> list[ShownFinding]:
    """What the checks say now, blocking ones first."""
    query = (
        select(FindingRow, WaiverRow)
        .outerjoin(WaiverRow, (WaiverRow.finding_id == FindingRow.id) & WaiverRow.state.in_(OPEN))
        .where(FindingRow.invoice_id == invoice_id, FindingRow.resolved_at.is_(None))
        .order_by(FindingRow.severity != "blocking", FindingRow.severity, FindingRow.found_at)
    )
    return [ShownFinding(*row) for row in tx.session.execute(query)]


def outside(tx: Tx, invoice_id: UUID) -> list[AnyRow]:
    """What left the house about an issued invoice and what came back, the oldest first: ``what`` is posting, delivery,
    payment or dispute; ``where_to`` the system, recipient, payer's reference or who disputes; ``said`` and ``remedy``
    words about it; ``amount_minor`` of payments and disputes."""
    nothing, no_amount, no_day = cast(null(), Text), cast(null(), BigInteger), cast(null(), Date)
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
            no_day.label("on_day"),
            no_amount.label("amount_minor"),
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
        nothing,
        func.coalesce(DeliveryRow.finished_at, DeliveryRow.intended_at),
        no_day,
        no_amount,
    ).where(DeliveryRow.subject_id == invoice_id)
    payments = (
        select(
            literal("payment"),
            PaymentRow.id,
            PaymentRow.ref,
            literal("applied"),
            nothing,
            nothing,
            nothing,
            PaymentApplicationRow.applied_at,
            PaymentRow.paid_on,
            PaymentApplicationRow.amount_minor,
        )
        .join(PaymentRow, PaymentRow.id == PaymentApplicationRow.payment_id)
        .join(ReceivableRow, ReceivableRow.id == PaymentApplicationRow.receivable_id)
        .where(ReceivableRow.invoice_id == invoice_id)
    )
    disputes = select(
        literal("dispute"),
        DisputeRow.id,
        DisputeRow.opened_by,
        DisputeRow.state,
        nothing,
        DisputeRow.reason,
        DisputeRow.resolution,
        DisputeRow.opened_at,
        no_day,
        DisputeRow.amount_minor,
    ).where(DisputeRow.invoice_id == invoice_id)
    found = union_all(postings, deliveries, payments, disputes).subquery()
    return list(tx.session.execute(select(found).order_by(found.c.at, found.c.id)))


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
