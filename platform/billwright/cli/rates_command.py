"""``billwright rates``: exchange rates of a tenant."""

from datetime import date, datetime
from pathlib import Path

import click

from billwright.canon.load_rates import ECB, load_rates
from billwright.cli.with_database import with_database
from billwright.identity.act import operator
from billwright.tenancy.directory import load_tenant
from billwright.web.composition import subscriptions


@click.group()
def command() -> None:
    """Load exchange rates."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", "slug", required=True, metavar="SLUG")
@click.option("--source", default=ECB, show_default=True, help="Who publishes these rates.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only days from this one on.")
def load(file: Path, slug: str, source: str, since: datetime | None) -> None:
    """Keep the days of FILE, the ECB's CSV of reference rates or its ZIP. All or nothing; known days stay as they are."""
    first: date | None = since.date() if since else None
    with with_database() as (_, opened):
        database = opened.with_subscriptions(subscriptions())
        loaded = load_rates(
            database, load_tenant(database, slug), operator(), file.read_bytes(), source=source, since=first
        )
    click.echo(
        f"{loaded.source}: {loaded.added} days added, {loaded.known} known, from {loaded.first_on} to {loaded.last_on}; "
        f"SHA-256 {loaded.sha256}."
    )
