"""A database for commands that need nothing else: the one named in the environment, else the embedded one of this home."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from billwright.cli.embedded import start_servers
from billwright.cli.processes import with_master_key
from billwright.kernel.settings import Settings, read_settings
from billwright.tenancy.database import Database, open_database


@contextmanager
def with_database() -> Iterator[tuple[Settings, Database]]:
    """Settings and an open database. Servers that are running already are used and left running."""
    settings = with_master_key(read_settings())
    servers = None
    if settings.database_url is None:
        servers = start_servers(settings, say=lambda line: click.echo(line, err=True))
        settings = replace(settings, database_url=servers.database_url, redis_url=servers.redis_url)
    try:
        assert settings.database_url is not None
        database = open_database(
            settings.database_url, owner_url=settings.database_owner_url, pool_size=settings.pool_size
        )
        try:
            yield settings, database
        finally:
            database.close()
    finally:
        if servers is not None:
            servers.stop()
