"""``billwright api``: the HTTP server."""

import click
from granian.constants import Interfaces, Loops
from granian.server import Server as Granian

from billwright.cli.processes import settings_with_servers


@click.command()
@click.option("--processes", default=1, show_default=True, help="Server processes.")
def command(processes: int) -> None:
    """Serve API and portal on BILLWRIGHT_HOST and BILLWRIGHT_PORT."""
    settings = settings_with_servers()
    Granian(
        "billwright.web.main:create_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=processes,
        log_enabled=False,
        respawn_failed_workers=True,
    ).serve()
