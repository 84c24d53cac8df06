"""The invoice page's content: the document as the customer sees it, why each line is in it, and where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.pages import hindrance_of, steps_of
from billwright.approvals.tables import ApprovalStepRow
from billwright.approvals.waivers import hindrance_of_waiver
from billwright.billing.tables import InvoiceEventRow, InvoiceLineRow, InvoiceRow
from billwright.checks.waivers import may_be_waived
from billwright.documents.page import InvoicePage, LineBlock, invoice_page
from billwright.issuing.content import InvoiceContent
from billwright.issuing.freeze import freeze
from billwright.issuing.issue_credits import notes_of_drafts, replaced_of
from billwright.kernel.actor import Actor
from billwright.kernel.brand import Brand
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tx
from billwright.web.portal import queries_invoice as queries
from billwright.web.portal.einvoice_view import EinvoiceView, einvoice_view
from billwright.web.portal.queries_invoice import ShownFinding

DRAFT_NUMBER = "DRAFT"


@dataclass(frozen=True, slots=True)
class Proof:
    """A piece of evidence that a line names."""

    id: UUID
    title: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One billed item behind a line: the fact, its proof, its price, and the message that it came with."""

    row: AnyRow
    clause_title: str
    rate: Mapping[str, Any] | None
    evidence: tuple[Proof, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLine:
    """A line as it is printed, with the reasons for it."""

    block: LineBlock
    line: InvoiceLineRow
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding and what the person may do about it. ``hindrance``: why they may not decide the waiver that waits."""

    shown: ShownFinding
    may_ask: bool
    may_decide: bool
    hindrance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceView:
    """All that the invoice page shows. ``paper`` is None for a draft without lines."""

    invoice: InvoiceRow
    head: AnyRow
    paper: InvoicePage | None
    einvoice: EinvoiceView | None
    lines: tuple[PaperLine, ...]
    findings: Sequence[FindingView]
    steps: Sequence[ApprovalStepRow]
    waiting: ApprovalStepRow | None
    hindrance: str
    outside: Sequence[AnyRow]
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

    @property
    def sent(self) -> list[AnyRow]:
        return [each for each in self.outside if each.what in ("posting", "delivery")]

    @property
    def payments(self) -> list[AnyRow]:
        return sorted((each for each in self.outside if each.what == "payment"), key=lambda each: each.on_day)

    @property
    def disputes(self) -> list[AnyRow]:
        return [each for each in self.outside if each.what == "dispute"]


def read_invoice(tx: Tx, invoice_id: UUID, brand: Brand) -> InvoiceView:
    """Read it in five queries, an issued one in six.

    Raises:
        NotFoundError: there is no such invoice here.
    """
    head = queries.invoice_head(tx, invoice_id)
    invoice: InvoiceRow = head.InvoiceRow
    configuration = msgspec.convert(head.configuration or {}, TenantConfiguration, strict=False)
    rows = queries.provenance(tx, invoice_id)
    content = _content(tx, head, rows, configuration)
    paper = invoice_page(content, number=invoice.number or DRAFT_NUMBER, brand=brand) if content else None
    steps = steps_of(tx, invoice_id)
    waiting = _waiting(invoice, steps)
    approved = any(step.state == "approved" and step.decided_by == tx.actor.person_id for step in steps)
    return InvoiceView(
        invoice=invoice,
        head=head,
        paper=paper,
        einvoice=einvoice_view(content, head),
        lines=_lines(paper, rows),
        findings=[
            _finding(tx.actor, head, each, configuration, approved=approved)
            for each in queries.open_findings(tx, invoice_id)
        ],
        steps=steps,
        waiting=waiting,
        hindrance=_hindrance(tx.actor, head, waiting, approved=approved),
        outside=queries.outside(tx, invoice_id) if invoice.issued_at is not None else (),
        events=queries.time_line(tx, invoice_id),
        next_id=head.next_id,
        previous_id=head.previous_id,
        configuration=configuration,
    )


def _content(tx: Tx, head: AnyRow, rows: Sequence[AnyRow], configuration: TenantConfiguration) -> InvoiceContent | None:
    """The frozen content; for a draft what would be frozen now."""
    if head.content is not None:
        return msgspec.convert(head.content, InvoiceContent, strict=False)
    if not rows:
        return None
    # A price that stands on several rate cards comes with as many rows; it is printed once.
    once = {(row.InvoiceLineRow.id, row.item_id): row for row in rows}
    note = notes_of_drafts(tx, [head]).get(head.InvoiceRow.id)
    return freeze(
        head.InvoiceRow,
        head.CustomerRow,
        head.LegalEntityRow,
        list(once.values()),
        evidence={proof.id: proof.title for row in rows for proof in _proofs(row)},
        documents=configuration.documents,
        today=_local(tx.now, head.LegalEntityRow.time_zone),
        note=note,
        replaces=replaced_of(tx, [head]).get(head.InvoiceRow.id),
    )


def _local(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


def _lines(paper: InvoicePage | None, rows: Sequence[AnyRow]) -> tuple[PaperLine, ...]:
    by_position: dict[str, list[AnyRow]] = {}
    for row in rows:
        by_position.setdefault(str(row.InvoiceLineRow.position), []).append(row)
    return tuple(
        PaperLine(
            block=block,
            line=by_position[block.position][0].InvoiceLineRow,
            sources=tuple(_source(row) for row in by_position[block.position]),
        )
        for block in (paper.lines if paper else ())
        if block.position in by_position
    )


def _source(row: AnyRow) -> Source:
    clause = row.InvoiceLineRow.clause
    known = {proof.id: proof for proof in _proofs(row)}
    return Source(
        row=row,
        clause_title=next((c.get("title", "") for c in row.clauses if c.get("number") == clause), ""),
        rate=next((rate for rate in row.rates or () if rate.get("id") == str(row.rate_id)), None),
        evidence=tuple(known[each] for each in row.InvoiceLineRow.evidence_ids if each in known),
    )


def _proofs(row: AnyRow) -> list[Proof]:
    return [Proof(UUID(each["id"]), each["title"], each["uri"]) for each in row.evidence or ()]


def _waiting(invoice: InvoiceRow, steps: Sequence[ApprovalStepRow]) -> ApprovalStepRow | None:
    """The step whose turn it is."""
    open_steps = [step for step in steps if step.state == "waiting" and invoice.detail == f"awaiting_{step.role}"]
    return open_steps[0] if open_steps else None


def _hindrance(actor: Actor, head: AnyRow, waiting: ApprovalStepRow | None, *, approved: bool) -> str:
    """Why the actor may not decide the step that waits; empty when they may, or when it is not their role's at all."""
    if waiting is None or not actor.may(PERMISSIONS[waiting.role]):
        return ""
    return hindrance_of(actor, head.own_work, decided_before=approved, waived=head.had_a_hand)


def _finding(
    actor: Actor, head: AnyRow, shown: ShownFinding, configuration: TenantConfiguration, *, approved: bool
) -> FindingView:
    row, waiver = shown.row, shown.waiver
    held = head.InvoiceRow.detail == "blocked" and row.severity == "blocking" and not row.technical
    askable = held and waiver is None and actor.may("waiver:request") and actor.person_id is not None
    waits = waiver is not None and waiver.state == "waiting" and actor.may("waiver:decide")
    hindrance = ""
    if waits:
        assert waiver is not None
        hindrance = hindrance_of_waiver(actor, waiver, head.own_work, approved=approved)
    return FindingView(
        shown=shown,
        may_ask=askable and may_be_waived(configuration, row.rule, row.code),
        may_decide=waits and not hindrance,
        hindrance=hindrance,
    )


def may_decide(actor: Actor, view: InvoiceView) -> bool:
    return view.waiting is not None and actor.may(PERMISSIONS[view.waiting.role]) and not view.hindrance
