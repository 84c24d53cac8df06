"""``billwright jobs``: what gave up in a tenant, and another try; for operators without a browser."""

from datetime import UTC, datetime

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select

from billwright.cli.with_database import with_database
from billwright.identity.act import operator
from billwright.jobs.api import job_out
from billwright.jobs.retry_dead import retry_many
from billwright.jobs.snooze_dead import snooze_dead
from billwright.jobs.tables import JobRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import read
from billwright.kernel.redact import redact
from billwright.tenancy.directory import load_tenant
from billwright.tenancy.transaction import transaction

SHOWN_MAX = 100
CLASSES = ("transient", "throttled", "business", "programming", "lease")


@click.group()
def command() -> None:
    """Jobs that gave up: dead letters with what went wrong."""


@command.command("list")
@click.option("--tenant", "slug", required=True, metavar="SLUG")
@click.option("--kind", help="Only this kind, such as connectors.post.")
@click.option("--class", "error_class", type=click.Choice(CLASSES), help="Only failures of this class.")
@click.option("--json", "as_json", is_flag=True, help="For machines, with requests and responses.")
def list_dead(slug: str, kind: str | None, error_class: str | None, as_json: bool) -> None:
    """The newest 100 dead jobs of a tenant."""
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        where = [JobRow.tenant_id == tenant.id, JobRow.state == "dead"]
        where += [JobRow.kind == kind] if kind else []
        where += [JobRow.error_class == error_class] if error_class else []
        with transaction(database, tenant, operator(), read_only=True) as tx:
            rows = tx.session.scalars(select(JobRow).where(*where).order_by(JobRow.id.desc()).limit(SHOWN_MAX)).all()
            found = tx.session.scalar(select(func.count()).where(*where)) or 0
    shown = [job_out(row) for row in rows]
    if as_json:
        click.echo(msgspec.json.encode(shown))
        return
    table = Table("Job", "Kind", "Class", "Since", "Tries", "Error", title=f"{found} dead jobs of {tenant.name}")
    for job in shown:
        first = (job.error or "").partition("\n")[0][:120]
        table.add_row(
            job.id,
            job.kind,
            job.error_class or "",
            f"{job.updated_at:%Y-%m-%d %H:%M}",
            str(job.attempts),
            escape(first),
        )
    Console().print(table)


@command.command("retry")
@click.argument("job_ids", nargs=-1, metavar="[JOB]...")
@click.option("--tenant", "slug", required=True, metavar="SLUG")
@click.option("--kind", help="All of this kind.")
@click.option("--class", "error_class", type=click.Choice(CLASSES), help="All of this failure class.")
@click.option("--all", "everything", is_flag=True, help="All dead jobs of the tenant.")
def retry(job_ids: tuple[str, ...], slug: str, kind: str | None, error_class: str | None, everything: bool) -> None:
    """Queue dead jobs again: those named, or all that match. At most 1,000 at once."""
    if not (job_ids or kind or error_class or everything):
        raise click.UsageError("Name jobs, or say --kind, --class or --all.")
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        ids = [read("job", each) for each in job_ids] or None
        done = retry_many(database, tenant, operator(), job_ids=ids, kind=kind, error_class=error_class)
    click.echo(f"{done.queued} queued again, {done.resolved} resolved: their work waits already. {done.left} left.")


@command.command("show")
@click.argument("job_id", metavar="JOB")
@click.option("--tenant", "slug", required=True, metavar="SLUG")
def show_one(job_id: str, slug: str) -> None:
    """One job as JSON, with what went out and came back, without secrets; its traceback follows, if it has one."""
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        with transaction(database, tenant, operator(), read_only=True) as tx:
            query = select(JobRow).where(JobRow.id == read("job", job_id), JobRow.tenant_id == tenant.id)
            row = tx.session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no job {job_id} in {slug}.")
    click.echo(msgspec.json.format(msgspec.json.encode(job_out(row)), indent=2))
    if row.traceback:
        click.echo(redact(row.traceback), err=True)


@command.command("snooze")
@click.argument("job_id", metavar="JOB")
@click.option("--tenant", "slug", required=True, metavar="SLUG")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="In UTC.")
@click.option("--reason", required=True, help="What is waited for.")
def snooze(job_id: str, slug: str, until: datetime, reason: str) -> None:
    """Nobody need look at a dead job until then."""
    with with_database() as (_, database):
        tenant, moment = load_tenant(database, slug), until.replace(tzinfo=UTC)
        row = snooze_dead(database, tenant, operator(), read("job", job_id), until=moment, reason=reason)
    click.echo(f"{row.kind} rests until {moment:%Y-%m-%d %H:%M} UTC.")
