"""``billwright partner``: partners and tokens of their systems, from the console."""

import json
from pathlib import Path

import click
from sqlalchemy import select

from billwright.cli.tenant_command import BLUEPRINT, read_text, show_problems
from billwright.cli.with_database import with_database
from billwright.identity.act import operator
from billwright.identity.add_person import check_email
from billwright.identity.make_token import make_token
from billwright.identity.permissions import PARTNER_ROLES
from billwright.identity.queries import person_by_email, roles_of
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.directory import find_partner
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import control_transaction
from billwright_tenants.blueprint import PartnerBlueprint
from billwright_tenants.errors import BlueprintInvalidError
from billwright_tenants.partner import apply_partner
from billwright_tenants.reading import read_yaml


@click.group()
def command() -> None:
    """Create and change partners; make tokens for their systems."""


@command.command()
@click.argument("file", type=BLUEPRINT)
def apply(file: Path) -> None:
    """Make a partner what the blueprint FILE (YAML or JSON, - for standard input) says."""
    try:
        blueprint = read_yaml(read_text(file), PartnerBlueprint)
        with with_database() as (_, database):
            applied = apply_partner(database, blueprint, operator())
    except BlueprintInvalidError as refusal:
        show_problems(refusal)
        return
    for change in applied.changes or [f"{applied.slug} is so already."]:
        click.echo(change)


@command.command()
@click.argument("name")
@click.option("--partner", required=True, help="The partner's slug.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it lives.")
@click.option("--person", help="E-mail of the person for whom it acts; without one it enters no tenant.")
@click.option("--role", type=click.Choice(sorted(PARTNER_ROLES)), default="administrator", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def token(name: str, partner: str, days: int, person: str | None, role: str, as_json: bool) -> None:
    """Make an API token for the partner's systems; it is shown once.

    With --person the token may at any time do what that person still may, and enters tenants by that person's grants.
    """
    with with_database() as (_, database):
        with control_transaction(database, operator()) as tx:
            found = find_partner(tx.session, partner)
            owner = person_by_email(tx.session, found.id, check_email(person)) if person else None
            if person and owner is None:
                raise NotFoundError(f"There is no {person} at {partner}.")
            held = roles_of(tx.session, owner.id, None) if owner else frozenset({role})
        scopes = frozenset().union(*(PARTNER_ROLES[each] for each in held))
        made = make_token(
            database,
            operator(),
            partner_id=found.id,
            tenant=None,
            name=name,
            scopes=scopes,
            days=days,
            person_id=owner.id if owner else None,
        )
    if as_json:
        click.echo(json.dumps({"token": made.secret, "expires_at": made.expires_at.isoformat(), "scopes": made.scopes}))
        return
    click.echo(made.secret)
    click.echo(f"Shown this once. Expires {made.expires_at:%Y-%m-%d}.", err=True)


@command.command(name="list")
def list_command() -> None:
    """All partners."""
    with with_database() as (_, database), control_transaction(database, operator()) as tx:
        for row in tx.session.scalars(select(PartnerRow).order_by(PartnerRow.slug)):
            click.echo(f"{row.slug:<42}{row.name}")
