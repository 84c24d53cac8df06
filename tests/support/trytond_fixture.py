"""Fixtures around ``support.trytond``: the database is filled once, kept for later runs, and copied for each process."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from billwright.cli.embedded import Servers
from support import trytond_cache
from support.servers import create_database, drop_database, fresh_database
from support.trytond import TrytonServer, make_template, start_trytond

TEMPLATE = "bw_test_tryton"


@contextmanager
def template_database(server_url: str, folder: Path) -> Iterator[str]:
    """The name of the filled database. Whoever of a run comes first fills it, whoever leaves last drops it.

    Args:
        folder: one for all processes of the run.
    """
    folder.mkdir(exist_ok=True)
    users = folder / "users"
    with _locked(folder):
        here = int(users.read_text(encoding="ascii")) if users.exists() else 0
        if not here:
            _fill(server_url, folder)
        users.write_text(str(here + 1), encoding="ascii")
    yield TEMPLATE
    with _locked(folder):
        left = int(users.read_text(encoding="ascii")) - 1
        users.write_text(str(left), encoding="ascii")
        if not left:
            drop_database(server_url, TEMPLATE)


def _fill(server_url: str, folder: Path) -> None:
    dump = trytond_cache.cached(server_url)
    if not trytond_cache.restore(dump, create_database(server_url, TEMPLATE)):
        url = create_database(server_url, TEMPLATE)
        make_template(folder, url)
        trytond_cache.save(url, dump)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def trytond_template(
    servers: Servers, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Name of a database to copy, on the run's PostgreSQL."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    with template_database(servers.database_url, folder / "trytond-template") as name:
        yield name


@pytest.fixture(scope="session")
def trytond(
    servers: Servers, trytond_template: str, worker_number: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrytonServer]:
    """A running Tryton with a database of this process alone."""
    with (
        fresh_database(servers.database_url, f"{TEMPLATE}_{worker_number}", template=trytond_template) as url,
        start_trytond(tmp_path_factory.mktemp("trytond"), url) as server,
    ):
        yield server
