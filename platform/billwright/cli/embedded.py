"""PostgreSQL and Redis for ``billwright up`` and the tests: the operator's, or our own below ``home``.

Own servers are children tied to this process: they end with it, also after kill -9 (see tied_exec).
All that is kept lies in ``home``; port and passwords in ``home/servers.json`` (0600).
"""

import fcntl
import json
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from billwright.cli.embedded_database import check_database_url, ensure_database, start_database
from billwright.cli.embedded_process import Running, open_home, private_file, service_account
from billwright.cli.embedded_redis import check_redis_url, start_redis
from billwright.cli.embedded_redis import url_of as redis_url_of
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.settings import Settings


class _Kept(TypedDict):
    """What must stay the same from one start to the next."""

    database_port: int | None
    database_password: str
    redis_port: int | None
    redis_password: str


@dataclass(frozen=True)
class Servers:
    """Where the servers are. The URLs hold passwords, so they are not part of ``repr``."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    running: tuple[Running, ...] = ()

    def stop(self) -> None:
        """End the servers that this process started (not the operator's, nor another process's); safe to repeat."""
        _stop(self.running)


def _stop(running: Sequence[Running]) -> None:
    for server in running:
        server.ask_to_stop()
    for server in running:
        server.wait_stopped()


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _one_starter(home: Path) -> Iterator[None]:
    """Two commands at once on one home: the second waits, then finds the first one's servers."""
    with (home / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_kept(path: Path) -> _Kept:
    if path.exists():
        kept: _Kept = json.loads(path.read_text(encoding="utf-8"))
        return kept
    return _Kept(
        database_port=None,
        database_password=secrets.token_urlsafe(24),
        redis_port=None,
        redis_password=secrets.token_urlsafe(24),
    )


def start_servers(settings: Settings, *, durable: bool = True, say: Callable[[str], None] = _to_stderr) -> Servers:
    """Both servers, ready for connections; the database ``billwright`` exists.

    ``DATABASE_URL`` and ``REDIS_URL`` win and are only checked. ``durable=False`` gives up durability for
    speed: tests only. Call from a thread that lives as long as the servers shall: the kernel ends them when
    it ends. Servers of the same home that another process started are used, and end with that process.

    Raises:
        SettingsInvalidError: a URL leads nowhere, no binaries, or a server does not start; the sentence says
            what to do, and nothing is left running.
    """
    database_url = check_database_url(settings.database_url) if settings.database_url else None
    redis_url = check_redis_url(settings.redis_url) if settings.redis_url else None
    if database_url and redis_url:
        return Servers(database_url, redis_url)
    home = settings.home
    open_home(home, service_account(home / "postgres"))
    with _one_starter(home):
        started: list[Running] = []
        try:
            urls = _start(home, database_url, redis_url, started, durable=durable, say=say)
        except OSError as error:
            _stop(started)
            raise SettingsInvalidError(
                f"The embedded servers cannot work in {home}: {error}. Choose another BILLWRIGHT_HOME, start as an "
                "ordinary user, or set DATABASE_URL and REDIS_URL.",
                field="BILLWRIGHT_HOME",
            ) from error
        except BaseException:
            _stop(started)
            raise
    say("Servers are ready." if started else "Servers are running already; using them.")
    return Servers(*urls, running=tuple(started))


def _start(
    home: Path,
    database_url: str | None,
    redis_url: str | None,
    started: list[Running],
    *,
    durable: bool,
    say: Callable[[str], None],
) -> tuple[str, str]:
    """Start what has no URL yet, add it to ``started``; both URLs."""
    kept_file = home / "servers.json"
    kept = _read_kept(kept_file)
    # Before the first initdb: data whose password was never written down would be lost.
    private_file(kept_file, json.dumps(kept))
    if not database_url:
        password = kept["database_password"]
        port, running = start_database(home, port=kept["database_port"], password=password, durable=durable, say=say)
        started += [running] if running else []
        kept["database_port"] = port
        private_file(kept_file, json.dumps(kept))
        database_url = ensure_database(port, password)
    if not redis_url:
        password = kept["redis_password"]
        port, running = start_redis(home, port=kept["redis_port"], password=password, durable=durable)
        started += [running] if running else []
        kept["redis_port"] = port
        private_file(kept_file, json.dumps(kept))
        redis_url = redis_url_of(port, password)
    return database_url, redis_url
