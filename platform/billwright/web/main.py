"""The app as a server process starts it: everything from the settings, once per process."""

import gc

from litestar import Litestar

from billwright.jobs.broker import waker
from billwright.kernel.settings import read_settings
from billwright.web.app import make_app
from billwright.web.composition import controllers, database_of, dependencies
from billwright.web.leaving import Farewell, end_with_the_server
from billwright.web.logging import configure_logging
from billwright.web.portal.app import problem_page
from billwright.web.services import Services
from billwright.web.tracing import start_tracing


def create_app() -> Litestar:
    """Factory for the ASGI server."""
    end_with_the_server()
    settings = read_settings()
    configure_logging(settings)
    database = database_of(settings)
    if settings.broker:
        database = database.waking(waker(settings.broker))
    services = Services(
        settings=settings, database=database, dependencies=dependencies(settings), problem_page=problem_page
    )
    app = make_app(services, controllers(), tracing=start_tracing(settings, "api"))
    app.asgi_handler = Farewell(app.asgi_handler)
    gc.collect()
    gc.freeze()  # the app itself stays: going through all of it in the middle of a request costs a tenth of a second
    return app
