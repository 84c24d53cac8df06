"""``billwright up``: everything on one machine, with its own PostgreSQL and Redis unless others are named."""

import json
import signal
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace

import click

from billwright.cli.embedded import start_servers
from billwright.cli.processes import with_master_key
from billwright.cli.supervisor import Supervisor
from billwright.jobs.handlers import QUEUES
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.settings import Settings, read_settings
from billwright.tenancy.database import open_database
from billwright_migrations.run import upgrade_all

READY_WITHIN_S = 60
# Documents have a worker of their own, with two processes that make them; everything else shares one.
WORKERS = (
    ("worker", ",".join(queue for queue in QUEUES if queue != "documents"), 4),
    ("documents", "documents", 2),
)


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@click.option("--demo", is_flag=True, help="Onboard the demo partners and run the demo input through the pipeline.")
def command(demo: bool) -> None:
    """Start servers, migrate, run API, portal, dispatcher and workers until Ctrl-C."""
    # Asked to stop at any moment, also while it starts: what runs by then is stopped in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = _run(demo=demo)
    except KeyboardInterrupt:
        status = 0
    sys.exit(status)


def _run(*, demo: bool) -> int:
    """Until a signal; exit status."""
    settings = with_master_key(read_settings())
    _refuse_taken_port(settings)
    servers = start_servers(settings, say=_say)
    try:
        settings = replace(settings, database_url=servers.database_url, redis_url=servers.redis_url)
        _migrate(settings)
        supervisor = Supervisor(say=_say)
        try:
            _start_processes(supervisor, settings)
            _wait_until_ready(supervisor, settings)
            if demo:
                _run_demo(settings)
            _tell(settings)
            return supervisor.run()
        finally:
            supervisor.stop()
    finally:
        servers.stop()


def _refuse_taken_port(settings: Settings) -> None:
    """Said before anything is started: a second `up` on one port would only confuse.

    Raises:
        SettingsInvalidError: something answers there already.
    """
    try:
        with urllib.request.urlopen(f"http://{settings.host}:{settings.port}/health/live", timeout=1):
            pass
    except (urllib.error.URLError, OSError):
        return
    raise SettingsInvalidError(
        f"Something already answers on port {settings.port}. Stop it, or choose another port with BILLWRIGHT_PORT.",
        field="BILLWRIGHT_PORT",
    )


def _migrate(settings: Settings) -> None:
    assert settings.database_url is not None
    database = open_database(settings.database_url, owner_url=settings.database_owner_url)
    try:
        failed = upgrade_all(database.owner_engine, say=_say)
    finally:
        database.close()
    if failed:
        raise SettingsInvalidError(
            f"{failed} tenants could not be migrated; mend what is said above, then start again."
        )


def _environment(settings: Settings) -> dict[str, str]:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    assert settings.master_key is not None
    return {
        "BILLWRIGHT_HOME": str(settings.home),
        "BILLWRIGHT_PORT": str(settings.port),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BILLWRIGHT_MASTER_KEY": settings.master_key,
    }


def _start_processes(supervisor: Supervisor, settings: Settings) -> None:
    env = _environment(settings)
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)

    def start(name: str, *arguments: str) -> None:
        argv = [sys.executable, "-m", "billwright", *arguments]
        supervisor.start(name, argv, env=env, log=logs / f"{name}.log")

    start("api", "api")
    start("dispatcher", "dispatcher")
    for name, queues, threads in WORKERS:
        start(name, "worker", "--queues", queues, "--threads", str(threads))


def _wait_until_ready(supervisor: Supervisor, settings: Settings) -> None:
    """Until the API says so.

    Raises:
        SettingsInvalidError: it does not within a minute; the sentence names the log.
    """
    url = f"http://{settings.host}:{settings.port}/health/ready"
    deadline = time.monotonic() + READY_WITHIN_S
    last = "no answer"
    while time.monotonic() < deadline:
        supervisor.poll()
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if json.load(answer)["status"] == "ok":
                    return
        except urllib.error.HTTPError as error:
            last = error.read().decode(errors="replace")[:300]
        except (urllib.error.URLError, OSError) as error:
            last = str(error)
        time.sleep(0.1)
    raise SettingsInvalidError(f"The API did not become ready ({last}). Its log: {settings.home / 'logs' / 'api.log'}")


def _run_demo(settings: Settings) -> None:
    from billwright.cli.demo import run_demo  # noqa: PLC0415  # the demo's parts are loaded only when asked for

    # Ctrl-C while the demo runs ends the demo and everything else, as at any other time.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_demo(settings)


def _tell(settings: Settings) -> None:
    click.echo(f"\nPortal   http://{settings.host}:{settings.port}/")
    click.echo(f"API      http://{settings.host}:{settings.port}/schema")
    click.echo(f"Logs     {settings.home / 'logs'}")
    click.echo("Stop     Ctrl-C")
