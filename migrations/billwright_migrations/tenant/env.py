"""Alembic environment of one tenant's schema, online (``connection`` and ``schema`` given) or as a script (head.sql)."""

from alembic import context
from sqlalchemy import Connection, text

from billwright.tenancy.transaction import SCHEMA_NAME
from billwright_migrations.metadata import tenant_metadata

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=tenant_metadata(), literal_binds=True)
else:
    connection: Connection = context.config.attributes["connection"]
    schema: str = context.config.attributes["schema"]
    if not SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"bad schema name {schema!r}")
    connection.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": schema})
    connection.execute(text("SET LOCAL lock_timeout = '4s'"))
    connection.execute(text("SET LOCAL statement_timeout = '5s'"))
    connection.dialect.default_schema_name = schema
    context.configure(connection=connection, target_metadata=tenant_metadata())
with context.begin_transaction():
    context.run_migrations()
