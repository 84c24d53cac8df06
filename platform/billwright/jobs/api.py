"""``/v1/jobs``: background work of this tenant that failed or waits, and another try."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, false, func, select

from billwright.jobs.retry_dead import retry_dead, retry_many
from billwright.jobs.snooze_dead import snooze_dead
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.kernel.redact import redact
from billwright.tenancy.answers import Cursor, Limit, equal, newest_first, refusals
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

OpenState = Literal["dead", "queued", "retry", "leased"]
FailureName = Literal["transient", "throttled", "business", "programming", "lease"]
Assignee = Annotated[
    str | None,
    QueryParameter(max_length=60, description="Only what this person has taken: `per_...`, `me` or `nobody`."),
]
Kind = Annotated[str | None, QueryParameter(max_length=100, description="Only this kind, such as `connectors.post`.")]


class JobOut(Struct, frozen=True, kw_only=True):
    """A background job. ``error`` says what the last attempt met; ``request`` and ``response`` what went to and came
    from the other system, without secrets. ``state`` is queued, retry, leased, dead, done or resolved."""

    id: str
    kind: str
    key: str
    state: str
    attempts: int
    run_at: datetime
    payload: dict[str, Any]
    error_class: str | None
    error: str | None
    request: str | None
    response: str | None
    trace_id: str | None
    assignee: str | None
    snoozed_until: datetime | None
    note: str | None
    created_at: datetime
    updated_at: datetime


def job_out(row: AnyRow | JobRow) -> JobOut:
    return JobOut(
        id=show("job", row.id),
        kind=row.kind,
        key=row.key,
        state=row.state,
        attempts=row.attempts,
        run_at=row.run_at,
        payload=row.payload,
        error_class=row.error_class,
        error=_shown(row.error),
        request=_shown(row.request),
        response=_shown(row.response),
        trace_id=row.trace_id,
        assignee=show("per", row.assignee_id) if row.assignee_id else None,
        snoozed_until=row.snoozed_until,
        note=row.note,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _in_hand(tx: Tx, assignee: str | None, *, rests: bool | None) -> list[ColumnElement[bool]]:
    """Who has taken it, and whether nobody need look yet."""
    where: list[ColumnElement[bool]] = []
    if assignee is not None:
        person_id = tx.actor.person_id if assignee == "me" else None if assignee == "nobody" else read("per", assignee)
        where.append(JobRow.assignee_id.is_not_distinct_from(person_id))
    if rests is not None:
        where.append(func.coalesce(JobRow.snoozed_until > tx.now, false()).is_(rests))
    return where


def _shown(text: str | None) -> str | None:
    return None if text is None else redact(text)


class RetryIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead jobs: these, or all of a kind, a failure class, or both; an empty body means all. At most 1,000 at once."""

    job_ids: Annotated[list[str], Meta(max_length=1_000)] | None = None
    kind: Annotated[str, Meta(max_length=100)] | None = None
    error_class: FailureName | None = None


class RetriedOut(Struct, frozen=True):
    """``queued``: done again now. ``resolved``: the same work waits already. ``left``: dead ones that still match."""

    queued: int
    resolved: int
    left: int


class SnoozeIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Until when nobody need look, at most 90 days ahead, and why."""

    until: Annotated[datetime, Meta(tz=True)]
    reason: Annotated[str, Meta(min_length=3, max_length=500)]


class JobController(Controller):
    path = "/v1/jobs"
    tags = ("Jobs",)

    @get(operation_id="listJobs", summary="List jobs", sync_to_thread=True, responses=refusals(404, 422))
    def list_jobs(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: Annotated[OpenState, QueryParameter(name="state")] = "dead",
        kind: Kind = None,
        error_class: FromQuery[FailureName | None] = None,
        assignee: Assignee = None,
        resting: FromQuery[bool | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[JobOut]:
        """Background jobs of this tenant in one state, newest first; without `state` those that gave up."""
        actor.require("job:read")
        # The tenant's role sees its own rows only; the tenant is named for the sake of the index.
        query = select(*JobRow.__table__.columns).where(JobRow.tenant_id == tenant.id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            query = equal(query, (JobRow.state, in_state), (JobRow.kind, kind), (JobRow.error_class, error_class))
            query = query.where(*_in_hand(tx, assignee, rests=resting))
            found = newest_first(tx, query, JobRow.id, limit=limit, cursor=cursor)
        return Page([job_out(row) for row in found.rows], found.next_cursor)

    @get("/{job_id:str}", operation_id="getJob", summary="Show a job", sync_to_thread=True, responses=refusals(404))
    def show_job(
        self,
        job_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> JobOut:
        """One job of this tenant, in whatever state."""
        actor.require("job:read")
        identifier: UUID = read("job", job_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            query = select(JobRow).where(JobRow.id == identifier, JobRow.tenant_id == tenant.id)
            row = tx.session.scalars(query).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no job {job_id} here.")
        return job_out(row)

    @post(
        "/{job_id:str}/retry",
        operation_id="retryJob",
        summary="Try a dead job again",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def retry(
        self,
        job_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> JobOut:
        """Have a dead job done again. A job that is not dead stays as it is; the answer says how it stands."""
        return job_out(retry_dead(database, tenant, actor, read("job", job_id), trace_id=trace_id))

    @post(
        "/retry",
        operation_id="retryJobs",
        summary="Try many dead jobs again",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def retry_all(
        self,
        data: JSONBody[RetryIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> RetriedOut:
        """Have dead jobs done again: those named, or all that match the filter."""
        ids = None if data.job_ids is None else [read("job", each) for each in data.job_ids]
        retried = retry_many(
            database, tenant, actor, job_ids=ids, kind=data.kind, error_class=data.error_class, trace_id=trace_id
        )
        return RetriedOut(retried.queued, retried.resolved, retried.left)

    @post(
        "/{job_id:str}/snooze",
        operation_id="snoozeJob",
        summary="Let a dead job rest",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def snooze(
        self,
        job_id: FromPath[str],
        data: JSONBody[SnoozeIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> JobOut:
        """Nobody need look at it until then; a retry, or its success under the same key, ends that."""
        identifier = read("job", job_id)
        row = snooze_dead(database, tenant, actor, identifier, until=data.until, reason=data.reason, trace_id=trace_id)
        return job_out(row)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (JobController,)
