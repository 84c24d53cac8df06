"""``billwright servers``: the embedded servers alone, for work at the console."""

import shlex
import signal

import click

from billwright.cli.embedded import start_servers
from billwright.kernel.settings import read_settings


@click.command()
def command() -> None:
    """Start PostgreSQL and Redis, print their URLs as shell exports, stay until Ctrl-C."""
    # Blocked before the start, so that a signal in between is not lost but taken below.
    awaited = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    servers = start_servers(read_settings())
    try:
        click.echo(f"export DATABASE_URL={shlex.quote(servers.database_url)}")
        click.echo(f"export REDIS_URL={shlex.quote(servers.redis_url)}")
        signal.sigwait(awaited)
    finally:
        servers.stop()
