"""The list of jobs that gave up: why, since when, who mends them; run again one by one, by ticks, or by filter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import false, func, select

from billwright.checks.assign_job import assign_job
from billwright.jobs.retry_dead import retry_dead
from billwright.jobs.tables import JobRow
from billwright.kernel.ids import read, show
from billwright.kernel.redact import redact
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.listing import Column, Filter, Listing, Sort
from billwright.web.portal.listing_bulk import Action, hand_over, identifier_of
from billwright.web.portal.listing_connectors import connector_tabs

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit


def _names(tx: Tx, identifiers: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    rows = tx.session.execute(
        select(JobRow.id, JobRow.kind).where(JobRow.tenant_id == tx.tenant.id, JobRow.id.in_(identifiers))
    )
    return {row.id: (row.kind, f"connectors/jobs/{show('job', row.id)}") for row in rows}


def _run_again(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
    row = retry_dead(visit.database, visit.here, visit.actor, read("job", identifier_of(tick)), trace_id=visit.trace_id)
    if row.state == "resolved":
        return "The same work waits already under another job, which does it."
    return "It runs again, with fresh attempts."


def _assign(visit: "Visit", tick: str, person_id: UUID) -> None:
    job_id = read("job", identifier_of(tick))
    assign_job(visit.database, visit.here, visit.actor, job_id, person_id=person_id, trace_id=visit.trace_id)


def _assigned(tx: Tx, who: str) -> Any:
    return JobRow.assignee_id.is_(None) if who == "nobody" else JobRow.assignee_id == tx.actor.person_id


def _rests(tx: Tx, rest: str) -> Any:
    return func.coalesce(JobRow.snoozed_until > tx.now, false()).is_(rest == "yes")


JOBS: Final = Listing(
    name="jobs",
    room="connectors",
    path="connectors/jobs",
    title="Jobs that gave up",
    rows="jobs",
    needs=("job:read",),
    template="jobs.html",
    beside=connector_tabs,
    query=lambda tx: select(JobRow).where(JobRow.tenant_id == tx.tenant.id, JobRow.state == "dead"),
    identifier=JobRow.id,
    order="since",
    people=True,
    opens=lambda row: f"connectors/jobs/{show('job', row.JobRow.id)}",
    prefix="job",
    tick=lambda row: show("job", row.JobRow.id),
    names=_names,
    actions=(
        Action(key="retry", label="Run them again", icon="refresh-cw", needs=("job:retry",), run=_run_again),
        *hand_over("job:retry", _assign),
    ),
    columns=(
        Column(key="kind", label="Job", fixed=True, wide=False, value=lambda row: row.JobRow.kind),
        Column(
            key="error", label="Why", wide=False, value=lambda row: redact(row.JobRow.error or "no reason recorded"),
        ),
        Column(key="class", label="Failure", under=True, value=lambda row: words.FAILURES.get(row.JobRow.error_class or "")),
        Column(key="attempts", label="Attempts", kind="number", value=lambda row: row.JobRow.attempts),
        Column(
            key="since", label="Since", kind="moment", sort=Sort(JobRow.updated_at, datetime),
            value=lambda row: row.JobRow.updated_at,
        ),
        Column(key="assignee", label="Taken by", kind="person", value=lambda row: row.JobRow.assignee_id),
        Column(key="rests", label="Rests until", kind="moment", default=False, value=lambda row: row.JobRow.snoozed_until),
        Column(key="trace", label="Trace", default=False, value=lambda row: row.JobRow.trace_id),
    ),
    filters=(
        Filter(
            key="kind", label="Job contains", kind="text",
            where=lambda _tx, text: JobRow.kind.icontains(text, autoescape=True),
        ),
        Filter(
            key="class", label="Failure", choices=tuple(words.FAILURES.items()),
            where=lambda _tx, name: JobRow.error_class == name,
        ),
        Filter(key="assigned", label="Taken by", choices=(("me", "Me"), ("nobody", "Nobody")), where=_assigned),
        Filter(
            key="rest", label="At rest", choices=(("no", "To be looked at"), ("yes", "At rest")), where=_rests,
        ),
    ),
)  # fmt: skip
