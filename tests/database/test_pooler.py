"""PgBouncer in transaction mode: everything works through it, and nothing of one client's session reaches another's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from billwright.cli.embedded import Servers
from billwright.cli.embedded_process import free_port
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.pooling import POOLED
from billwright.tenancy.transaction import control_statements, control_transaction, transaction
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from support.pooler import pooled
from support.processes import Processes, make_office, until
from support.servers import fresh_database

pytestmark = pytest.mark.slow
STANDING = text("SELECT current_user, current_setting('search_path'), current_setting('TimeZone')")
PREPARED_AFTER = 5  # psycopg prepares what it was asked for so often


@pytest.fixture(scope="module")
def direct_url(servers: Servers, worker_number: int) -> Iterator[str]:
    with fresh_database(servers.database_url, f"bw_pooler_{worker_number}") as url:
        yield url


@pytest.fixture(scope="module")
def url(direct_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pooled(direct_url, tmp_path_factory.mktemp("pooler")) as url:
        yield url


@pytest.fixture(scope="module")
def lent(url: str) -> Iterator[Database]:
    """Migrated and used through the pooler only, owner and application by one login."""
    database = open_database(url)
    upgrade_control(database.owner_engine)
    yield database.with_subscriptions(subscriptions())
    database.close()


def test_a_pooler_is_noticed_and_its_absence_too(lent: Database, direct_url: str) -> None:
    own = open_database(direct_url)
    for database, expected in ((lent, True), (own, False)):
        for engine in (database.engine, database.owner_engine):
            with engine.connect() as connection:
                assert connection.info[POOLED] is expected
    own.close()


def test_transactions_stand_alike_with_and_without_a_pooler(lent: Database, direct_url: str) -> None:
    own = open_database(direct_url)
    for database in (own, lent):
        with control_transaction(database, SYSTEM) as tx:
            assert tx.session.execute(STANDING).one() == ("billwright_app", "", "UTC")
        with database.owner_engine.begin() as connection:
            assert connection.execute(STANDING).one()[1:] == ("pg_catalog", "UTC")
        with control_statements(database) as connection:
            assert connection.execute(STANDING).one() == ("billwright_app", "", "UTC")
    own.close()


def test_what_others_left_on_a_server_connection_means_nothing(lent: Database, url: str) -> None:
    """Behind a pooler the sessions are everybody's: a careless client sets role, path and time zone on all of them."""
    office = make_office(lent, 1)
    for _ in range(2):
        careless = [psycopg.connect(url, autocommit=True) for _ in range(3)]
        for connection in careless:
            connection.execute("BEGIN")
        for connection in careless:
            connection.execute(f"SET search_path = {office.tenant.schema}")
            connection.execute("SET timezone = 'Asia/Tokyo'")
            connection.execute("COMMIT")
            connection.close()
    with control_transaction(lent, SYSTEM) as tx:
        assert tx.session.execute(STANDING).one() == ("billwright_app", "", "UTC")
        with pytest.raises(ProgrammingError, match="does not exist"):
            tx.session.execute(text("SELECT * FROM invoice"))


def test_many_clients_of_few_connections_see_their_own_tenant(lent: Database) -> None:
    offices = [make_office(lent, count) for count in (1, 2)]

    def look(turn: int) -> bool:
        office = offices[turn % 2]
        with transaction(lent, office.tenant, SYSTEM, read_only=True) as tx:
            contracts = tx.session.scalar(text("SELECT count(*) FROM contract"))
            user, path, _ = tx.session.execute(STANDING).one()
        return (contracts, user, path) == (len(office.refs), office.tenant.role, office.tenant.schema)

    turns = 20 * PREPARED_AFTER
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(look, range(turns))) == [True] * turns
    with control_transaction(lent, SYSTEM) as tx:
        assert tx.session.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0


def test_the_whole_flow_through_a_pooler(url: str, lent: Database, redis_url: str, tmp_path: Path) -> None:
    office = make_office(lent, 40)
    processes = Processes.on(url, redis_url, tmp_path)
    processes.environment["BILLWRIGHT_PORT"] = str(free_port(None))
    try:
        for _ in range(2):
            processes.dispatcher()
            processes.worker()
        processes.start("api")
        until(processes.ready, lambda: f"ready: {processes.output()}")
        office.accept()
        until(office.finished, lambda: f"all billed: {office.jobs()}")
        office.assert_all_billed_once()
        assert office.attempts() == 1
        assert "prepared statement" not in processes.output()
    finally:
        processes.end()
        processes.tell()
