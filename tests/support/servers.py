"""One PostgreSQL and one Redis for a whole pytest run, shared by the xdist workers, started when first asked for.

A worker can die at any moment and must take neither the servers with it nor leave them behind. So whoever asks
first starts a *keeper* (this file as a script) that owns the servers and watches the pytest controller: when that
ends, in whatever way, the keeper stops the servers and removes their folder.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from billwright.cli.embedded import Servers, start_servers
from billwright.kernel.errors import DomainError
from billwright.kernel.settings import read_settings

ANSWER = "answer.json"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0
_keepers: list[subprocess.Popen[bytes]] = []


def shared_servers(folder: Path, controller: int) -> Servers:
    """The run's servers; the first caller has them started. ``controller`` is they end with that process."""
    answer = folder / ANSWER
    with (folder / "asking.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            command = [sys.executable, __file__, str(folder), str(controller)]
            _keepers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True))
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answer.exists() and time.monotonic() < deadline and _keepers[-1].poll() is None:
            time.sleep(0.05)
    assert answer.exists(), "the servers for the tests did not start; see the output above"
    said = json.loads(answer.read_text(encoding="utf-8"))
    assert "refusal" not in said, said["refusal"]
    return Servers(said["database_url"], said["redis_url"])


def release(folder: Path) -> None:
    """Called by the controller at the end: have the keeper stop the servers, and wait for that."""
    pid_file = folder / "keeper.pid"
    if pid_file.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text(encoding="utf-8")), signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while folder.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)
    for keeper in _keepers:
        keeper.wait()


def create_database(server_url: str, name: str, *, template: str = "template0") -> str:
    """Make database ``name`` anew, as a copy of ``template``, and return its address."""
    base, _, query = server_url.partition("?")
    drop_database(server_url, name)
    create = SQL("create database {} template {}").format(Identifier(name), Identifier(template))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create)
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def drop_database(server_url: str, name: str) -> None:
    """Drop it, if it is there, with whatever is still connected to it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))


@contextmanager
def fresh_database(server_url: str, name: str, *, template: str = "template0") -> Iterator[str]:
    """A database ``name`` that is empty or a copy, dropped afterwards."""
    yield create_database(server_url, name, template=template)
    drop_database(server_url, name)


def _write_answer(folder: Path, answer: dict[str, str]) -> None:
    fresh = folder / f"{ANSWER}.new"
    fresh.write_text(json.dumps(answer), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(folder / ANSWER)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def keep(folder: Path, controller: int) -> None:
    """Start the servers, say where they are, stop them on SIGTERM or when ``controller`` is gone."""
    awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    settings = read_settings({**os.environ, "BILLWRIGHT_HOME": str(folder)})
    try:
        servers = start_servers(settings, durable=False, say=lambda _: None)
    except DomainError as refusal:
        _write_answer(folder, {"refusal": str(refusal)})
        return
    try:
        (folder / "keeper.pid").write_text(str(os.getpid()), encoding="utf-8")
        _write_answer(folder, {"database_url": servers.database_url, "redis_url": servers.redis_url})
        while _alive(controller) and signal.sigtimedwait(awaited, 0.5) is None:
            pass
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
