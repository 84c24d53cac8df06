"""Fixtures of a migrated database and fresh tenants. Commits are real; each test has its own tenant's schema."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import insert

from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration, store_configuration
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.provision import provision_schema, role_of, schema_of
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright_migrations.run import upgrade_control

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def migrated_database(database_url: str) -> Iterator[Database]:
    """The worker's own database at the head of the control migrations."""
    database = open_database(database_url)
    upgrade_control(database.owner_engine)
    yield database
    database.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def database(migrated_database: Database, clock: SetClock) -> Database:
    """The same pools with a clock that the test sets; no subscriptions."""
    return Database(engine=migrated_database.engine, owner_engine=migrated_database.owner_engine, clock=clock)


@pytest.fixture
def partner_id(database: Database) -> UUID:
    identifier = new_id()
    with control_transaction(database, SYSTEM) as tx:
        row = {
            "id": identifier,
            "slug": f"partner-{identifier.hex[-12:]}",
            "name": "Test Partner",
            "brand": {},
            "created_at": tx.now,
        }
        tx.session.execute(insert(PartnerRow), [row])
    return identifier


@pytest.fixture
def make_tenant(database: Database, partner_id: UUID) -> Callable[..., Tenant]:
    """``make_tenant(name="Acme", configuration=TenantConfiguration())`` -> a fresh, empty tenant."""

    def make(name: str = "Acme Consulting", configuration: TenantConfiguration | None = None) -> Tenant:
        identifier = new_id()
        tenant = Tenant(
            id=identifier,
            slug=f"tenant-{identifier.hex[-12:]}",
            name=name,
            partner_id=partner_id,
            schema=schema_of(identifier),
            role=role_of(identifier),
        )
        with database.owner_engine.begin() as connection:
            provision_schema(connection, identifier)
        with control_transaction(database, SYSTEM) as tx:
            row = {
                "id": identifier,
                "partner_id": partner_id,
                "slug": tenant.slug,
                "name": name,
                "schema_name": tenant.schema,
                "role_name": tenant.role,
                "state": "active",
                "plan": "standard",
                "brand": {},
                "created_at": tx.now,
            }
            tx.session.execute(insert(TenantRow), [row])
        with transaction(database, tenant, SYSTEM) as tx:
            store_configuration(tx, configuration or TenantConfiguration())
        return tenant

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant()
