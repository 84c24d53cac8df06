"""The real parts of a campaign: servers that can be killed, processes that are started again, tenants, an SMTP server."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
from sqlalchemy import select

from billwright.cli.embedded_database import connects, ensure_database, start_database
from billwright.cli.embedded_process import Running, free_port
from billwright.cli.embedded_redis import start_redis, url_of
from billwright.identity.act import operator
from billwright.identity.make_token import make_token
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint, PartnerBlueprint
from billwright_tenants.partner import apply_partner
from billwright_tenants.reading import convert
from faults.accounting import Accounting
from faults.plan import Size

MASTER_KEY = "a-master-key-of-the-drill-0123456789abcdef"
PASSWORD = "of-servers-that-live-as-long-as-the-drill"
CONNECTOR = Path(__file__).parent / "connector"
ROOT = Path(__file__).parents[2]
CLOCK_STEP_S = 90
DISK = "16m"
PARTNER = "drill"


@dataclass
class Backing:
    """PostgreSQL and Redis of the drill alone, on ports that stay."""

    home: Path
    database_port: int = 0
    redis_port: int = 0
    postgres: Running | None = None
    valkey: Running | None = None

    def start_postgres(self) -> None:
        port, self.postgres = start_database(
            self.home, port=self.database_port or None, password=PASSWORD, durable=True, say=_quiet
        )
        assert self.database_port in {0, port}, "the port of the database was taken meanwhile"
        self.database_port = port

    def start_redis(self) -> None:
        port, self.valkey = start_redis(self.home, port=self.redis_port or None, password=PASSWORD, durable=True)
        assert self.redis_port in {0, port}, "the port of Redis was taken meanwhile"
        self.redis_port = port

    def start(self) -> None:
        self.start_postgres()
        ensure_database(self.database_port, PASSWORD)
        self.start_redis()

    @property
    def database_url(self) -> str:
        return ensure_database(self.database_port, PASSWORD)

    @property
    def redis_url(self) -> str:
        return url_of(self.redis_port, PASSWORD)

    def crash_postgres(self) -> None:
        """Immediate shutdown: no checkpoint, everybody is thrown out; then recovery."""
        assert self.postgres is not None
        url = f"postgresql://billwright:{PASSWORD}@127.0.0.1:{self.database_port}/billwright"
        self.postgres.process.send_signal(signal.SIGQUIT)
        self.postgres.process.wait(60)
        self.start_postgres()
        deadline = time.monotonic() + 60
        while not connects(url):
            assert time.monotonic() < deadline, "PostgreSQL did not come back"
            time.sleep(0.1)

    def kill_redis(self) -> None:
        assert self.valkey is not None
        self.valkey.process.kill()
        self.valkey.process.wait(30)

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def stop(self) -> None:
        for running in (self.postgres, self.valkey):
            if running is not None and running.process.poll() is None:
                running.ask_to_stop()
                running.wait_stopped()


def _quiet(_line: str) -> None:
    return


@dataclass
class Crew:
    """The platform's own processes, each started again when it is killed; each may live by a clock of its own."""

    environment: dict[str, str]
    logs: Path
    dice: random.Random
    roles: dict[str, tuple[str, ...]]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)

    def start_all(self) -> None:
        for name in self.roles:
            self.start(name)

    def start(self, name: str) -> None:
        self.starts[name] += 1
        own = {"BILLWRIGHT_CLOCK_OFFSET_S": str(self.offsets.get(name, 0))}
        with (self.logs / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "billwright", *self.roles[name]],
                env={**self.environment, **own},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, role: str) -> str:
        """kill -9 of one process of the role, and everything it started; then another takes its place."""
        name = self.dice.choice([each for each in self.roles if each.startswith(role)])
        self._end(self.running[name])
        self.start(name)
        return name

    def step_clock(self) -> str:
        """One process goes on by a clock that is wrong by up to a minute and a half."""
        name = self.dice.choice(list(self.roles))
        self.offsets[name] = self.dice.randrange(-CLOCK_STEP_S, CLOCK_STEP_S)
        self._end(self.running[name])
        self.start(name)
        return f"{name} by {self.offsets[name]} s"

    def mend_clocks(self) -> None:
        for name in [name for name, offset in self.offsets.items() if offset]:
            self.offsets[name] = 0
            self._end(self.running[name])
            self.start(name)

    def watch(self) -> None:
        """Start again what ended by itself; that it did is told by the number of its starts."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.start(name)

    def stop(self) -> None:
        for process in self.running.values():
            self._end(process)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class World:
    """Everything together. ``tokens`` by tenant, for sending facts over the API."""

    backing: Backing
    crew: Crew
    database: Database
    tenants: list[Tenant]
    tokens: list[str]
    api: str
    disk: Path
    disk_is_small: bool

    def fill_disk(self) -> bool:
        """Whether the disk for documents is full now."""
        if not self.disk_is_small:
            return False
        with suppress(OSError), (self.disk / "filler").open("wb") as filler:
            while True:
                filler.write(b"\0" * 65_536)
                filler.flush()
        return True

    def free_disk(self) -> None:
        (self.disk / "filler").unlink(missing_ok=True)


def _blueprint(number: int, size: Size, accounting: Accounting) -> Blueprint:
    papered = number < size.papered
    raw: dict[str, Any] = {
        "tenant": {"slug": f"drill-{number}", "name": f"Drill {number}"},
        "legal_entities": [
            {
                "code": "MAIN", "name": f"Drill {number} GmbH", "country": "DE", "currency": "EUR",
                "time_zone": "Europe/Berlin", "standard_tax_rate": "19", "default": True, "tax_id": "DE123456789",
                "email": "bills@drill.example",
                "address": {"street": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
                "series": [{"document_type": "invoice", "pattern": "D-{year}-{number:06d}"}],
            }
        ],
        "connections": [
            {"name": "books", "connector": "drill_erp", "settings": {"url": accounting.url}, "erp": True}
        ],
        "brand": {"name": f"Drill {number}", "slug": f"drill-{number}", "support_email": "bills@drill.example"},
        "users": [
            {"email": f"feeder{number}@drill.example", "name": "Feeder", "roles": ["integration_administrator"],
             "password": "a password of the drill"}
        ],
        "approvals": [{"name": "automatic", "steps": []}],
        "render_documents": papered,
        "deliver_by_mail": papered,
    }  # fmt: skip
    return convert(raw, Blueprint)


@contextmanager
def world(size: Size, seed: int, home: Path, accounting: Accounting, smtp_url: str) -> Iterator[World]:
    """Servers, tenants and processes, ended in whatever way the block ends."""
    backing = Backing(home)
    small = False
    files = home / "files"
    files.mkdir(parents=True, exist_ok=True)
    try:
        small = _mount(files)
        backing.start()
        database = open_database(backing.database_url).with_subscriptions(subscriptions())
        upgrade_control(database.owner_engine)
        tenants, tokens = _tenants(database, size, accounting)
        port = free_port(None)
        crew = _crew(backing, home, port, seed, smtp_url)
        try:
            crew.start_all()
            api = f"http://127.0.0.1:{port}"
            _until_up(api)
            yield World(backing, crew, database, tenants, tokens, api, files, small)
        finally:
            crew.stop()
            database.close()
    finally:
        backing.stop()
        if small:
            subprocess.run(["umount", "-l", str(files)], check=False)


def _mount(files: Path) -> bool:
    """A disk of its own for documents, small enough to be filled; needs the right to mount."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(files)]
    done = subprocess.run(command, check=False, capture_output=True)
    return done.returncode == 0


