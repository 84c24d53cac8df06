"""Running the migrations: control plane first, then tenant by tenant, each in its own transaction, resumable."""

import io
from collections.abc import Callable
from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from billwright.tenancy.provision import grant_tables


def config_for(kind: str) -> Config:
    """Alembic configuration of ``control`` or ``tenant``, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(files(f"billwright_migrations.{kind}")))
    return config


def upgrade_control(engine: Engine) -> None:
    """Bring the control plane to its head. Two at once queue behind an advisory lock."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(727001)"))
        config = config_for("control")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upgrade_tenant(connection: Connection, schema: str, role: str) -> None:
    """Bring one tenant's schema to its head and renew its grants, in the caller's transaction. Two at once queue, too."""
    connection.execute(text("SELECT pg_advisory_xact_lock(727003, hashtext(:schema))"), {"schema": schema})
    config = config_for("tenant")
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, "head")
    grant_tables(connection, schema, role)


def upgrade_all(engine: Engine, *, say: Callable[[str], None] = lambda _line: None) -> int:
    """Control plane, then every tenant that is not at the head; a failing tenant stops nobody else. Return how many failed."""
    upgrade_control(engine)
    failed = 0
    with engine.begin() as connection:
        tenants = connection.execute(
            text("SELECT slug, schema_name, role_name FROM control.tenant WHERE state <> 'erased' ORDER BY slug")
        ).all()
    for slug, schema, role in tenants:
        try:
            with engine.begin() as connection:
                upgrade_tenant(connection, schema, role)
        except Exception as error:
            failed += 1
            say(f"{slug}: not migrated: {error}")
    return failed


def tenant_script() -> str:
    """The tenant migrations up to their head as one SQL script, without transaction statements."""
    buffer = io.StringIO()
    config = config_for("tenant")
    config.output_buffer = buffer
    command.upgrade(config, "head", sql=True)
    lines = [line for line in buffer.getvalue().splitlines() if line.strip() not in {"BEGIN;", "COMMIT;"}]
    return "\n".join(lines).strip() + "\n"
