"""The ``billwright`` command. A subcommand's module is imported only when it is used, so that help is quick."""

import importlib
import sys
from typing import Final

import click

from billwright.kernel.errors import DomainError

# To add one: write cli/<name with underscores>_command.py with a click command called `command`,
# then a line here: name, import path, and the sentence that `billwright --help` shows.
COMMANDS: Final = {
    "import": ("billwright.cli.import_command:command", "Import records of the past into sandbox tenants."),
    "up": ("billwright.cli.up_command:command", "Start everything on this machine, until Ctrl-C."),
    "api": ("billwright.cli.api_command:command", "Serve API and portal."),
    "dispatcher": ("billwright.cli.dispatcher_command:command", "Find due jobs and wake workers."),
    "worker": ("billwright.cli.worker_command:command", "Work off queues."),
    "migrate": ("billwright.cli.migrate_command:command", "Bring the database to this release."),
    "partner": ("billwright.cli.partner_command:command", "Create and change partners, make their tokens."),
    "tenant": ("billwright.cli.tenant_command:command", "Create, change, suspend and list tenants."),
    "jobs": ("billwright.cli.jobs_command:command", "List dead jobs of a tenant, and try them again."),
    "messages": ("billwright.cli.messages_command:command", "List held messages of a tenant, and try them again."),
    "einvoice": ("billwright.cli.einvoice_command:command", "Check e-invoices; keep the rule sets for them."),
    "rates": ("billwright.cli.rates_command:command", "Load exchange rates of a tenant."),
    "message-types": ("billwright.cli.message_types_command:command", "List the messages that can be sent."),
    "replay": ("billwright.cli.replay_command:command", "Map stored messages again; show what differs, then apply it."),
    "servers": ("billwright.cli.servers_command:command", "Run the embedded PostgreSQL and Redis until Ctrl-C."),
    "check-invariants": (
        "billwright.cli.check_invariants_command:command",
        "Check what must always hold, and name what breaks it.",
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are import strings until one is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The sentences of the table, not of the commands: those would have to be imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="billwright")
def billwright() -> None:
    """Multi-tenant invoice automation: one command for every process and every task of the operator."""


def main() -> None:
    """Exit status 2 and one sentence on stderr for a refusal; a traceback is a bug of ours."""
    if not __debug__:
        sys.exit("billwright does not run under python -O: its assertions guard money.")
    try:
        billwright(prog_name="billwright")
    except DomainError as refusal:
        print(f"billwright: {refusal}", file=sys.stderr)
        sys.exit(2)
