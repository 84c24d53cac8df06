"""``billwright dispatcher``: lease rounds until a signal."""

from dataclasses import replace

import click

from billwright.cli.processes import settings_with_servers, stop_on_signals
from billwright.jobs.broker import dispatch
from billwright.jobs.brokers.choose import make_broker
from billwright.jobs.handlers import QUEUES, Handlers
from billwright.web.composition import all_handlers, database_of
from billwright.web.housekeeping import housekeeping
from billwright.web.logging import configure_logging


@click.command()
@click.option(
    "--lease-seconds-max",
    type=click.IntRange(min=1),
    help="No lease is longer: how soon the jobs of a dead worker or of a lost broker go on. Default: each kind's own.",
)
def command(lease_seconds_max: int | None) -> None:
    """Find due jobs in PostgreSQL and wake workers through the broker. Any number may run."""
    settings = settings_with_servers()
    configure_logging(settings)
    stop = stop_on_signals()
    database = database_of(settings)
    handlers = all_handlers(settings, database)
    if lease_seconds_max is not None:
        handlers = _leased_at_most(handlers, lease_seconds_max)
    assert settings.broker is not None
    broker = make_broker(settings.broker, QUEUES)
    try:
        dispatch(database, handlers, broker, stop, each_second=housekeeping(database, settings))
    finally:
        broker.close()
        database.close()


def _leased_at_most(handlers: Handlers, seconds: int) -> Handlers:
    return Handlers.of(*(replace(each, lease_s=min(each.lease_s, seconds)) for each in handlers.by_kind.values()))
