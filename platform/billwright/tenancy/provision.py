"""Making a tenant's schema and role: one script in one transaction, all or nothing.

The script is the output of the tenant migrations (``head.sql``, a test proves it equal to the alembic head), which is
several times quicker than running them.
"""

from collections.abc import Callable
from importlib.resources import files
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from billwright.tenancy.database import APPLICATION_ROLE

# What the application may do with a tenant's tables. Everything not named here: SELECT, INSERT, UPDATE.
APPEND_ONLY: Final = frozenset(
    {
        "audit_entry", "invoice_snapshot", "configuration", "contract_version", "journal_entry", "journal_line",
        "external_reference", "invoice_event", "payment_application", "reminder", "webhook_attempt",
        "message_correction", "correction_decision", "rate_file", "rate_day", "journal_export", "journal_export_entry",
        "credit_note", "credit_application", "refund",
        "item_adjustment", "cap_notice",
        "holdback_entry", "vat_check",
    }
)  # fmt: skip
DELETABLE: Final = frozenset({"invoice_line", "allocation", "contributor", "saved_view"})


def schema_of(tenant_id: UUID) -> str:
    return f"t_{tenant_id.hex}"


def role_of(tenant_id: UUID) -> str:
    return f"bw_t_{tenant_id.hex}"


def head_script() -> str:
    """The SQL of the tenant migrations up to their head."""
    return files("billwright_migrations.tenant").joinpath("head.sql").read_text(encoding="utf-8")


def provision_schema(connection: Connection, tenant_id: UUID, *, script: Callable[[], str] = head_script) -> None:
    """Create role and schema of a tenant in the caller's transaction (owner rights needed)."""
    schema, role = schema_of(tenant_id), role_of(tenant_id)
    connection.execute(text(f'CREATE ROLE "{role}" NOLOGIN'))
    connection.execute(text(f'GRANT billwright_tenant TO "{role}"'))
    connection.execute(text(f'GRANT "{role}" TO {APPLICATION_ROLE}'))
    connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    connection.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": schema})
    connection.exec_driver_sql(script())
    grant_tables(connection, schema, role)


def grant_tables(connection: Connection, schema: str, role: str) -> None:
    """Give ``role`` what the application needs in ``schema``, and no more: audit and frozen content only grow."""
    connection.execute(text(f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"'))
    connection.execute(text(f'GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"'))
    for table in sorted(APPEND_ONLY):
        connection.execute(text(f'REVOKE UPDATE ON "{schema}"."{table}" FROM "{role}"'))
    for table in sorted(DELETABLE):
        connection.execute(text(f'GRANT DELETE ON "{schema}"."{table}" TO "{role}"'))
    connection.execute(text(f'REVOKE ALL ON "{schema}".alembic_version FROM "{role}"'))
