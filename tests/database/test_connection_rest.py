"""A connection that ended while it rested in the pool is replaced before anybody uses it."""

import time

from sqlalchemy import text

from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import RESTED_S, Database
from billwright.tenancy.transaction import control_transaction


def backend(database: Database) -> int:
    with control_transaction(database, SYSTEM) as tx:
        return int(tx.session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_rested_connection_that_ended_is_replaced_unseen(database: Database) -> None:
    victim = backend(database)
    with database.owner_engine.begin() as owner:
        assert owner.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": victim}).scalar_one()
    time.sleep(RESTED_S * 1.5)
    assert backend(database) != victim
    with control_transaction(database, SYSTEM) as tx:  # the new one is the application's, as every one is
        assert tx.session.execute(text("SELECT current_user")).scalar_one() == "billwright_app"


def test_all_connections_that_ended_are_replaced_at_once(database: Database) -> None:
    with control_transaction(database, SYSTEM), control_transaction(database, SYSTEM):
        pass
    with database.owner_engine.begin() as owner:
        owner.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
    time.sleep(RESTED_S * 1.5)
    with control_transaction(database, SYSTEM) as one, control_transaction(database, SYSTEM) as other:
        assert {tx.session.execute(text("SELECT 1")).scalar_one() for tx in (one, other)} == {1}
