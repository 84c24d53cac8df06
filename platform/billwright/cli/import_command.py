"""``billwright import``: a folder of records through the same intake as any other message."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from billwright.cli.embedded import start_servers
from billwright.cli.import_report import Report
from billwright.cli.importing import Fed, Feeder, choose, find_connection
from billwright.cli.processes import with_master_key
from billwright.extension.folders import Folder, FolderSource, TenantSeed
from billwright.extension.loading import available_connectors
from billwright.extension.manifest import Manifest
from billwright.kernel.actor import SYSTEM
from billwright.kernel.settings import Settings, read_settings
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant
from billwright.tenancy.transaction import Tenant
from billwright.web.composition import database_of, spine_handlers, subscriptions
from billwright_migrations.run import upgrade_all
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.reading import convert

RULES: Final = ("acceptance_present", "change_order_signed", "purchase_order", "evidence_attached", "duplicate_billing")


@click.group()
def command() -> None:
    """Import records of the past into sandbox tenants."""


@command.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--partner", required=True, help="Partner under which each supplier becomes a tenant.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N suppliers.")
@click.option("--shuffle", type=int, metavar="SEED", help="Feed everything out of order before anything is billed.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, help="Feed everything N times.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def agreements(folder: Path, partner: str, limit: int | None, shuffle: int | None, repeat: int, as_json: bool) -> None:
    """Milestone agreements: each supplier becomes a tenant, the buyer its customer."""
    with _database() as (settings, database):
        result = run_import(
            database,
            settings,
            folder,
            partner=partner,
            limit=limit,
            shuffle=shuffle,
            repeat=repeat,
            quiet=as_json,
        )
    click.echo(json.dumps(result, indent=2)) if as_json else _show(result)


@contextmanager
def _database() -> Iterator[tuple[Settings, Database]]:
    """The database that the environment names, else the embedded one of this home."""
    settings = with_master_key(read_settings())
    servers = start_servers(settings, say=lambda line: click.echo(line, err=True))
    try:
        database = database_of(replace(settings, database_url=servers.database_url))
        try:
            upgrade_all(database.owner_engine)
            yield settings, database
        finally:
            database.close()
    finally:
        servers.stop()


def run_import(
    database: Database,
    settings: Settings,
    folder: Path,
    *,
    partner: str,
    limit: int | None = None,
    shuffle: int | None = None,
    repeat: int = 1,
    quiet: bool = True,
    connector: str = "agreements",
) -> dict[str, Any]:
    """Onboard the suppliers, feed their records, count what came of it.

    Raises:
        NotFoundError: no such partner.
        RejectedError: the folder holds none of the record's files.
    """
    module = available_connectors()[connector]
    assert isinstance(module, FolderSource), connector
    manifest: Manifest = module.manifest  # type: ignore[attr-defined]  # a connector module has both, no protocol says so
    content = module.read_folder(folder, manifest.settings_model())
    database = database.with_subscriptions(subscriptions())
    feeder = Feeder(database, spine_handlers(), Fed())
    report = Report()
    seeds = {seed.slug: seed for seed in content.tenants}
    chosen = choose(content, limit)
    for slug, records in track(chosen, "Importing", console=Console(stderr=True), disable=quiet):
        tenant = _onboard(database, settings, partner, seeds[slug], connector)
        connection = find_connection(database, tenant, connector)
        feeder.feed(tenant, connection, records, shuffle=shuffle, repeat=repeat)
        report.add(database, tenant)
    return report.as_json(_refused(content, feeder.fed))


def _refused(content: Folder, fed: Fed) -> list[dict[str, Any]]:
    return [asdict(refusal) for refusal in content.refused] + fed.refused


def _onboard(database: Database, settings: Settings, partner: str, seed: TenantSeed, connector: str) -> Tenant:
    blueprint = import_blueprint(f"{partner}-{seed.slug}"[:40].rstrip("-"), seed, connector)
    applied = apply_blueprint(database, partner, blueprint, SYSTEM, master_key=settings.master_key or "")
    return load_tenant(database, applied.tenant.slug)


def import_blueprint(slug: str, seed: TenantSeed, connector: str) -> Blueprint:
    """A supplier of an imported record: the past needs no approval, sends no mail, and its tax is not known.

    ``contract_value`` is off: the record's rule is that an accepted milestone is billed at the price in force, and where
    its agreements do not add up the item says so in a note.
    """
    country = seed.country or "CH"
    return convert(
        {
            "tenant": {"slug": slug, "name": seed.name, "sandbox": True},
            "legal_entities": [
                {
                    "code": "MAIN",
                    "name": seed.legal_entity or seed.name,
                    "country": country,
                    "currency": "USD",
                    "time_zone": "UTC",
                    "tax": {"scheme": "not_registered", "scheme_reason": "Amounts are as the record has them."},
                    "series": [{"document_type": "invoice", "pattern": "INV-{number:05d}"}],
                    "default": True,
                }
            ],
            "connections": [{"name": connector, "connector": connector, "source": f"record:{connector}"}],
            "rules": [{"name": name} for name in RULES],
            "approvals": [{"name": "imported record", "steps": []}],
            "reminders": [],
            "deliver_by_mail": False,
            "render_documents": False,
        },
        Blueprint,
    )


def _show(result: dict[str, Any]) -> None:
    table = Table(title="Import", show_header=False)
    table.add_row("Tenants", str(result["tenants"]))
    for state, count in result["messages"].items():
        if isinstance(count, int):
            table.add_row(f"Messages {state}", str(count))
    table.add_row("Milestones billed", str(result["milestones"]["billed"]))
    for reason, count in result["milestones"]["waiting"].items():
        table.add_row(f"Waiting: {reason.replace('_', ' ')}", str(count))
    for currency, net in result["invoices"]["net_by_currency"].items():
        table.add_row(f"Invoiced {currency}", net)
    table.add_row("Rows refused", str(len(result["refused"])))
    Console().print(table)
