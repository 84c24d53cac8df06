"""``billwright einvoice``: check e-invoices by the official rules; add, list and remove the operator's own rule sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DataError, DBAPIError, ProgrammingError

from billwright.cli.with_database import with_database
from billwright.einvoice.checker import Checker, Rules
from billwright.einvoice.findings import DOCUMENT_BYTES_MAX, Report
from billwright.einvoice.keep_rules import RULES_BYTES_MAX, add_rules, remove_rules
from billwright.einvoice.queries import list_rule_sets, rules_of
from billwright.identity.act import operator
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.settings import read_settings
from billwright.tenancy.database import Database
from billwright_migrations.run import upgrade_control

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
EXIT_FATAL: Final = 1
EXIT_UNCHECKED: Final = 3
NOT_MIGRATED: Final = frozenset({"42P01", "22023"})
"""SQLSTATE of a missing table, and of a missing role."""
COLOURS: Final = {"fatal": "red", "warning": "yellow", "info": "blue", "unchecked": "magenta"}


@click.group()
def command() -> None:
    """Check e-invoices; keep the rule sets for them."""


@contextmanager
def _migrated() -> Iterator[Database]:
    """A database that has the table of rule sets. Servers of this home are ours to migrate, the operator's are not.

    Raises:
        SettingsInvalidError: it is not migrated to this release.
    """
    try:
        ours = read_settings().database_url is None
        with with_database() as (_, database):
            if ours:
                upgrade_control(database.owner_engine)
            yield database
    except (ProgrammingError, DataError) as error:
        if not _of_before(error):
            raise
        raise SettingsInvalidError(
            "The database is not at this release: run `billwright migrate` first.", field="DATABASE_URL"
        ) from None


def _of_before(error: DBAPIError) -> bool:
    """Whether the database has no table of rule sets, for it is not at this release."""
    return getattr(error.orig, "sqlstate", None) in NOT_MIGRATED


@contextmanager
def _rules(*, carried_only: bool) -> Iterator[Rules]:
    """The operator's rule sets; none where no database was ever set up, for checking needs none by itself."""
    settings = read_settings()
    if carried_only or (settings.database_url is None and not (settings.home / "servers.json").exists()):
        yield Rules()
        return
    with _migrated() as database:
        try:
            found = rules_of(database)
        except (ProgrammingError, DataError) as error:
            if not _of_before(error):
                raise
            found = Rules()  # nobody can have added any yet
        yield found


@command.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file, one per line.")
@click.option("--carried-only", is_flag=True, help="By the rules of this release alone; needs no database.")
def validate(files: tuple[Path, ...], *, as_json: bool, carried_only: bool) -> None:
    """Check FILEs: UBL, CII, or PDFs that carry one. Nothing is stored.

    Exit status 1 if any has a fatal finding, else 3 if any could not be checked, else 0.
    """
    verdicts = set()
    checker, console = Checker(), Console()
    try:
        with _rules(carried_only=carried_only) as rules:
            for file in files:
                report = checker.check(_start_of(file), rules)
                verdicts.add(report.verdict)
                if as_json:
                    click.echo(msgspec.json.encode(_line(file, report)))
                else:
                    _show(console, file, report)
    finally:
        checker.stop()
    raise SystemExit(EXIT_FATAL if "invalid" in verdicts else EXIT_UNCHECKED if "unchecked" in verdicts else 0)


def _start_of(file: Path) -> bytes:
    """The file, or so much of it that the checker sees that it is too large."""
    with file.open("rb") as stream:
        return stream.read(DOCUMENT_BYTES_MAX + 1)


def _line(file: Path, report: Report) -> dict[str, object]:
    return {
        "file": str(file),
        "syntax": report.syntax,
        "specification": report.specification,
        "container": report.container,
        "verdict": report.verdict,
        "findings": report.findings,
        "rule_sets": report.rule_sets,
        "not_checked": report.not_checked,
    }


def _show(console: Console, file: Path, report: Report) -> None:
    what = ", ".join(part for part in (report.syntax, report.specification) if part)
    console.print(f"[bold]{escape(str(file))}[/bold]: {report.verdict}{f' ({escape(what)})' if what else ''}")
    if report.findings:
        table = Table("Rule", "Severity", "Field", "What, and what to do")
        for each in report.findings:
            severity = f"[{COLOURS[each.severity]}]{each.severity}[/]"
            table.add_row(each.rule, severity, escape(each.field), escape(f"{each.text}\n{each.remedy}"))
        console.print(table)
    for sentence in report.not_checked:
        console.print(escape(sentence), style="dim")


@command.group()
def rules() -> None:
    """Rule sets of profiles whose rules this release does not carry: Peppol, XRechnung and others."""


@rules.command()
@click.argument("file", type=FILE)
@click.option(
    "--applies-to",
    required=True,
    multiple=True,
    metavar="SPECIFICATION-ID",
    help="BT-24 of the documents, or a link of it; also of all that builds on it. May be repeated.",
)
@click.option("--name", help="How reports call them; else the file's name without its ending.")
def add(file: Path, applies_to: tuple[str, ...], name: str | None) -> None:
    """Add the compiled rule set FILE: XSLT that reports SVRL. All hosts use it from the next document on."""
    if file.stat().st_size > RULES_BYTES_MAX:
        raise click.UsageError(f"A rule set may have {RULES_BYTES_MAX // 1024**2} MB.")
    checker = Checker()
    try:
        with _migrated() as database:
            for specification in applies_to:
                made = add_rules(
                    database,
                    operator(),
                    file.read_bytes(),
                    name=name or file.stem,
                    applies_to=specification,
                    checker=checker,
                )
                click.echo(f"{show('rls', made)}  {name or file.stem}  for {specification}")
    finally:
        checker.stop()


@rules.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_rules(*, as_json: bool) -> None:
    """Rule sets in force."""
    with _migrated() as database:
        rows = list_rule_sets(database)
    if as_json:
        named = [{**row._asdict(), "id": show("rls", row.id)} for row in rows]
        click.echo(msgspec.json.encode(named))
        return
    for row in rows:  # no table: what is copied from here is long and must stay whole
        about = f"{row.syntax or 'ubl and cii'}, added {row.added_at:%Y-%m-%d}, SHA-256 {row.sha256[:12]}"
        click.echo(f"{show('rls', row.id)}  {row.name}  for {row.applies_to}  ({about})")


@rules.command()
@click.argument("identifier", metavar="ID")
def remove(identifier: str) -> None:
    """Check by the rule set ID no more."""
    with _migrated() as database:
        name = remove_rules(database, operator(), read("rls", identifier))
    click.echo(f"Removed {name}.")
