"""Order of the tests, and the servers that they share. Fixtures of the application are in support/app.py."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import settings

from billwright.cli.embedded import Servers
from support.servers import fresh_database, release, shared_servers

# No test is timed: a slow machine is not a defect.
settings.register_profile("billwright", deadline=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("billwright"), max_examples=2_000)
settings.load_profile("billwright")
pytest_plugins = ("support.app", "support.http", "support.pipeline", "support.hooks")

FIRST = ("unit", "architecture")
FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """The controller (or the only process) makes the folder; servers start in it when a test asks for them."""
    if not hasattr(config, "workerinput"):
        config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="billwright-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the controller's folder is."""
    node.workerinput["servers_folder"] = str(node.config.stash[FOLDER])
    node.workerinput["controller"] = os.getpid()


def pytest_unconfigure(config: pytest.Config) -> None:
    if FOLDER in config.stash:
        release(config.stash[FOLDER])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick answers first: unit and architecture, then the servers, then what is marked slow or browser."""
    root = Path(__file__).parent

    def rank(item: pytest.Item) -> tuple[bool, bool]:
        late = any(item.get_closest_marker(name) for name in ("slow", "browser"))
        return late, item.path.relative_to(root).parts[0] not in FIRST

    items.sort(key=rank)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """PostgreSQL and Redis, shared by all workers; DATABASE_URL and REDIS_URL win. Do not stop them."""
    given = getattr(request.config, "workerinput", None)
    if given is None:
        return shared_servers(request.config.stash[FOLDER], os.getpid())
    return shared_servers(Path(given["servers_folder"]), given["controller"])


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """0 without xdist, else 1 for gw0, 2 for gw1 ..."""
    name = getattr(request.config, "workerinput", {}).get("workerid", "gw-1")
    return int(name.removeprefix("gw")) + 1


@pytest.fixture(scope="session")
def database_url(servers: Servers, worker_number: int) -> Iterator[str]:
    """An empty database of this worker's own."""
    with fresh_database(servers.database_url, f"bw_test_{worker_number}") as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(servers: Servers, worker_number: int) -> Iterator[str]:
    """A logical database of this worker's own, emptied before and after."""
    url = f"{servers.redis_url.rpartition('/')[0]}/{worker_number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()
