"""The invoice page's content: the document as the customer sees it, why each line is in it, and where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.duties import identities
from billwright.approvals.pages import hindrance_of, steps_of
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import InvoiceEventRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import EvidenceRow
from billwright.checks.tables import FindingRow
from billwright.collections.tables import DisputeRow
from billwright.documents.page import InvoicePage, LineBlock, invoice_page
from billwright.issuing.content import InvoiceContent
from billwright.issuing.freeze import freeze
from billwright.issuing.queries import evidence_titles, lines_of
from billwright.kernel.actor import Actor
from billwright.kernel.brand import Brand
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import TenantConfiguration, read_configuration
from billwright.tenancy.transaction import Tx
from billwright.web.portal import queries_invoice as queries

DRAFT_NUMBER = "DRAFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One billed item behind a line: the fact, its proof, its price, and the message that it came with."""

    row: AnyRow
    clause_title: str
    rate: Mapping[str, Any] | None
    evidence: tuple[EvidenceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLine:
    """A line as it is printed, with the reasons for it."""

    block: LineBlock
    line: InvoiceLineRow
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceView:
    """All that the invoice page shows. ``paper`` is None for a draft without lines."""

    invoice: InvoiceRow
    head: AnyRow
    paper: InvoicePage | None
    lines: tuple[PaperLine, ...]
    findings: Sequence[FindingRow]
    steps: Sequence[ApprovalStepRow]
    waiting: ApprovalStepRow | None
    hindrance: str
    sent: Sequence[AnyRow]
    payments: Sequence[AnyRow]
    disputes: Sequence[DisputeRow]
    events: Sequence[InvoiceEventRow]
    next_id: UUID | None
    previous_id: UUID | None
    configuration: TenantConfiguration

    @property
    def title(self) -> str:
        return self.invoice.number or f"Draft for {self.head.CustomerRow.name}"

    @property
    def place(self) -> int:
        """Which of the standing steps waits; 1 for the first."""
        return 1 + sum(1 for step in self.steps if step.state == "approved")

    @property
    def places(self) -> int:
        return sum(1 for step in self.steps if step.state in {"waiting", "approved"})


def read_invoice(tx: Tx, invoice_id: UUID, brand: Brand) -> InvoiceView:
    """Read it in twelve queries at most (a draft two more, an issued one with payments and disputes all of them).

    Raises:
        NotFoundError: there is no such invoice here.
    """
    head = queries.invoice_head(tx, invoice_id)
    invoice: InvoiceRow = head.InvoiceRow
    configuration = read_configuration(tx)
    rows = queries.provenance(tx, invoice_id)
    evidence = queries.evidence_of_lines(tx, invoice_id)
    content = _content(tx, head, configuration)
    paper = invoice_page(content, number=invoice.number or DRAFT_NUMBER, brand=brand) if content else None
    issued = invoice.issued_at is not None
    steps = steps_of(tx, invoice_id)
    waiting = _waiting(invoice, steps)
    next_id, previous_id = queries.neighbours(tx, invoice_id, invoice.updated_at)
    return InvoiceView(
        invoice=invoice,
        head=head,
        paper=paper,
        lines=_lines(paper, rows, evidence),
        findings=queries.open_findings(tx, invoice_id),
        steps=steps,
        waiting=waiting,
        hindrance=_hindrance(tx, invoice_id, waiting, steps),
        sent=queries.sent_out(tx, invoice_id) if issued else (),
        payments=queries.payments_of(tx, invoice_id) if issued else (),
        disputes=queries.disputes_of(tx, invoice_id) if issued else (),
        events=queries.time_line(tx, invoice_id),
        next_id=next_id,
        previous_id=previous_id,
        configuration=configuration,
    )


def _content(tx: Tx, head: AnyRow, configuration: TenantConfiguration) -> InvoiceContent | None:
    """The frozen content; for a draft what would be frozen now."""
    if head.content is not None:
        return msgspec.convert(head.content, InvoiceContent, strict=False)
    invoice, entity = head.InvoiceRow, head.LegalEntityRow
    rows = lines_of(tx, [invoice.id])
    if not rows:
        return None
    named = {identifier for row in rows for identifier in row.InvoiceLineRow.evidence_ids}
    return freeze(
        invoice,
        head.CustomerRow,
        entity,
        rows,
        evidence=evidence_titles(tx, list(named)),
        documents=configuration.documents,
        today=_local(tx.now, entity.time_zone),
    )


def _local(now: datetime, zone: str) -> Any:
    return now.astimezone(ZoneInfo(zone)).date()


def _lines(
    paper: InvoicePage | None, rows: Sequence[AnyRow], evidence: Mapping[UUID, EvidenceRow]
) -> tuple[PaperLine, ...]:
    by_position: dict[str, list[AnyRow]] = {}
    for row in rows:
        by_position.setdefault(str(row.InvoiceLineRow.position), []).append(row)
    return tuple(
        PaperLine(
            block=block,
            line=by_position[block.position][0].InvoiceLineRow,
            sources=tuple(_source(row, evidence) for row in by_position[block.position]),
        )
        for block in (paper.lines if paper else ())
        if block.position in by_position
    )


def _source(row: AnyRow, evidence: Mapping[UUID, EvidenceRow]) -> Source:
    clause = row.InvoiceLineRow.clause
    return Source(
        row=row,
        clause_title=next((c.get("title", "") for c in row.clauses if c.get("number") == clause), ""),
        rate=next((rate for rate in row.rates or () if rate.get("id") == str(row.rate_id)), None),
        evidence=tuple(evidence[each] for each in row.InvoiceLineRow.evidence_ids if each in evidence),
    )


def _waiting(invoice: InvoiceRow, steps: Sequence[ApprovalStepRow]) -> ApprovalStepRow | None:
    """The step whose turn it is."""
    open_steps = [step for step in steps if step.state == "waiting" and invoice.detail == f"awaiting_{step.role}"]
    return open_steps[0] if open_steps else None


def _hindrance(tx: Tx, invoice_id: UUID, waiting: ApprovalStepRow | None, steps: Sequence[ApprovalStepRow]) -> str:
    """Why the actor may not decide the step that waits; empty when they may, or when it is not their role's at all."""
    if waiting is None or not tx.actor.may(PERMISSIONS[waiting.role]):
        return ""
    decided = any(step.state == "approved" and step.decided_by == tx.actor.person_id for step in steps)
    return hindrance_of(tx.actor, queries.own_work_in(tx, invoice_id, identities(tx.actor)), decided_before=decided)


def may_decide(actor: Actor, view: InvoiceView) -> bool:
    return view.waiting is not None and actor.may(PERMISSIONS[view.waiting.role]) and not view.hindrance
