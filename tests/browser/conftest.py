"""One portal and one browser for all browser tests of a worker."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from billwright.documents.store import FileStore
from billwright.kernel.clock import SetClock
from billwright.tenancy.database import Database
from billwright.web.app import make_app
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.services import Services
from support.browser import launch, serve
from support.http import settings_for
from support.portal_seed import PortalSeed, seed_portal


@dataclass(frozen=True, slots=True)
class Portal:
    """The running portal: its seed, and the port on which it answers."""

    seed: PortalSeed
    port: int

    def host(self, partner: str) -> str:
        return f"{partner}.localhost:{self.port}"


@pytest.fixture(scope="session")
def portal(migrated_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Seeded once; tests that decide or dispute say which draft they take, so that none needs another's."""
    clock = SetClock(datetime(2026, 2, 8, 8, 0, tzinfo=UTC))
    database = Database(engine=migrated_database.engine, owner_engine=migrated_database.owner_engine, clock=clock)
    seed = seed_portal(database, clock)
    settings = settings_for(tmp_path_factory.mktemp("portal"))
    services = Services(
        settings=settings,
        database=seed.database,
        problem_page=problem_page,
        dependencies={"store": FileStore(settings.files)},
    )
    with serve(make_app(services, CONTROLLERS)) as port:
        yield Portal(seed, port)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    from support.browser import SCREENSHOTS

    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS
