"""Alembic environment of the control plane. Works with the release now running: short locks, short statements."""

from alembic import context
from sqlalchemy import Connection, text

from billwright_migrations.metadata import control_metadata

connection: Connection = context.config.attributes["connection"]
connection.execute(text("CREATE SCHEMA IF NOT EXISTS control"))
connection.execute(text("SET LOCAL lock_timeout = '4s'"))
connection.execute(text("SET LOCAL statement_timeout = '30s'"))


context.configure(
    connection=connection,
    target_metadata=control_metadata(),
    version_table_schema="control",
    include_schemas=True,
    include_name=lambda name, kind, _parents: kind != "schema" or name == "control",
)
with context.begin_transaction():
    context.run_migrations()
