"""``billwright dispatcher``: lease rounds until a signal."""

import click

from billwright.cli.processes import settings_with_servers, stop_on_signals
from billwright.intake.jobs import enqueue_scans
from billwright.jobs.broker import dispatch, make_broker
from billwright.jobs.handlers import QUEUES
from billwright.web.composition import all_handlers
from billwright.web.logging import configure_logging
from billwright.web.main import database_of


@click.command()
def command() -> None:
    """Find due jobs in PostgreSQL and wake workers through Redis. Any number may run."""
    settings = settings_with_servers()
    configure_logging(settings)
    stop = stop_on_signals()
    database = database_of(settings)
    handlers = all_handlers(settings, database)
    assert settings.redis_url is not None
    broker = make_broker(settings.redis_url, QUEUES)
    try:
        dispatch(database, handlers, broker, stop, each_second=lambda: enqueue_scans(database, settings.drop))
    finally:
        broker.close()
        database.close()
