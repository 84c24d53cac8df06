"""Waivers over HTTP: asking to let a blocking finding pass, and deciding about it."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct
from sqlalchemy import select

from billwright.approvals.ask_waiver import ask_waiver
from billwright.approvals.decide_waiver import decide_waiver
from billwright.approvals.waivers import oldest_first, waivers, waivers_of
from billwright.billing.tables import InvoiceRow
from billwright.canon.reads import one
from billwright.canon.schemas import shown_or_none
from billwright.checks.tables import WaiverRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Reason = Annotated[str, Meta(max_length=2_000, description="A sentence; it stays with the finding.")]
State = Literal["waiting", "granted", "refused", "dropped", "all"]


class WaiverIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The wish to let one finding pass, for exactly that content. ``evidence`` says where the proof is."""

    finding: Annotated[str, Meta(max_length=60, description="`fnd_...` of a finding that holds the draft.")]
    content_sha256: Annotated[
        str, Meta(pattern="^[0-9a-f]{64}$", description="`content_sha256` of the invoice that was looked at.")
    ]
    reason: Reason
    evidence: Annotated[str, Meta(max_length=2_000)] = ""


class WaiverDecisionIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the finding may pass, and why."""

    decision: Literal["grant", "refuse"]
    reason: Reason


class WaiverOut(Struct, frozen=True, kw_only=True):
    """A waiver and who had which part in it. Dropped when content or finding are no longer what was looked at."""

    id: str
    invoice: str
    finding: str
    rule: str
    code: str
    message: str
    content_sha256: str
    state: str
    reason: str
    evidence: str
    asked_at: datetime
    asked_by: str | None
    asked_by_name: str
    decided_at: datetime | None
    decided_by: str | None
    decided_by_name: str | None
    decision_reason: str | None
    dropped_at: datetime | None
    dropped_why: str | None


class WaiversOut(Struct, frozen=True):
    """All waivers of one invoice, the oldest first."""

    items: list[WaiverOut]


def waiver_out(row: AnyRow) -> WaiverOut:
    return WaiverOut(
        id=show("wvr", row.id),
        invoice=show("inv", row.invoice_id),
        finding=show("fnd", row.finding_id),
        rule=row.rule,
        code=row.code,
        message=row.message,
        content_sha256=row.content_sha256,
        state=row.state,
        reason=row.reason,
        evidence=row.evidence,
        asked_at=row.asked_at,
        asked_by=shown_or_none("per", row.asked_by),
        asked_by_name=row.asked_by_name,
        decided_at=row.decided_at,
        decided_by=shown_or_none("per", row.decided_by),
        decided_by_name=row.decided_by_name,
        decision_reason=row.decision_reason,
        dropped_at=row.dropped_at,
        dropped_why=row.dropped_why,
    )


def _shown(database: Database, tenant: Tenant, actor: Actor, waiver_id: UUID) -> WaiverOut:
    query = waivers().where(WaiverRow.id == waiver_id)
    with transaction(database, tenant, actor, read_only=True) as tx:
        return waiver_out(one(tx, query, f"waiver {show('wvr', waiver_id)}"))


class InvoiceWaiverController(Controller):
    path = "/v1/invoices/{invoice_id:str}/waivers"
    tags = ("Waivers",)

    @get(
        operation_id="showInvoiceWaivers",
        summary="Show the waivers of an invoice",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def list_of_invoice(
        self,
        invoice_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> WaiversOut:
        """Everything that was ever asked for about this invoice, dropped ones too; at most 100."""
        actor.require("invoice:read")
        identifier = read("inv", invoice_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            one(tx, select(InvoiceRow.id).where(InvoiceRow.id == identifier), f"invoice {invoice_id}")
            return WaiversOut([waiver_out(row) for row in waivers_of(tx, identifier)])

    @post(
        operation_id="askWaiver",
        summary="Ask to let a finding pass",
        status_code=201,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def ask(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[WaiverIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> WaiverOut:
        """Ask that a blocking finding no longer holds this draft. Somebody else decides; nothing moves until then."""
        actor.require("waiver:request")
        waiver_id = ask_waiver(
            database,
            tenant,
            actor,
            read("inv", invoice_id),
            finding_id=read("fnd", data.finding),
            content_sha256=data.content_sha256,
            reason=data.reason,
            evidence=data.evidence,
            trace_id=trace_id,
        )
        return _shown(database, tenant, actor, waiver_id)


class WaiverController(Controller):
    path = "/v1/waivers"
    tags = ("Waivers",)

    @get(operation_id="listWaivers", summary="List waivers", sync_to_thread=True, responses=refusals(422))
    def list_waivers(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: Annotated[State, QueryParameter(name="state")] = "waiting",
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[WaiverOut]:
        """Waivers, the one asked for first on top; without `state` those that wait for a decision."""
        actor.require("invoice:read")
        query = waivers() if in_state == "all" else waivers().where(WaiverRow.state == in_state)
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = oldest_first(tx, query, limit=limit, cursor=cursor)
        return Page([waiver_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{waiver_id:str}",
        operation_id="getWaiver",
        summary="Show a waiver",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_waiver(
        self,
        waiver_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> WaiverOut:
        """One waiver."""
        actor.require("invoice:read")
        return _shown(database, tenant, actor, read("wvr", waiver_id))

    @post(
        "/{waiver_id:str}/decide",
        operation_id="decideWaiver",
        summary="Grant or refuse a waiver",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def decide(
        self,
        waiver_id: FromPath[str],
        data: JSONBody[WaiverDecisionIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> WaiverOut:
        """Decide. Refused to whoever asked, made or changed what is billed, or approved the draft; granted, the draft is
        checked again at once."""
        actor.require("waiver:decide")
        identifier = read("wvr", waiver_id)
        decide_waiver(
            database, tenant, actor, identifier, decision=data.decision, reason=data.reason, trace_id=trace_id
        )
        return _shown(database, tenant, actor, identifier)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (InvoiceWaiverController, WaiverController)
