"""An invoice as its approvers look at it, their decisions, and the steps that wait for them."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from billwright.approvals import api_waivers, reads
from billwright.approvals.api_waivers import WaiverOut, waiver_out
from billwright.approvals.decide_step import PERMISSIONS, decide_step
from billwright.approvals.tables import ApprovalStepRow
from billwright.approvals.waivers import waivers_of
from billwright.billing.provenance import LineOut, SourceOut, TaxTotalOut, lines_out, read_provenance, taxes_out
from billwright.billing.reads import events_of, invoices
from billwright.billing.schemas import InvoiceOut, invoice_out
from billwright.billing.tables import InvoiceRow
from billwright.canon.reads import one
from billwright.canon.schemas import shown_or_none
from billwright.checks.api import ExceptionOut, FindingOut, InvoiceState, exception_out, finding_out
from billwright.checks.reads import exceptions_of, findings_of
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tenant, Tx, transaction

Sha256 = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="`content_sha256` of the invoice that was looked at.")
]

ETAG: Final = ResponseHeader(
    name="ETag", documentation_only=True, description="The invoice's `content_sha256`, in quotes."
)


class StepOut(Struct, frozen=True, kw_only=True):
    """One approval step. ``state`` is waiting, approved, returned or dropped; ``rule`` is the matrix row that asked."""

    id: str
    position: int
    role: str
    rule: str
    state: str
    content_sha256: str
    opened_at: datetime
    due_at: datetime
    overdue: bool
    decided_at: datetime | None
    decided_by: str | None
    decided_by_name: str | None
    reason: str | None


class EventOut(Struct, frozen=True):
    """One entry of the time line, in words."""

    at: datetime
    event: str
    text: str
    actor: str
    facts: dict[str, Any]


class InvoiceDetail(Struct, frozen=True, kw_only=True):
    """An invoice and why it is as it is. A decision names ``invoice.content_sha256``, which is the ETag, too."""

    invoice: InvoiceOut
    lines: list[LineOut]
    taxes: list[TaxTotalOut]
    findings: list[FindingOut]
    exceptions: list[ExceptionOut]
    approvals: list[StepOut]
    waivers: list[WaiverOut]
    time_line: list[EventOut]


class WaitingOut(Struct, frozen=True):
    """A step that waits for the caller. ``blocked_because`` says why it has to be somebody else after all."""

    step: StepOut
    invoice: InvoiceOut
    blocked_because: str | None


class DecisionIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A decision about exactly that content. A return needs a ``reason``: somebody has to mend what it names."""

    decision: Literal["approve", "return"]
    content_sha256: Sha256
    reason: Annotated[str, Meta(max_length=2_000)] = ""


def step_out(row: AnyRow, now: datetime, prefix: str = "") -> StepOut:
    """``prefix`` is that of the step's columns where they are joined to others."""
    step = {column.name: getattr(row, prefix + column.name) for column in table_of(ApprovalStepRow).columns}
    return StepOut(
        id=show("stp", step["id"]),
        position=step["position"],
        role=step["role"],
        rule=step["rule"],
        state=step["state"],
        content_sha256=step["content_sha256"],
        opened_at=step["opened_at"],
        due_at=step["due_at"],
        overdue=step["state"] == "waiting" and step["due_at"] < now,
        decided_at=step["decided_at"],
        decided_by=shown_or_none("per", step["decided_by"]),
        decided_by_name=step["decided_by_name"],
        reason=step["reason"],
    )


def invoice_detail(tx: Tx, row: AnyRow) -> InvoiceDetail:
    """Nine statements, whatever the number of lines."""
    found = read_provenance(tx, row.id)
    sources = reads.messages_of(tx, found.message_ids)
    messages = {
        each.id: SourceOut(show("msg", each.id), each.source, each.message_id, each.type, each.time) for each in sources
    }
    return InvoiceDetail(
        invoice=invoice_out(row),
        lines=lines_out(found, row.currency, messages),
        taxes=taxes_out(found.rows, row.currency),
        findings=[finding_out(each) for each in findings_of(tx, row.id)],
        exceptions=[exception_out(each, tx.now) for each in exceptions_of(tx, row.id)],
        approvals=[step_out(each, tx.now) for each in reads.steps_of(tx, [row.id])[row.id]],
        waivers=[waiver_out(each) for each in waivers_of(tx, row.id)],
        time_line=[
            EventOut(each.at, each.event, each.text, each.actor_name, each.facts) for each in events_of(tx, row.id)
        ],
    )


class InvoiceController(Controller):
    path = "/v1/invoices"
    tags = ("Invoices",)

    @get(
        "/{invoice_id:str}",
        operation_id="getInvoice",
        summary="Show an invoice with all that it rests on",
        sync_to_thread=True,
        responses=refusals(404),
        response_headers=[ETAG],
    )
    def show_invoice(
        self,
        invoice_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Response[InvoiceDetail]:
        """Header, totals, lines down to the source messages, findings, exceptions, approvals and time line."""
        actor.require("invoice:read")
        query = invoices().where(InvoiceRow.id == read("inv", invoice_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            row = one(tx, query, f"invoice {invoice_id}")
            detail = invoice_detail(tx, row)
        return Response(detail, headers={"ETag": f'"{row.content_sha256}"', "Cache-Control": "no-store"})

    @post(
        "/{invoice_id:str}/decisions",
        operation_id="decideInvoice",
        summary="Approve or return a draft",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def decide(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[DecisionIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceState:
        """Decide the step that waits. Refused if the draft changed since, or bills what the caller made or changed."""
        if not any(actor.may(permission) for permission in PERMISSIONS.values()):
            actor.require(PERMISSIONS["manager"])
        decided = decide_step(
            database,
            tenant,
            actor,
            read("inv", invoice_id),
            decision=data.decision,
            content_sha256=data.content_sha256,
            reason=data.reason,
            trace_id=trace_id,
        )
        return InvoiceState(show("inv", decided.invoice_id), decided.phase, decided.detail)


class ApprovalController(Controller):
    path = "/v1/approvals"
    tags = ("Approvals",)

    @get(
        operation_id="listApprovals",
        summary="List steps that wait for you",
        sync_to_thread=True,
        responses=refusals(422),
    )
    def list_approvals(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[WaitingOut]:
        """Steps that a role of the caller may decide, the one due first on top."""
        actor.require("invoice:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = reads.due_first(tx, reads.waiting(actor), limit=limit, cursor=cursor)
            blocked = reads.blocked_because(tx, [row.id for row in found.rows])
        waiting = [
            WaitingOut(step_out(row, tx.now, "step_"), invoice_out(row), blocked.get(row.id)) for row in found.rows
        ]
        return Page(waiting, found.next_cursor)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (InvoiceController, ApprovalController, *api_waivers.CONTROLLERS)
