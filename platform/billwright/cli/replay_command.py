"""``billwright replay``: stored messages through today's mapping and rules, first looked at, then applied."""

import sys
from datetime import UTC, datetime

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from billwright.cli.with_database import with_database
from billwright.identity.act import operator
from billwright.insight.preview_replay import MoneyDifference, ReplayPreview, preview_replay
from billwright.intake.replay import replay
from billwright.kernel.amount_out import AmountOut
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.directory import load_tenant
from billwright.web.composition import subscriptions

SHOWN_MAX = 50
MOMENT = "a day (2026-03-01) or a moment with its zone (2026-03-01T12:00:00Z)"


def _moment(_context: click.Context, parameter: click.Parameter, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputInvalidError(f"{text!r} is not {MOMENT}.", field=parameter.name) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@click.option("--tenant", "slug", required=True, metavar="SLUG")
@click.option("--from", "start", required=True, callback=_moment, help=f"Messages that arrived from: {MOMENT}.")
@click.option("--to", "end", required=True, callback=_moment, help="Before this moment; a day means its beginning.")
@click.option("--source", help="Only messages of this source.")
@click.option("--dry-run", is_flag=True, help="Show what would differ and stop.")
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document on stdout.")
def command(
    slug: str, start: datetime, end: datetime, source: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Map stored messages again and show what differs, in facts and in money; then, when confirmed, apply it.

    What is issued stays as issued. Applying is written to the tenant's audit log; the workers bill what follows.
    """
    with with_database() as (_, opened):
        database, actor = opened.with_subscriptions(subscriptions()), operator()
        tenant = load_tenant(database, slug)
        preview = preview_replay(database, tenant, actor, start=start, end=end, source=source)
        if as_json:
            click.echo(msgspec.json.encode(preview))
        else:
            _print(preview)
        if dry_run or not (preview.facts.differences or preview.facts.unmappable):
            return
        if not yes and not click.confirm(f"Apply {len(preview.facts.differences)} changes to {tenant.name}?", err=True):
            sys.exit(1)
        replay(database, tenant, actor, start=start, end=end, source=source, dry_run=False)
        click.echo("Applied. The workers bill what follows from it.", err=True)


def _print(preview: ReplayPreview) -> None:
    console, facts = Console(), preview.facts
    console.print(
        f"{facts.messages} messages: {facts.same} objects are the same, {len(facts.differences)} differ, "
        f"{facts.superseded} are older than what is known, {len(facts.unmappable)} messages cannot be mapped."
    )
    table = Table("Object", "", "Field", "Before", "After", title="Facts")
    for each in facts.differences[:SHOWN_MAX]:
        for field in each.fields:
            before, after = (escape(str(value)) if value is not None else "" for value in (field.before, field.after))
            table.add_row(escape(f"{each.kind} {each.ref}"), each.change, field.field, before, after)
    if facts.differences:
        console.print(table)
    money = Table("Billable item", "Before", "After", title="Money")
    for item in preview.money[:SHOWN_MAX]:
        money.add_row(escape(f"{item.description} ({item.transaction_key})"), *_sides(item))
    if preview.money:
        console.print(money)
        total = ", ".join(f"{currency} {amount}" for currency, amount in preview.by_currency.items()) or "nothing"
        console.print(f"What could be billed changes by: {total}.")
    for one in facts.unmappable[:SHOWN_MAX]:
        console.print(f"{one.type}: {one.reason}", markup=False, highlight=False)
    if (more := max(len(facts.differences), len(preview.money), len(facts.unmappable)) - SHOWN_MAX) > 0:
        console.print(f"{more} more; --json shows all.", highlight=False)


def _sides(item: MoneyDifference) -> tuple[str, str]:
    return (
        _side(item.state_before, item.amount_before, item.reasons_before),
        _side(item.state_after, item.amount_after, item.reasons_after),
    )


def _side(state: str | None, amount: AmountOut | None, reasons: list[str]) -> str:
    if state is None:
        return ""
    money = f"{amount.currency} {amount.amount}" if amount else ""
    return escape(" ".join(filter(None, (money, state, ", ".join(reasons)))))
