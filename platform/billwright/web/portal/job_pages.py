"""Jobs that gave up: the list, one with what went out and came back, and the mends. What a job is about is not edited:
its payload are identifiers, and the things themselves are mended in their rooms."""

from typing import Any, Final

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from sqlalchemy import select

from billwright.checks.assign_job import assign_job
from billwright.jobs.retry_dead import MANY_MAX, retry_dead, retry_many
from billwright.jobs.snooze_dead import snooze_dead
from billwright.jobs.tables import JobRow
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.ids import read
from billwright.kernel.redact import redact
from billwright.web.portal.forms import Form, field, moment, person
from billwright.web.portal.jobs_about import about_job
from billwright.web.portal.listing import asked_of, parse_state
from billwright.web.portal.listing_connectors import connector_tabs
from billwright.web.portal.listing_jobs import JOBS
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listing_read import matching_ids
from billwright.web.portal.queries_lists import people_here
from billwright.web.portal.visit import Visit, provide_visit

SHOWN_AGAIN: Final = (InputInvalidError, ConflictError)
RETRY: Final = "job:retry"
"""Whoever mends jobs also sees the traceback: it names code, no data of others."""


class JobController(Controller):
    path = "/t/{slug:str}/connectors/jobs"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_jobs(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, JOBS)

    @post("/retry", sync_to_thread=True)
    def run_matching(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """Run all again that the list's filters let through."""
        visit.require(RETRY)
        asked = asked_of(JOBS, parse_state(field(data, "state")))
        with visit.reading() as tx:
            wanted = matching_ids(tx, JOBS, asked, limit=MANY_MAX)
        done = retry_many(visit.database, visit.here, visit.actor, job_ids=wanted, trace_id=visit.trace_id)
        said = f"{done.queued} run again."
        if done.resolved:
            said += f" {done.resolved} had waiting work of the same kind, which does theirs, too."
        return visit.go(visit.url("connectors/jobs"), said)

    @get("/{job_id:str}", sync_to_thread=True)
    def show_job(self, visit: NamedDependency[Visit], job_id: FromPath[str]) -> Response[str]:
        return job_page(visit, job_id)

    @post("/{job_id:str}/retry", sync_to_thread=True)
    def run_again(self, visit: NamedDependency[Visit], job_id: FromPath[str]) -> Response[str]:
        row = retry_dead(visit.database, visit.here, visit.actor, read("job", job_id), trace_id=visit.trace_id)
        said = f"The job {row.kind} runs again."
        if row.state == "resolved":
            said = "The same work waits already under another job, which does it."
        return visit.go(visit.back_to("connectors/jobs"), said)

    @post("/{job_id:str}/assign", sync_to_thread=True)
    def assign(self, visit: NamedDependency[Visit], job_id: FromPath[str], data: Form) -> Response[str]:
        chosen = person(data, visit.actor.person_id)
        assign_job(
            visit.database, visit.here, visit.actor, read("job", job_id), person_id=chosen, trace_id=visit.trace_id
        )
        return visit.go(_url(visit, job_id), "It is assigned." if chosen else "Nobody has it now.")

    @post("/{job_id:str}/snooze", sync_to_thread=True)
    def snooze(self, visit: NamedDependency[Visit], job_id: FromPath[str], data: Form) -> Response[str]:
        visit.require(RETRY)
        try:
            until = moment(data, "until")
            snooze_dead(
                visit.database, visit.here, visit.actor, read("job", job_id), until=until, reason=field(data, "reason"),
                trace_id=visit.trace_id,
            )  # fmt: skip
        except SHOWN_AGAIN as refusal:
            return job_page(visit, job_id, refusal=refusal)
        return visit.go(_url(visit, job_id), f"It rests until {until:%Y-%m-%d}. Running it again ends that.")


def job_page(visit: Visit, job_id: str, *, refusal: Exception | None = None) -> Response[str]:
    """One job in whatever state, with both sides of its last call and without secrets."""
    visit.require("job:read")
    identifier = read("job", job_id)
    with visit.reading() as tx:
        query = select(JobRow).where(JobRow.id == identifier, JobRow.tenant_id == visit.here.id)
        row = tx.session.scalars(query).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no job {job_id} here.")
        tabs = connector_tabs(visit, tx)
    dead = row.state == "dead"
    return visit.page(
        "job.html",
        room="connectors",
        title=f"Job {row.kind}",
        status=422 if refusal else 200,
        row=row,
        tab="connectors/jobs",
        about=about_job(row.payload),
        error=_clean(row.error),
        request=_clean(row.request),
        response=_clean(row.response),
        traceback=_clean(row.traceback) if visit.may(RETRY) else "",
        people=people_here(visit) if dead else {},
        refused=str(refusal) if refusal else "",
        may_mend=dead and visit.may(RETRY),
        **tabs,
    )


def _clean(text: Any) -> str:
    return redact(text) if text else ""


def _url(visit: Visit, job_id: str) -> str:
    return visit.url(f"connectors/jobs/{job_id}")
