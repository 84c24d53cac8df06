"""Real processes on a database of their own: started, fed, killed, and looked at through what PostgreSQL holds."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import func, select

from billwright.billing.tables import InvoiceRow
from billwright.identity.act import operator
from billwright.identity.make_token import make_token
from billwright.insight.invariants import check_invariants
from billwright.intake.store_messages import store_messages
from billwright.jobs.drain import drain
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.composition import spine_handlers
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint, PartnerBlueprint
from billwright_tenants.partner import apply_partner
from billwright_tenants.reading import convert

ROOT = Path(__file__).parents[2]
MASTER_KEY = "a-test-key-of-no-worth-0123456789abcdef"
# A bound for things that never take long on a quiet machine; a test that reaches it failed.
PATIENCE_S = 90.0
# How long leases are decides how soon the work of a dead worker goes on, and nothing else.
SHORT_LEASES = ("--lease-seconds-max", "4")


def until(done: Callable[[], bool], what: str | Callable[[], str], within_s: float = PATIENCE_S) -> None:
    """Ask again and again.

    Raises:
        TimeoutError: it did not come to ``what``.
    """
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(what if isinstance(what, str) else what())
        time.sleep(0.05)


@dataclass
class Processes:
    """``billwright`` commands on one database and one broker; their output is kept for the day a test fails."""

    environment: dict[str, str]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def on(cls, database_url: str, broker_url: str, folder: Path) -> "Processes":
        """No Redis where the broker is none."""
        name = "REDIS_URL" if broker_url.startswith("redis") else "BILLWRIGHT_BROKER_URL"
        own = {
            "DATABASE_URL": database_url,
            name: broker_url,
            "BILLWRIGHT_HOME": str(folder),
            "BILLWRIGHT_MASTER_KEY": MASTER_KEY,
        }
        others = {key: value for key, value in os.environ.items() if key != "REDIS_URL"}
        return cls({**others, **own}, folder)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{len(self.running)}-{command[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "billwright", *command],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    def dispatcher(self, *options: str) -> subprocess.Popen[bytes]:
        return self.start("dispatcher", *options)

    def api(self, port: int, *options: str) -> subprocess.Popen[bytes]:
        self.environment["BILLWRIGHT_PORT"] = str(port)
        return self.start("api", *options)

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", "--queues", "intake,billing,collections", "--threads", "2")

    def output(self) -> str:
        """All that the processes said."""
        logs = sorted(self.folder.glob("*.log"), key=lambda log: int(log.name.partition("-")[0]))
        return "\n".join(f"--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')}" for log in logs)

    def tell(self) -> None:
        """For pytest, which shows it when the test failed."""
        sys.stdout.write(self.output())

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
        for process in self.running:
            process.wait()

    @classmethod
    def at_home(cls, home: Path, port: int) -> "Processes":
        """Without servers named: ``up`` brings its own."""
        own = {"BILLWRIGHT_HOME": str(home), "BILLWRIGHT_PORT": str(port)}
        left_out = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "BILLWRIGHT_MASTER_KEY"}
        return cls({name: value for name, value in os.environ.items() if name not in left_out} | own, home)

    def ready(self) -> bool:
        """Whether the API says that everything it needs is there."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.environment['BILLWRIGHT_PORT']}/health/ready", timeout=5
            ) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except OSError:
            return False

    def server_names(self) -> list[str]:
        """What answers over the wire call the HTTP server."""
        url = f"http://127.0.0.1:{self.environment['BILLWRIGHT_PORT']}/health/live"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return list(answer.headers.get_all("server", []))


