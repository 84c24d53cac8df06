"""``billwright migrate``: control plane first, then every tenant."""

import click

from billwright.cli.with_database import with_database
from billwright_migrations.run import upgrade_all


@click.command()
def command() -> None:
    """Bring the database to this release. Safe to repeat, and beside the release now running.

    Each tenant is its own transaction: one that fails is named, stops nobody else, and makes the exit status 1.
    """
    with with_database() as (_, database):
        failed = upgrade_all(database.owner_engine, say=lambda line: click.echo(line, err=True))
    click.echo("Migrated." if not failed else f"{failed} tenant(s) not migrated; see above, then run this again.")
    if failed:
        raise SystemExit(1)
