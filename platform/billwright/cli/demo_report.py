"""The demo's outcome and its log-ins, as tables on the console."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from billwright.cli.demo_input import FIRMS, PARTNERS, read_firm, read_partner
from billwright.cli.demo_outcome import Outcome, in_words, read_outcome
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant
from billwright_tenants.blueprint import User

_ROWS: Final[Sequence[tuple[str, Callable[[Outcome], str]]]] = (
    ("Messages in", lambda one: str(sum(one.messages.values()))),
    ("  older ones that came too late", lambda one: str(one.messages.get("superseded", 0))),
    ("  rows of files refused", lambda one: str(one.rows_refused)),
    ("Items billed", lambda one: str(one.items.get("billed", 0))),
    ("Items waiting", lambda one: in_words(one.waiting) or "-"),
    ("Drafts held", lambda one: in_words(one.held) or "-"),
    ("Drafts waiting for a manager", lambda one: str(one.waiting_manager)),
    ("Drafts waiting for finance", lambda one: str(one.waiting_finance)),
    ("Warnings given", lambda one: in_words(one.warnings) or "-"),
    ("Invoices issued", lambda one: str(one.issued)),
    ("  with a PDF", lambda one: str(one.documents)),
    ("  posted", lambda one: str(one.posted)),
    ("  delivered", lambda one: str(one.delivered)),
    ("Reminders (1st, 2nd, 3rd)", lambda one: ", ".join(str(one.reminders.get(step, 0)) for step in (1, 2, 3))),
    ("Paid, partly paid", lambda one: f"{one.paid}, {one.partly_paid}"),
    ("Payments that wait, disputes", lambda one: f"{one.unapplied}, {one.disputed}"),
)


def show_firms(database: Database, console: Console) -> None:
    """One column per firm; read anew each time."""
    tenants = [load_tenant(database, firm.slug) for firm in FIRMS]
    outcomes = [read_outcome(database, tenant) for tenant in tenants]
    table = Table(title="What happened in twelve weeks", show_lines=False)
    table.add_column("")
    for tenant in tenants:
        table.add_column(tenant.name, overflow="fold")
    for title, cell in _ROWS:
        table.add_row(title, *(cell(outcome) for outcome in outcomes))
    if any(outcome.dead_jobs for outcome in outcomes):
        table.add_row("Jobs given up", *(str(outcome.dead_jobs) for outcome in outcomes), style="red")
    console.print(table)


def show_log_ins(settings: Settings, console: Console) -> None:
    """Addresses and people. The password is the same for all of them, and no secret."""
    url = f"http://{settings.host}:{settings.port}"
    for slug in PARTNERS:
        partner = read_partner(slug)
        console.print(f"\n[bold]{partner.name}[/bold]  {url}/p/{slug}/login", highlight=False)
        _people(console, partner.users)
        for firm in FIRMS:
            if firm.partner == slug:
                console.print(f"  [bold]{read_firm(firm).tenant.name}[/bold]  {url}/t/{firm.slug}/", highlight=False)
                _people(console, read_firm(firm).users)
    password = read_partner(PARTNERS[0]).users[0].password
    console.print(f"\nPassword of everybody here: [bold]{password}[/bold]", highlight=False)


def _people(console: Console, users: Sequence[User]) -> None:
    for user in users:
        roles = ", ".join(user.roles).replace("_", " ")
        console.print(f"    {roles:<27} {user.email}", highlight=False)