@dataclass(frozen=True)
class Office:
    """A firm that approves automatically and renders nothing, with milestones that only wait to be accepted."""

    database: Database
    tenant: Tenant
    refs: tuple[str, ...]

    def accept(self) -> None:
        """One message per milestone. Their jobs are rows when this returns."""
        self.send(iter(self.acceptances()))

    def acceptances(self) -> list[msgspec.Raw]:
        """One message per milestone, for whoever wants to send them in another way."""
        decision = {"decision": "accepted", "decided_at": datetime.now(UTC).isoformat()}
        return [
            _event("acceptance", f"A-{ref}", {"contract": f"K-{ref}", "milestones": [ref], **decision})
            for ref in self.refs
        ]

    def token(self) -> str:
        """For callers of the API that send messages."""
        made = make_token(
            self.database, operator(), partner_id=self.tenant.partner_id, tenant=self.tenant, name="caller",
            scopes=frozenset({"message:write"}), days=1,
        )  # fmt: skip
        return made.secret

    def send(self, events: Iterator[msgspec.Raw]) -> None:
        results = store_messages(self.database, self.tenant, SYSTEM, list(events), channel="api")
        assert {result.status for result in results} == {"accepted"}

    def seed(self) -> None:
        """Customer, contracts and milestones, worked off in this process unless others do."""
        address = {"street": "Rue 1", "postal_code": "75001", "city": "Paris", "country": "FR"}
        customer = {"name": "Client SA", "address": address, "tax_id": "FR40303265045"}
        events = [_event("customer", "C", customer)]
        for ref in self.refs:
            events += _agreed(ref, "Design")
        self.send(iter(events))
        drain(self.database, spine_handlers(), tenant_id=self.tenant.id)
        until(lambda: set(self.jobs()) == {"done"}, lambda: f"seeded: {self.jobs()}")

    def agree(self, ref: str, name: str) -> None:
        """One contract more, with one milestone of that name; nobody works it off here."""
        self.send(iter(_agreed(ref, name)))

    def jobs(self) -> dict[str, int]:
        """How many jobs are in each state; those whose time has not come are left out."""
        with control_transaction(self.database, SYSTEM) as tx:
            states = (
                select(JobRow.state, func.count())
                .where(JobRow.tenant_id == self.tenant.id, JobRow.run_at <= tx.now)
                .group_by(JobRow.state)
            )
            return dict(tx.session.execute(states).all())

    def leases(self) -> set[str]:
        """Those that are out."""
        with control_transaction(self.database, SYSTEM) as tx:
            out = select(JobRow.lease_id).where(JobRow.tenant_id == self.tenant.id, JobRow.state == "leased")
            return {str(lease) for lease in tx.session.scalars(out)}

    def leased_until(self) -> set[datetime]:
        with control_transaction(self.database, SYSTEM) as tx:
            out = select(JobRow.leased_until).where(JobRow.tenant_id == self.tenant.id, JobRow.state == "leased")
            return {moment for moment in tx.session.scalars(out) if moment}

    def attempts(self) -> int:
        """The most attempts that any job needed."""
        with control_transaction(self.database, SYSTEM) as tx:
            most = select(func.max(JobRow.attempts)).where(JobRow.tenant_id == self.tenant.id)
            return tx.session.scalar(most) or 0

    def numbers(self) -> list[str]:
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            issued = select(InvoiceRow.number).where(InvoiceRow.number.is_not(None)).order_by(InvoiceRow.number)
            return [str(number) for number in tx.session.scalars(issued)]

    def finished(self) -> bool:
        """All is invoiced and nothing that is due waits."""
        jobs = self.jobs()
        assert "dead" not in jobs, jobs
        return len(self.numbers()) >= len(self.refs) and not {"queued", "retry", "leased"} & set(jobs)

    def assert_all_billed_once(self) -> None:
        """One invoice with a number of its own and one receivable per milestone; no invariant is broken."""
        year = datetime.now(UTC).year
        assert self.numbers() == [f"B-{year}-{number:06d}" for number in range(1, len(self.refs) + 1)]
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            assert tx.session.scalar(select(func.count()).select_from(InvoiceRow)) == len(self.refs)
            assert tx.session.scalar(select(func.count()).select_from(ReceivableRow)) == len(self.refs)
        assert set(self.jobs()) <= {"done"}
        verdicts = check_invariants(self.database, self.tenant)
        assert [(each.invariant.name, each.offenders) for each in verdicts if each.offenders] == []


def make_office(database: Database, milestones: int) -> Office:
    partner = f"partner-{new_id().hex[-12:]}"
    apply_partner(database, PartnerBlueprint(slug=partner, name="Test Partner"), SYSTEM)
    blueprint = {
        "tenant": {"slug": f"office-{new_id().hex[-12:]}", "name": "Office"},
        "legal_entities": [
            {
                "code": "MAIN", "name": "Office", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin",
                "standard_tax_rate": "19", "default": True,
                "series": [{"document_type": "invoice", "pattern": "B-{year}-{number:06d}"}],
            }
        ],
        "approvals": [{"name": "automatic", "steps": []}],
        "render_documents": False,
        "deliver_by_mail": False,
    }  # fmt: skip
    applied = apply_blueprint(database, partner, convert(blueprint, Blueprint), SYSTEM, master_key=MASTER_KEY)
    office = Office(database, applied.tenant, tuple(f"M{number}" for number in range(milestones)))
    office.seed()
    return office


def _agreed(ref: str, name: str) -> list[msgspec.Raw]:
    """A contract with one milestone."""
    terms = {"number": f"K-{ref}", "customer": "C", "signed_on": "2026-01-10", "currency": "EUR", "value": "5000.00"}
    milestone = {"contract": f"K-{ref}", "number": "1", "name": name, "currency": "EUR", "amount": "1000.00"}
    return [_event("contract", f"K-{ref}", terms), _event("milestone", ref, milestone)]


def _event(kind: str, ref: str, data: dict[str, Any]) -> msgspec.Raw:
    body = {
        "specversion": "1.0", "id": f"{kind}-{ref}", "source": "test", "type": f"billwright.{kind}.v1",
        "time": datetime.now(UTC).isoformat(), "data": {"ref": ref, **data},
    }  # fmt: skip
    return msgspec.Raw(json.dumps(body).encode())


@dataclass(frozen=True)
class HoldUp:
    """A lock that nobody gets past; ``backend`` is the server process that holds it."""

    database_url: str
    backend: int

    def stopped(self) -> bool:
        """Whether somebody stands before it."""
        query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))"
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, (self.backend,)).fetchone() == (True,)


@contextmanager
def issuing_held_up(database_url: str, tenant: Tenant) -> Iterator[HoldUp]:
    """As long as this lasts no invoice of ``tenant`` gets a number: whoever issues stands in the middle of it."""
    with psycopg.connect(database_url) as connection:
        connection.execute(SQL("SELECT FROM {} FOR UPDATE").format(Identifier(tenant.schema, "number_series")))
        yield HoldUp(database_url, connection.info.backend_pid)
        connection.rollback()


def cut_connections(database_url: str, spared: Sequence[int]) -> int:
    """End every server process of the application in this database but those ``spared``; how many."""
    query = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(query, (list(spared),)).fetchone()
    assert row is not None
    return int(row[0])


def living(pids: Sequence[int]) -> list[int]:
    """Those of ``pids`` that still run; what is dead but not yet waited for does not."""
    return [pid for pid in pids if _state(pid) not in {"", "Z", "X"}]


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on, whatever session they are in."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _stat(int(entry.name))[1:2]):
            parents.setdefault(int(parent[0]), []).append(int(entry.name))
    found: list[int] = []
    line = [pid]
    while line:
        children = parents.get(line.pop(), [])
        found += children
        line += children
    return found


def _stat(pid: int) -> list[str]:
    """State, parent and so on of a process, as the kernel says; nothing when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return (_stat(pid) or [""])[0]
