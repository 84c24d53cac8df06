"""Engines and what every transaction needs besides them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from billwright.kernel.clock import Clock, SystemClock
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.events import Subscriptions
from billwright.tenancy.pooling import keep_set

APPLICATION_ROLE: Final = "billwright_app"
CONNECTION_AGE_S: Final = 900  # a connection grows with each schema that it touches: recycle it by age
RESTED_S: Final = 0.2
RESTS_SINCE: Final = "rests since"


@dataclass(frozen=True, slots=True)
class Database:
    """One database server as the application sees it.

    ``engine`` works as the application role, which owns nothing; ``owner_engine`` may run DDL and is used by
    provisioning and migrations alone.
    """

    engine: Engine
    owner_engine: Engine
    clock: Clock = field(default_factory=SystemClock)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    wake: Callable[[], None] | None = None
    """Called after the COMMIT of a transaction that wrote jobs; a call that is lost costs time only."""

    def waking(self, wake: Callable[[], None]) -> "Database":
        return replace(self, wake=wake)

    def with_subscriptions(self, subscriptions: Subscriptions) -> "Database":
        return replace(self, subscriptions=subscriptions)

    def close(self) -> None:
        self.engine.dispose()
        self.owner_engine.dispose()


def _ping_after_rest(engine: Engine) -> None:
    """Ask a connection that rested whether it still lives before it is used; a dead one is replaced unseen.

    One that was in use a moment ago is not asked: no server ends and is back in that time, and the round trip would be
    one of eight in a short request.
    """

    @event.listens_for(engine, "checkin")
    def note_rest(_dbapi_connection: Any, record: Any) -> None:
        record.info[RESTS_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        rests_since_s = record.info.get(RESTS_SINCE)
        if rests_since_s is None or time.monotonic() - rests_since_s < RESTED_S:
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except psycopg.Error as error:
            raise InvalidatePoolError("the connection ended while it rested") from error


def normalise_url(url: str) -> str:
    """A PostgreSQL URL with the driver that we use.

    Raises:
        SettingsInvalidError: not a PostgreSQL URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise SettingsInvalidError("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    return f"postgresql+psycopg://{rest}"


def open_database(
    url: str, *, owner_url: str | None = None, pool_size: int = 8, clock: Clock | None = None
) -> Database:
    """Open the pools. No connection is made yet.

    A login that is not the application role itself (a single-URL install) is switched to it, so that owner rights are
    never in reach of a request. A pooler in transaction mode may stand in between: see ``pooling``.
    """
    engine = create_engine(
        normalise_url(url),
        pool_size=pool_size,
        max_overflow=4,
        pool_recycle=CONNECTION_AGE_S,
        query_cache_size=2000,
        hide_parameters=True,  # they may hold persons and secrets, and errors are kept and shown
    )
    keep_set(engine, role=APPLICATION_ROLE, search_path="")
    _ping_after_rest(engine)
    owner = create_engine(normalise_url(owner_url or url), pool_size=1, max_overflow=3, pool_pre_ping=True)
    keep_set(owner, role="", search_path="pg_catalog")
    return Database(engine=engine, owner_engine=owner, clock=clock or SystemClock())
