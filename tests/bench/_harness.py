"""What the benches share: servers, a tenant ready to bill, processes, and the one JSON line."""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from billwright.cli.embedded import start_servers
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.kernel.settings import Settings, read_settings
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from billwright.web.composition import database_of
from billwright_migrations.run import upgrade_control
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint, PartnerBlueprint
from billwright_tenants.partner import apply_partner
from billwright_tenants.reading import convert

sys.path.insert(0, str(Path(__file__).parents[1]))

ROOT = Path(__file__).parents[2]
MASTER_KEY = "bench-master-key-of-no-worth-0123456789"


def parse(doc: str | None, n: int | None, *, pairs: int = 5) -> argparse.Namespace:
    """The command line of a bench: ``n``, ``more`` (what else its page names), ``pairs``, ``synthetic``."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("n", nargs="?", type=int, default=n, metavar="N")
    parser.add_argument("more", nargs="*")
    parser.add_argument("--pairs", type=int, default=pairs, help="runs of ours and of the baseline, in turn")
    parser.add_argument("--synthetic", action="store_true", help="our own input, even where the real record lies")
    return parser.parse_args()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def servers() -> Iterator[tuple[Settings, Database]]:
    """Durable embedded servers in a folder of their own, migrated; DATABASE_URL and REDIS_URL win."""
    with tempfile.TemporaryDirectory(prefix="billwright-bench-") as folder:
        settings = replace(read_settings(), home=Path(folder), master_key=MASTER_KEY)
        running = start_servers(settings, say=lambda _line: None)
        try:
            settings = replace(settings, database_url=running.database_url, redis_url=running.redis_url)
            database = database_of(settings)
            upgrade_control(database.owner_engine)
            yield settings, database
            database.close()
        finally:
            running.stop()


def make_partner(database: Database) -> str:
    slug = f"bench-{new_id().hex[-10:]}"
    apply_partner(database, PartnerBlueprint(slug=slug, name="Bench"), SYSTEM)
    return slug


def make_tenant(database: Database, partner: str, **more: Any) -> Tenant:
    """A firm that approves automatically and renders nothing: from fact to receivable, no PDF."""
    slug = f"b-{new_id().hex[-12:]}"
    blueprint = {
        "tenant": {"slug": slug, "name": "Bench Firm"},
        "legal_entities": [
            {
                "code": "MAIN", "name": "Bench Firm", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin",
                "standard_tax_rate": "19", "default": True,
                "series": [{"document_type": "invoice", "pattern": "B-{year}-{number:06d}"}],
            }
        ],
        "approvals": [{"name": "automatic", "steps": []}],
        "render_documents": False,
        "deliver_by_mail": False,
        **more,
    }  # fmt: skip
    applied = apply_blueprint(database, partner, convert(blueprint, Blueprint), SYSTEM, master_key=MASTER_KEY)
    return applied.tenant


@contextmanager
def processes(settings: Settings, *commands: Sequence[str]) -> Iterator[None]:
    """``billwright`` commands as processes of their own, stopped at the end."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    env = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BILLWRIGHT_HOME": str(settings.home),
        "BILLWRIGHT_MASTER_KEY": MASTER_KEY,
        "BILLWRIGHT_PORT": str(settings.port),
        "BILLWRIGHT_LOG_LEVEL": "ERROR",
    }
    running = [
        subprocess.Popen([sys.executable, "-m", "billwright", *command], env=env, stdout=subprocess.DEVNULL, cwd=ROOT)
        for command in commands
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=40)


def wait_for(condition: Callable[[], object], *, what: str, within_s: float = 300, pause_s: float = 0.01) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not happen within {within_s} s")
        time.sleep(pause_s)


def tell(bench: str, **figures: Any) -> None:
    """Print the bench's line."""
    names = ("litestar", "sqlalchemy", "psycopg", "dramatiq")
    line = {
        "bench": bench,
        **figures,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in names}},
    }
    print(json.dumps(line), flush=True)  # noqa: T201 - the bench's one line


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
