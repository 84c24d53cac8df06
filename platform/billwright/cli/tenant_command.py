"""``billwright tenant``: tenants as code, from the console."""

import json
import sys
from pathlib import Path

import click

from billwright.cli.with_database import with_database
from billwright.identity.act import operator
from billwright.tenancy.directory import list_tenants
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.errors import BlueprintInvalidError
from billwright_tenants.life_cycle import resume_tenant, suspend_tenant
from billwright_tenants.reading import read_yaml

BLUEPRINT = click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True)


def read_text(path: Path) -> str:
    """The file's text; ``-`` is standard input. Bytes that are no UTF-8 show up as problems, not as a traceback."""
    raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    return raw.decode("utf-8-sig", errors="replace")


def show_problems(refusal: BlueprintInvalidError) -> None:
    """All problems, one line each, then exit status 2."""
    problems = refusal.facts["problems"]
    assert isinstance(problems, list)
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(f"{len(problems)} problem(s); nothing was changed.", err=True)
    raise SystemExit(2)


@click.group()
def command() -> None:
    """Create, change, suspend and list tenants."""


@command.command()
@click.argument("file", type=BLUEPRINT)
@click.option("--partner", required=True, help="The partner's slug.")
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def apply(file: Path, partner: str, dry_run: bool, as_json: bool) -> None:
    """Make a tenant what the blueprint FILE (YAML or JSON, - for standard input) says."""
    try:
        blueprint = read_yaml(read_text(file), Blueprint)
        with with_database() as (settings, database):
            applied = apply_blueprint(
                database, partner, blueprint, operator(), master_key=settings.master_key, dry_run=dry_run
            )
    except BlueprintInvalidError as refusal:
        show_problems(refusal)
        return
    if as_json:
        result = {
            "tenant": applied.tenant.slug,
            "created": applied.created,
            "changes": applied.changes,
            "dry_run": dry_run,
        }
        click.echo(json.dumps(result, indent=2))
        return
    for change in applied.changes:
        click.echo(f"{'would be: ' if dry_run else ''}{change}")
    if not applied.changes:
        click.echo(f"{applied.tenant.slug} is so already.")


@command.command()
@click.argument("slug")
@click.option("--partner", required=True, help="The partner's slug.")
@click.option("--reason", required=True, help="Why; it goes into the audit log.")
def suspend(slug: str, partner: str, reason: str) -> None:
    """Shut a tenant for everyone. Nothing is lost; its jobs wait."""
    with with_database() as (_, database):
        suspend_tenant(database, partner, slug, operator(), reason=reason)
    click.echo(f"{slug} is suspended.")


@command.command()
@click.argument("slug")
@click.option("--partner", required=True, help="The partner's slug.")
def resume(slug: str, partner: str) -> None:
    """Open a suspended tenant again."""
    with with_database() as (_, database):
        resume_tenant(database, partner, slug, operator())
    click.echo(f"{slug} is active.")


@command.command(name="list")
@click.option("--partner", help="Only this partner's.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_command(partner: str | None, as_json: bool) -> None:
    """All tenants with their state."""
    with with_database() as (_, database):
        tenants = list_tenants(database, partner=partner)
    if as_json:
        rows = [{"slug": each.slug, "name": each.name, "state": each.state} for each in tenants]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in tenants:
        click.echo(f"{each.slug:<42}{each.state:<12}{each.name}")
