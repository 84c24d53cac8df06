"""A real Tryton server for tests and demonstrations: own process, own PostgreSQL database, nothing shared.

``make_template`` fills a database once (about 25 s of one core); each further server gets a copy, which PostgreSQL makes in
a fraction of a second, and then answers within about two seconds. Needs no pytest.
"""

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

COMPANY: Final = "Demo Consulting GmbH"
USER: Final = "billwright"
PASSWORD: Final = "a-pass-phrase-for-tests"
START_TIMEOUT_S: Final = 90.0
LOG_CHARS_MAX: Final = 4_000

# The server ends when its standard input closes, so it never outlives the process that started it, however that ended.
# A database that is not there is asked for as long as the pool waits for a connection: 30 s if nobody says less.
_RUN: Final = """
import os, sys, threading
import psycopg_pool
psycopg_pool.ConnectionPool.__init__.__kwdefaults__["timeout"] = 3.0
def wait():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=wait, daemon=True).start()
sys.argv[0] = "trytond"
from trytond.cli import main
main()
"""


@dataclass(slots=True)
class TrytonServer:
    """A running server. Taxes are named ``VAT 19 %``, ``VAT 20 %`` and ``VAT 0 %``; services are revenue on account ``4.1.2``."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    database: str
    company: str = COMPANY
    user: str = USER
    password: str = PASSWORD

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the server; safe to call twice."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def make_template(folder: Path, database_url: str) -> None:
    """Fill an empty database with company, chart, taxes, fiscal years and user; the configuration lies in ``folder``.

    Raises:
        RuntimeError: it could not be filled; the text holds what Tryton said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = _write_config(folder, database_url, port=0)
    seed = Path(__file__).with_name("trytond_seed.py")
    arguments = [sys.executable, "-P", str(seed), str(config), _name(database_url), COMPANY, USER, PASSWORD]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}"[-LOG_CHARS_MAX:]
        raise RuntimeError(f"Tryton's database could not be made (status {done.returncode}):\n{said}")


def start_trytond(folder: Path, database_url: str) -> TrytonServer:
    """Start a server on a database of ``make_template`` or a copy of one; returns when it answers.

    Raises:
        RuntimeError: the server did not come up; the text says how it ended and holds its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    config = _write_config(folder, database_url, port=port)
    name = _name(database_url)
    with (folder / "trytond.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _RUN, "-c", str(config), "-d", name],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    server = TrytonServer(folder=folder, port=port, process=process, database=name)
    _wait_until_it_answers(server)
    return server


def _name(database_url: str) -> str:
    return urlsplit(database_url).path.lstrip("/")


def _write_config(folder: Path, database_url: str, *, port: int) -> Path:
    file = folder / "trytond.conf"
    uri = urlsplit(database_url)._replace(scheme="postgresql", path="/").geturl()
    # worker = True leaves the printing of posted invoices to a queue worker, which does not run here.
    file.write_text(f"[database]\nuri = {uri}\n\n[queue]\nworker = True\n\n[web]\nlisten = 127.0.0.1:{port}\n")
    return file


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_it_answers(server: TrytonServer) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    body = {"id": 0, "method": "common.server.version", "params": []}
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                if client.post(f"{server.base_url}/rpc/", json=body).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    status = server.process.poll()
    how = f"it ended with status {status}" if status is not None else f"no answer within {START_TIMEOUT_S:.0f} s"
    server.stop()
    log = (server.folder / "trytond.log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"Tryton did not start: {how}. Its log:\n{log[-LOG_CHARS_MAX:]}")
