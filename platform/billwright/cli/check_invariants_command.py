"""``billwright check-invariants``: what must always hold, checked against what is stored."""

import sys
from collections.abc import Sequence

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from billwright.cli.with_database import with_database
from billwright.documents.store import FileStore
from billwright.insight.invariants import INVARIANTS, Verdict, check_invariants
from billwright.tenancy.directory import list_tenants, load_tenant
from billwright.tenancy.transaction import Tenant

SHOWN_MAX = 20


class InvariantReport(msgspec.Struct, frozen=True):
    number: int
    name: str
    promise: str
    note: str
    offenders: list[dict[str, str]]


class TenantReport(msgspec.Struct, frozen=True):
    tenant: str
    ok: bool
    invariants: list[InvariantReport]


class Report(msgspec.Struct, frozen=True):
    """What ``--json`` prints; ``ok`` is false when any tenant has an offender."""

    ok: bool
    tenants: list[TenantReport]


@click.command()
@click.option("--tenant", "slug", metavar="SLUG", help="One tenant instead of all.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document on stdout.")
@click.option("--files/--no-files", default=True, help="Read every stored document too (default: yes).")
def command(slug: str | None, as_json: bool, files: bool) -> None:
    """Check all invariants of the model. Exit status 0: all hold; 1: offenders are named; 2: could not be checked."""
    with with_database() as (settings, database):
        tenants = [load_tenant(database, slug)] if slug else _kept(list_tenants(database))
        store = FileStore(settings.files) if files else None
        verdicts = {tenant.slug: check_invariants(database, tenant, store) for tenant in tenants}
    report = report_of(verdicts)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print_table(report)
    sys.exit(0 if report.ok else 1)


def _kept(tenants: Sequence[Tenant]) -> list[Tenant]:
    """Without those that were erased: nothing of them is left to check."""
    return [tenant for tenant in tenants if tenant.state != "erased"]


def report_of(verdicts: dict[str, list[Verdict]]) -> Report:
    """The verdicts by tenant, as they are printed."""
    tenants = [_tenant_report(slug, each) for slug, each in verdicts.items()]
    return Report(ok=all(tenant.ok for tenant in tenants), tenants=tenants)


def _tenant_report(slug: str, verdicts: Sequence[Verdict]) -> TenantReport:
    invariants = [
        InvariantReport(
            number=verdict.invariant.number,
            name=verdict.invariant.name,
            promise=verdict.invariant.promise,
            note=verdict.invariant.note,
            offenders=[{"subject": each.subject, "sentence": each.sentence} for each in verdict.offenders],
        )
        for verdict in verdicts
    ]
    return TenantReport(tenant=slug, ok=not any(each.offenders for each in invariants), invariants=invariants)


def _print_table(report: Report) -> None:
    """One row per invariant over all tenants, then the offenders."""
    console = Console()
    table = Table("", "Invariant", "Result", title=f"Invariants of {len(report.tenants)} tenants")
    for place, invariant in enumerate(INVARIANTS):
        found = [len(tenant.invariants[place].offenders) for tenant in report.tenants]
        result = f"[red]{sum(found)} offenders in {sum(map(bool, found))} tenants[/red]" if any(found) else "holds"
        note = f"\n[dim]{escape(invariant.note)}[/dim]" if invariant.note else ""
        table.add_row(str(invariant.number), escape(invariant.promise) + note, result)
    console.print(table)
    for tenant in report.tenants:
        for broken in tenant.invariants:
            _print_offenders(console, tenant.tenant, broken)


def _print_offenders(console: Console, tenant: str, broken: InvariantReport) -> None:
    for offender in broken.offenders[:SHOWN_MAX]:
        line = f"{tenant}: {broken.number} {broken.name}: {offender['subject']}: {offender['sentence']}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if (more := len(broken.offenders) - SHOWN_MAX) > 0:
        console.print(f"{tenant}: {broken.number} {broken.name}: {more} more; --json shows all.", highlight=False)
