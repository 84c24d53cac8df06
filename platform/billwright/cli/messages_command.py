"""``billwright messages``: what is held in a tenant and why, and another try; for operators without a browser.

Corrections are not made here: they need two people, and an operator is none.
"""

from datetime import UTC, datetime

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select

from billwright.cli.with_database import with_database
from billwright.identity.act import operator
from billwright.intake.mapping import WHYS, Why
from billwright.intake.queries import get_message, list_messages
from billwright.intake.retry_messages import retry_messages
from billwright.intake.schemas import MessageOut
from billwright.intake.snooze_message import snooze_message
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.ids import read, show
from billwright.tenancy.directory import load_tenant
from billwright.tenancy.transaction import transaction

SHOWN_MAX = 100
TENANT = click.option("--tenant", "slug", required=True, metavar="SLUG")
WHY = click.option("--why", type=click.Choice(WHYS), help="Only those held for this cause.")


@click.group()
def command() -> None:
    """Messages that are held: nothing maps them, or their content is wrong."""


@command.command("list")
@TENANT
@WHY
@click.option("--type", "event_type", help="Only this type, such as crm.deal.")
@click.option("--source", help="Only from this source.")
@click.option("--resting/--awake", "rests", default=None, help="Only those at rest, or only the others.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_held(
    slug: str, why: Why | None, event_type: str | None, source: str | None, rests: bool | None, as_json: bool
) -> None:
    """The newest 100 held messages of a tenant."""
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        with transaction(database, tenant, operator(), read_only=True) as tx:
            found = list_messages(
                tx, limit=SHOWN_MAX, state="held", event_type=event_type, source=source, why=why, rests=rests
            )
            count = tx.session.scalar(select(func.count()).where(SourceMessageRow.state == "held")) or 0
    shown = [MessageOut.of(row) for row in found.rows]
    if as_json:
        click.echo(msgspec.json.encode(shown))
        return
    table = Table("Message", "Type", "Why", "Since", "Tries", "Reason", title=f"{count} held messages of {tenant.name}")
    for each in shown:
        assert each.desk is not None
        since, tries = f"{each.desk.since:%Y-%m-%d %H:%M}", str(each.desk.tries)
        table.add_row(each.id, each.type, each.desk.why or "", since, tries, escape((each.reason or "")[:160]))
    Console().print(table)


@command.command("show")
@click.argument("message_id", metavar="MESSAGE")
@TENANT
def show_one(message_id: str, slug: str) -> None:
    """One message as JSON, with its data but without secrets."""
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        with transaction(database, tenant, operator(), read_only=True) as tx:
            row, data = get_message(tx, read("msg", message_id))
    click.echo(msgspec.json.format(msgspec.json.encode(MessageOut.of(row, data)), indent=2))


@command.command("retry")
@click.argument("message_ids", nargs=-1, metavar="[MESSAGE]...")
@TENANT
@WHY
@click.option("--type", "event_type", help="All of this type.")
@click.option("--source", help="All from this source.")
@click.option("--all", "everything", is_flag=True, help="All held messages of the tenant.")
def retry(
    message_ids: tuple[str, ...],
    slug: str,
    why: Why | None,
    event_type: str | None,
    source: str | None,
    everything: bool,
) -> None:
    """Map held messages again: those named, or all that match. At most 1,000 at once, the oldest first."""
    if not (message_ids or why or event_type or source or everything):
        raise click.UsageError("Name messages, or say --why, --type, --source or --all.")
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        ids = [read("msg", each) for each in message_ids] or None
        held = retry_messages(
            database, tenant, operator(), message_ids=ids, event_type=event_type, source=source, why=why
        )
    click.echo(f"{len(held)} held messages are tried again.")


@command.command("snooze")
@click.argument("message_id", metavar="MESSAGE")
@TENANT
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="In UTC.")
@click.option("--reason", required=True, help="What is waited for.")
def snooze(message_id: str, slug: str, until: datetime, reason: str) -> None:
    """Nobody need look at a held message until then."""
    with with_database() as (_, database):
        tenant = load_tenant(database, slug)
        moment = until.replace(tzinfo=UTC)
        row = snooze_message(database, tenant, operator(), read("msg", message_id), until=moment, reason=reason)
    click.echo(f"{show('msg', row.message_id)} rests until {moment:%Y-%m-%d %H:%M} UTC.")
