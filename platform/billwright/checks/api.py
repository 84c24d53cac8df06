"""The exception desk over HTTP, and sending a held draft through the checks again."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct
from sqlalchemy import and_, not_, select

from billwright.audit.subjects import show_subject
from billwright.billing.tables import InvoiceRow
from billwright.canon.reads import one
from billwright.canon.schemas import Named, named_or_none, shown_or_none
from billwright.checks import reads
from billwright.checks.assign_exception import assign_exception
from billwright.checks.assign_job import assign_job
from billwright.checks.assign_message import assign_message
from billwright.checks.pause_exception import pause_exception, resume_exception
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import ExceptionRow
from billwright.intake.queries import get_message
from billwright.intake.schemas import MessageOut
from billwright.jobs.api import JobOut, job_out
from billwright.kernel.actor import Actor
from billwright.kernel.amount_out import AmountOut, amount_out
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, equal, refusals
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Openness = Literal["open", "closed", "all"]
OwnerRole = Annotated[str | None, QueryParameter(max_length=60, description="Only what this role has to mend.")]
Code = Annotated[str | None, QueryParameter(max_length=100, description="Only with this code, such as `returned`.")]
Assignee = Annotated[
    str | None, QueryParameter(max_length=60, description="Only what this person has taken: `per_...`, or `me`.")
]
SUBJECT_LINES: Final = "lines/"


class ExceptionOut(Struct, frozen=True, kw_only=True):
    """A held thing: what is wrong, who has to mend it how, and until when. ``subject`` is an invoice, an item ..."""

    id: str
    subject_kind: str
    subject: str | None
    code: str
    title: str
    reason: str
    remedy: str
    owner_role: str
    assignee: str | None
    amount: AmountOut | None
    customer: Named | None
    technical: bool
    opened_at: datetime
    due_at: datetime
    overdue: bool
    paused_until: datetime | None
    paused_why: str | None
    closed_at: datetime | None
    closed_how: str | None


class FindingOut(Struct, frozen=True, kw_only=True):
    """What a rule said about one content. ``subject`` is `draft` or `lines/lin_...`; resolved when no longer said."""

    id: str
    rule: str
    code: str
    severity: str
    subject: str
    message: str
    remedy: str
    technical: bool
    evidence: dict[str, Any]
    content_sha256: str
    found_at: datetime
    resolved_at: datetime | None


class AssignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes it: `per_...`; null gives it back to the role."""

    person: Annotated[str, Meta(max_length=60)] | None


class PauseIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Until when the clock stands, at most 90 days ahead, and what is waited for."""

    until: Annotated[datetime, Meta(tz=True)]
    reason: Annotated[str, Meta(min_length=3, max_length=500)]


class InvoiceState(Struct, frozen=True):
    """Where an invoice stands after what was done."""

    invoice: str
    phase: str
    detail: str


def exception_out(row: AnyRow, now: datetime) -> ExceptionOut:
    return ExceptionOut(
        id=show("exc", row.id),
        subject_kind=row.subject_kind,
        subject=show_subject(row.subject_kind, row.subject_id),
        code=row.code,
        title=row.title,
        reason=row.reason,
        remedy=row.remedy,
        owner_role=row.owner_role,
        assignee=shown_or_none("per", row.assignee_id),
        amount=None if row.amount_minor is None or row.currency is None else amount_out(row.amount_minor, row.currency),
        customer=named_or_none("cus", row.customer_id, row.customer_name),
        technical=row.technical,
        opened_at=row.opened_at,
        due_at=row.due_at,
        overdue=row.closed_at is None and row.due_at < now,
        paused_until=row.paused_until if row.paused_until and row.paused_until > now else None,
        paused_why=row.paused_why if row.paused_until and row.paused_until > now else None,
        closed_at=row.closed_at,
        closed_how=row.closed_how,
    )


def finding_out(row: AnyRow) -> FindingOut:
    return FindingOut(
        id=show("fnd", row.id),
        rule=row.rule,
        code=row.code,
        severity=row.severity,
        subject=_subject(row.subject),
        message=row.message,
        remedy=row.remedy,
        technical=row.technical,
        evidence=row.evidence,
        content_sha256=row.content_sha256,
        found_at=row.found_at,
        resolved_at=row.resolved_at,
    )


def _subject(path: str) -> str:
    """A line by the identifier under which the API shows it; a rule may name anything else as it likes."""
    if not path.startswith(SUBJECT_LINES):
        return path
    try:
        return SUBJECT_LINES + show("lin", UUID(path.removeprefix(SUBJECT_LINES)))
    except ValueError:
        return path


class ExceptionController(Controller):
    path = "/v1/exceptions"
    tags = ("Exceptions",)

    @get(operation_id="listExceptions", summary="List exceptions", sync_to_thread=True, responses=refusals(404, 422))
    def list_exceptions(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: Annotated[Openness, QueryParameter(name="state")] = "open",
        owner_role: OwnerRole = None,
        code: Code = None,
        assignee: Assignee = None,
        overdue: FromQuery[bool | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ExceptionOut]:
        """Held things, the one due first on top; without `state` the open ones."""
        actor.require("exception:read")
        person_id = actor.person_id if assignee == "me" else read("per", assignee) if assignee is not None else None
        query = equal(
            reads.exceptions(),
            (ExceptionRow.owner_role, owner_role),
            (ExceptionRow.code, code),
            (ExceptionRow.assignee_id, person_id),
        )
        if in_state != "all":
            closed = ExceptionRow.closed_at.is_not(None)
            query = query.where(closed if in_state == "closed" else not_(closed))
        with transaction(database, tenant, actor, read_only=True) as tx:
            if overdue is not None:
                late = and_(ExceptionRow.closed_at.is_(None), ExceptionRow.due_at < tx.now)
                query = query.where(late if overdue else not_(late))
            found = reads.due_first(tx, query, limit=limit, cursor=cursor)
        return Page([exception_out(row, tx.now) for row in found.rows], found.next_cursor)

    @get(
        "/{exception_id:str}",
        operation_id="getException",
        summary="Show an exception",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_exception(
        self,
        exception_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ExceptionOut:
        """One held thing."""
        actor.require("exception:read")
        return _shown(database, tenant, actor, read("exc", exception_id))

    @post(
        "/{exception_id:str}/pause",
        operation_id="pauseException",
        summary="Let the clock of an exception stand",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def pause(
        self,
        exception_id: FromPath[str],
        data: JSONBody[PauseIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> ExceptionOut:
        """The clock stands until then, because somebody else has to move first; what is left of it stays left."""
        identifier = read("exc", exception_id)
        pause_exception(database, tenant, actor, identifier, until=data.until, reason=data.reason, trace_id=trace_id)
        return _shown(database, tenant, actor, identifier)

    @post(
        "/{exception_id:str}/resume",
        operation_id="resumeException",
        summary="Let the clock of an exception go on",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def resume(
        self,
        exception_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> ExceptionOut:
        """A paused clock goes on now; one that is not paused stays as it is."""
        identifier = read("exc", exception_id)
        resume_exception(database, tenant, actor, identifier, trace_id=trace_id)
        return _shown(database, tenant, actor, identifier)

    @post(
        "/{exception_id:str}/assign",
        operation_id="assignException",
        summary="Give an exception to somebody",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def assign(
        self,
        exception_id: FromPath[str],
        data: JSONBody[AssignIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> ExceptionOut:
        """Give an open exception to somebody who works here, or with null back to its role."""
        actor.require("exception:assign")
        person_id = read("per", data.person) if data.person is not None else None
        row = assign_exception(
            database, tenant, actor, read("exc", exception_id), person_id=person_id, trace_id=trace_id
        )
        return _shown(database, tenant, actor, row.id)


def _shown(database: Database, tenant: Tenant, actor: Actor, exception_id: UUID) -> ExceptionOut:
    query = reads.exceptions().where(ExceptionRow.id == exception_id)
    with transaction(database, tenant, actor, read_only=True) as tx:
        return exception_out(one(tx, query, f"exception {show('exc', exception_id)}"), tx.now)


class SubmitController(Controller):
    path = "/v1/invoices"
    tags = ("Invoices",)

    @post(
        "/{invoice_id:str}/submit",
        operation_id="submitInvoice",
        summary="Check a held draft again",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def submit(
        self,
        invoice_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceState:
        """Send a blocked or returned draft through the checks again; the answer says where it stands now."""
        actor.require("invoice:submit")
        identifier = read("inv", invoice_id)
        submit_draft(database, tenant, actor, identifier, trace_id=trace_id)
        query = select(InvoiceRow.phase, InvoiceRow.detail).where(InvoiceRow.id == identifier)
        with transaction(database, tenant, actor, read_only=True) as tx:
            row = one(tx, query, f"invoice {invoice_id}")
        return InvoiceState(show("inv", identifier), row.phase, row.detail)


class DeadJobController(Controller):
    """Who mends a dead job is said here, where people are known; the rest of ``/v1/jobs`` is the jobs room's."""

    path = "/v1/jobs"
    tags = ("Jobs",)

    @post(
        "/{job_id:str}/assign",
        operation_id="assignJob",
        summary="Give a dead job to somebody",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def assign(
        self,
        job_id: FromPath[str],
        data: JSONBody[AssignIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> JobOut:
        """Say who mends it; null gives it back."""
        person_id = read("per", data.person) if data.person is not None else None
        return job_out(assign_job(database, tenant, actor, read("job", job_id), person_id=person_id, trace_id=trace_id))


class HeldMessageController(Controller):
    """Who mends a held message; the rest of ``/v1/messages`` is the intake's."""

    path = "/v1/messages"
    tags = ("Messages",)

    @post(
        "/{message_id:str}/assign",
        operation_id="assignMessage",
        summary="Give a held message to somebody",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def assign(
        self,
        message_id: FromPath[str],
        data: JSONBody[AssignIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> MessageOut:
        """Say who mends it; null gives it back."""
        identifier = read("msg", message_id)
        person_id = read("per", data.person) if data.person is not None else None
        assign_message(database, tenant, actor, identifier, person_id=person_id, trace_id=trace_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            row, content = get_message(tx, identifier)
        return MessageOut.of(row, content)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    ExceptionController,
    SubmitController,
    DeadJobController,
    HeldMessageController,
)
