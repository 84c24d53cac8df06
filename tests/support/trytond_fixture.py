"""Fixtures around ``support.trytond``: the database is made once per run, the server once per process of it."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.trytond import TrytonServer, make_template, start_trytond


@pytest.fixture(scope="session")
def trytond_template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy. Workers of one xdist run make it once, under a lock."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    folder = folder / "trytond-template"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / "template.sqlite"
        if not ready.exists():
            make_template(folder).rename(ready)
    return ready


@pytest.fixture(scope="session")
def trytond(trytond_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """A running Tryton with a database of this process alone."""
    with start_trytond(tmp_path_factory.mktemp("trytond"), template=trytond_template) as server:
        yield server
