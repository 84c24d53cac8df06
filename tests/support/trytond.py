"""A real Tryton server for tests and demonstrations: own process, own database in one folder, nothing shared.

``start_trytond(folder)`` needs no pytest. The database is SQLite: one file, made once (about 13 s of one core) and copied
for each further server, which then answers within about two seconds.
"""

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

DATABASE: Final = "erp"
COMPANY: Final = "Demo Consulting GmbH"
USER: Final = "billwright"
PASSWORD: Final = "a-pass-phrase-for-tests"
START_TIMEOUT_S: Final = 90.0

# The server ends when its standard input closes, so it never outlives the process that started it, however that ended.
_RUN: Final = """
import os, sys, threading
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
    database: str = DATABASE
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


def make_template(folder: Path) -> Path:
    """Make the database with company, chart, taxes, fiscal years and user in ``folder``; return its file."""
    config = _write_config(folder, port=0)
    file = folder / f"{DATABASE}.sqlite"
    file.unlink(missing_ok=True)
    file.touch()
    seed = Path(__file__).with_name("trytond_seed.py")
    arguments = [sys.executable, "-P", str(seed), str(config), DATABASE, COMPANY, USER, PASSWORD]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Tryton's database could not be made:\n{done.stdout}\n{done.stderr}")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return file


def start_trytond(folder: Path, *, template: Path | None = None) -> TrytonServer:
    """Start a server whose state lives in ``folder`` (made if missing); returns when it answers.

    A folder that holds a database from an earlier start is used as it is. ``template`` is a file of ``make_template``.

    Raises:
        RuntimeError: the database could not be made or the server did not come up; the text holds its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{DATABASE}.sqlite"
    if not file.exists():
        if template is None:
            make_template(folder)
        else:
            shutil.copyfile(template, file)
    port = _free_port()
    config = _write_config(folder, port=port)
    with (folder / "trytond.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _RUN, "-c", str(config), "-d", DATABASE],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    server = TrytonServer(folder=folder, port=port, process=process)
    _wait_until_it_answers(server)
    return server


def _write_config(folder: Path, *, port: int) -> Path:
    file = folder / "trytond.conf"
    # worker = True leaves the printing of posted invoices to a queue worker, which does not run here.
    file.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n\n[queue]\nworker = True\n\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
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
    server.stop()
    raise RuntimeError(f"Tryton did not start:\n{(server.folder / 'trytond.log').read_text()[-4000:]}")