def _crew(backing: Backing, home: Path, port: int, seed: int, smtp_url: str) -> Crew:
    logs = home / "crew"
    logs.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "DATABASE_URL": backing.database_url,
        "REDIS_URL": backing.redis_url,
        "BILLWRIGHT_HOME": str(home),
        "BILLWRIGHT_PORT": str(port),
        "BILLWRIGHT_MASTER_KEY": MASTER_KEY,
        "BILLWRIGHT_PRIVATE_HOSTS": "allow",
        "SMTP_URL": smtp_url,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(CONNECTOR), os.environ.get("PYTHONPATH", "")))),
    }
    short = ("--lease-seconds-max", "8")
    roles: dict[str, tuple[str, ...]] = {
        "api": ("api",),
        "dispatcher-1": ("dispatcher", *short),
        "dispatcher-2": ("dispatcher", *short),
        "worker-spine": ("worker", "--queues", "intake,billing,collections,housekeeping,webhooks", "--threads", "3"),
        "worker-outside": ("worker", "--queues", "connectors,documents", "--threads", "6"),
        "worker-all": ("worker", "--threads", "4"),
    }
    return Crew(environment, logs, random.Random(f"crew {seed}"), roles)


def _tenants(database: Database, size: Size, accounting: Accounting) -> tuple[list[Tenant], list[str]]:
    apply_partner(database, PartnerBlueprint(slug=PARTNER, name="Drill"), SYSTEM)
    with control_transaction(database, operator()) as tx:
        partner_id = tx.session.scalars(select(PartnerRow.id).where(PartnerRow.slug == PARTNER)).one()
    tenants, tokens = [], []
    for number in range(size.tenants):
        applied = apply_blueprint(
            database, PARTNER, _blueprint(number, size, accounting), SYSTEM, master_key=MASTER_KEY
        )
        token = make_token(
            database, operator(), partner_id=partner_id, tenant=applied.tenant, name="feeder",
            scopes=frozenset({"message:write"}), days=1,
        )  # fmt: skip
        tenants.append(applied.tenant)
        tokens.append(token.secret)
    return tenants, tokens


def _until_up(api: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(f"{api}/health/ready", timeout=5).status_code == httpx.codes.OK:
                return
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.2)
