"""The demo's outcome and its log-ins, as tables on the console."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from billwright.cli.demo_input import FIRMS, PARTNERS, read_firm, read_partner
from billwright.cli.demo_outcome import Outcome, in_words, read_held, read_outcome
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant

_ROWS: Final[Sequence[tuple[str, Callable[[Outcome], str]]]] = (
    ("Messages in", lambda one: str(sum(one.messages.values()))),
    ("  older than the known", lambda one: str(one.messages.get("superseded", 0))),
    ("  rows refused in files", lambda one: str(one.rows_refused)),
    ("Items billed", lambda one: str(one.items.get("billed", 0))),
    ("Items waiting", lambda one: str(one.items.get("waiting", 0))),
    ("Drafts held", lambda one: str(sum(one.held.values()))),
    ("Drafts for a manager", lambda one: str(one.waiting_manager)),
    ("Drafts for finance", lambda one: str(one.waiting_finance)),
    ("Invoices issued", lambda one: str(one.issued)),
    ("  PDF/posted/delivered", lambda one: f"{one.documents}/{one.posted}/{one.delivered}"),
    ("  paid/partly/disputed", lambda one: f"{one.paid}/{one.partly_paid}/{one.disputed}"),
    ("Payments that wait", lambda one: str(one.unapplied)),
    ("Reminders 1st/2nd/3rd", lambda one: "/".join(str(one.reminders.get(step, 0)) for step in (1, 2, 3))),
)


def show_firms(database: Database, console: Console) -> None:
    """One column per firm, then why what is held is held; read anew each time."""
    tenants = [load_tenant(database, firm.slug) for firm in FIRMS]
    outcomes = [read_outcome(database, tenant) for tenant in tenants]
    table = Table(title="What happened in twelve weeks", box=SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for tenant in tenants:
        table.add_column(tenant.slug, justify="right")
    for title, cell in _ROWS:
        table.add_row(title, *(cell(outcome) for outcome in outcomes))
    if any(outcome.dead_jobs for outcome in outcomes):
        table.add_row("Jobs given up", *(str(outcome.dead_jobs) for outcome in outcomes), style="red")
    console.print(table)
    console.print("[bold]Held and why[/bold]")
    for tenant, outcome in zip(tenants, outcomes, strict=True):
        told = [f"Draft of {sentence}" for sentence in read_held(database, tenant)]
        told += [f"Items waiting: {in_words(outcome.waiting)}."] if outcome.waiting else []
        told += [f"Warned of, not held: {in_words(outcome.warnings)}."] if outcome.warnings else []
        _list(console, tenant.name, told)


def show_log_ins(settings: Settings, console: Console) -> None:
    """Addresses and people. The password is the same for all of them, and no secret."""
    url = f"http://{settings.host}:{settings.port}"
    for slug in PARTNERS:
        partner = read_partner(slug)
        staff = [f"{', '.join(user.roles):<26} {user.email}" for user in partner.users]
        _list(console, f"\n{partner.name}  {url}/p/{slug}/login", staff)
        for firm in FIRMS:
            if firm.partner == slug:
                blueprint = read_firm(firm)
                people = [f"{', '.join(user.roles).replace('_', ' '):<26} {user.email}" for user in blueprint.users]
                _list(console, f"{blueprint.tenant.name}  {url}/t/{firm.slug}/", people)
    password = read_partner(PARTNERS[0]).users[0].password
    console.print(f"Password of everybody here: [bold]{password}[/bold]", highlight=False)


def _list(console: Console, title: str, lines: Sequence[str]) -> None:
    console.print(f"[bold]{title}[/bold]", highlight=False)
    for line in lines:
        console.print(Padding(line, (0, 0, 0, 4)), highlight=False)
