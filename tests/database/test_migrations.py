"""Migrations and tables say the same, the script of a new tenant is the migrations' output, and the roles are tight."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.provision import head_script, provision_schema, role_of, schema_of
from billwright.tenancy.transaction import Tenant, transaction
from billwright_migrations.metadata import control_metadata, tenant_metadata
from billwright_migrations.run import tenant_script, upgrade_all, upgrade_tenant


def test_the_control_tables_are_what_the_migrations_make(database: Database) -> None:
    with database.owner_engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "control",
                "version_table_schema": "control",
            },
        )
        assert compare_metadata(context, control_metadata()) == []


def test_the_tenant_tables_are_what_the_migrations_make(database: Database, tenant: Tenant) -> None:
    with database.owner_engine.connect() as connection:
        connection.execute(text("SELECT set_config('search_path', :schema, false)"), {"schema": tenant.schema})
        connection.dialect.default_schema_name = tenant.schema
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tenant_metadata()) == []
        connection.invalidate()


def test_the_script_of_a_new_tenant_is_the_migrations_output() -> None:
    assert head_script() == tenant_script()


def columns(database: Database, schema: str) -> list[tuple[object, ...]]:
    query = text(
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = :schema ORDER BY 1, 2"
    )
    with database.owner_engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"schema": schema})]


def test_script_and_step_by_step_migration_make_the_same_schema(database: Database, tenant: Tenant) -> None:
    identifier = uuid4()
    schema, role = schema_of(identifier), role_of(identifier)
    with database.owner_engine.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        connection.execute(text(f'CREATE ROLE "{role}"'))
        upgrade_tenant(connection, schema, role)
    assert columns(database, schema) == columns(database, tenant.schema)


def test_upgrading_again_changes_nothing_and_reports_no_failure(database: Database, tenant: Tenant) -> None:
    before = columns(database, tenant.schema)
    assert upgrade_all(database.owner_engine) == 0
    assert columns(database, tenant.schema) == before


def test_a_tenant_is_made_whole_or_not_at_all(database: Database) -> None:
    identifier = uuid4()
    with (
        pytest.raises(DBAPIError),
        database.owner_engine.begin() as connection,
    ):
        provision_schema(connection, identifier, script=lambda: head_script() + "\nSELECT 1 / 0;")
    with database.owner_engine.connect() as connection:
        query = text("SELECT count(*) FROM pg_roles WHERE rolname = :role")
        assert connection.execute(query, {"role": role_of(identifier)}).scalar_one() == 0
        query = text("SELECT count(*) FROM pg_namespace WHERE nspname = :schema")
        assert connection.execute(query, {"schema": schema_of(identifier)}).scalar_one() == 0


def test_without_a_tenant_bound_no_tenant_table_is_visible(database: Database, tenant: Tenant) -> None:
    with database.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="does not exist"):
            connection.execute(text("SELECT * FROM invoice"))
        connection.rollback()
        with pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text(f'SELECT * FROM "{tenant.schema}".invoice'))


def test_a_tenant_reaches_no_row_of_another(database: Database, make_tenant: Callable[[str], Tenant]) -> None:
    one, other = make_tenant("One"), make_tenant("Other")
    for statement in (
        f'SELECT * FROM "{other.schema}".invoice',
        "SELECT * FROM control.person",
        "SELECT * FROM control.tenant",
    ):
        with pytest.raises(DBAPIError, match="permission denied"), transaction(database, one, SYSTEM) as tx:
            tx.session.execute(text(statement))


def test_binding_dies_with_the_transaction(database: Database, tenant: Tenant) -> None:
    with transaction(database, tenant, SYSTEM):
        pass
    with database.engine.connect() as connection:
        role, path = connection.execute(text("SELECT current_user, current_setting('search_path')")).one()
    assert (role, path) == ("billwright_app", "")


def test_audit_and_frozen_content_only_grow(database: Database, tenant: Tenant) -> None:
    for table, column in (("audit_entry", "action"), ("invoice_snapshot", "sha256"), ("journal_line", "account")):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = ''"):
            with pytest.raises(DBAPIError, match="permission denied"), transaction(database, tenant, SYSTEM) as tx:
                tx.session.execute(text(statement))
