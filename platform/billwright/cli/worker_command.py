"""``billwright worker``: does leased jobs until a signal."""

import click

from billwright.cli.processes import settings_with_servers, stop_on_signals
from billwright.jobs.broker import STOP_WITHIN_S, declare_actor, work
from billwright.jobs.brokers.choose import make_broker
from billwright.jobs.handlers import QUEUES
from billwright.kernel.errors import SettingsInvalidError
from billwright.web.composition import all_handlers, database_of
from billwright.web.logging import configure_logging
from billwright.web.tracing import start_tracing


@click.command()
@click.option("--queues", default="", help="Comma-separated queues; default: all.")
@click.option("--threads", default=4, show_default=True)
@click.option(
    "--stop-within-seconds",
    type=click.IntRange(min=1),
    default=STOP_WITHIN_S,
    show_default=True,
    help="How long work under way may take after a signal to stop; what takes longer is begun again by another worker.",
)
def command(queues: str, threads: int, stop_within_seconds: int) -> None:
    """Work off queues: intake, billing, documents, connectors, collections, webhooks, housekeeping."""
    settings = settings_with_servers()
    configure_logging(settings)
    stop = stop_on_signals()
    database = database_of(settings)
    handlers = all_handlers(settings, database, watched=True).traced(start_tracing(settings, "worker"))
    wanted = [name for name in queues.split(",") if name] or list(QUEUES)
    unknown = sorted(set(wanted) - set(QUEUES))
    if unknown:
        raise SettingsInvalidError(
            f"There is no queue {', '.join(unknown)}. Known: {', '.join(QUEUES)}.", field="--queues"
        )
    assert settings.broker is not None
    broker = make_broker(settings.broker, wanted)
    declare_actor(broker, database, handlers, stop)
    try:
        work(broker, wanted, threads, stop, stop_within_s=stop_within_seconds)
    finally:
        database.close()
