"""What a connection is set to, be it PostgreSQL's own or one that a pooler (PgBouncer in transaction mode) lends out.

A pooler gives each transaction another server connection: what was set for a session is gone, or somebody else's, and a
prepared statement is not there. So behind a pooler every transaction sets its own, at the price of a round trip, and
nothing is prepared. Nobody need say which it is: PostgreSQL tells each client the number of its server process, and a
pooler makes one up.
"""

from typing import Any, Final

from sqlalchemy import Connection, Engine, event

POOLED: Final = "pooled"
# Set for the session where the server process is the one that the client was told of.
_CONNECT: Final = """
    SELECT pg_catalog.pg_backend_pid() <> %(told)s,
           CASE WHEN pg_catalog.pg_backend_pid() = %(told)s THEN ARRAY[
               pg_catalog.set_config('search_path', %(search_path)s, false),
               pg_catalog.set_config('TimeZone', 'UTC', false),
               CASE WHEN %(role)s <> '' THEN pg_catalog.set_config('role', %(role)s, false) END
           ] END
"""
_BEGIN: Final = """
    SELECT pg_catalog.set_config('search_path', %(search_path)s, true), pg_catalog.set_config('TimeZone', 'UTC', true),
           CASE WHEN %(role)s <> '' THEN pg_catalog.set_config('role', %(role)s, true) END
"""


def keep_set(engine: Engine, *, role: str, search_path: str) -> None:
    """Let every transaction of ``engine`` begin as ``role`` ("": whoever logged in) with ``search_path``, in UTC."""
    wanted = {"role": role, "search_path": search_path}

    @event.listens_for(engine, "connect")
    def connect(dbapi_connection: Any, record: Any) -> None:
        with dbapi_connection.cursor() as cursor:
            cursor.execute(_CONNECT, {**wanted, "told": dbapi_connection.info.backend_pid})
            record.info[POOLED] = cursor.fetchone()[0]
        dbapi_connection.commit()
        if record.info[POOLED]:
            dbapi_connection.prepare_threshold = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.info[POOLED]:
            connection.exec_driver_sql(_BEGIN, wanted)
