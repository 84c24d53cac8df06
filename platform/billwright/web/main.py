"""The app as a server process starts it: everything from the settings, once per process."""

from litestar import Litestar

from billwright.kernel.settings import Settings, read_settings
from billwright.tenancy.database import Database, open_database
from billwright.web.app import make_app
from billwright.web.composition import controllers, dependencies, subscriptions
from billwright.web.logging import configure_logging
from billwright.web.portal.app import problem_page
from billwright.web.services import Services


def database_of(settings: Settings) -> Database:
    """The database that the settings name, with all followers of events."""
    assert settings.database_url is not None, "the commands start or name a database before they need it"
    database = open_database(settings.database_url, owner_url=settings.database_owner_url, pool_size=settings.pool_size)
    return database.with_subscriptions(subscriptions())


def create_app() -> Litestar:
    """Factory for the ASGI server."""
    settings = read_settings()
    configure_logging(settings)
    database = database_of(settings)
    services = Services(
        settings=settings, database=database, dependencies=dependencies(settings), problem_page=problem_page
    )
    return make_app(services, controllers())
