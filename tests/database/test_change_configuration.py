"""Every change of a tenant's configuration is a version and an audit entry, together or not at all."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from billwright.audit.change_configuration import Changed, change_configuration
from billwright.audit.tables import AuditEntryRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import ReminderStep, TenantConfiguration, read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.tables import ConfigurationRow
from billwright.tenancy.transaction import Tenant, transaction

ROOT = Path(__file__).parents[2]
ADMIN = Actor("person", "Lea Winter", new_id(), new_id(), "lea@acme.example")
GENTLE = TenantConfiguration(payment_terms_days=14, reminders=(ReminderStep(days_after_due=7, tone="friendly"),))


def kept(database: Database, tenant: Tenant) -> tuple[list[int], list[AuditEntryRow]]:
    """Versions and entries about them, oldest first."""
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        versions = list(tx.session.scalars(select(ConfigurationRow.version).order_by(ConfigurationRow.version)))
        query = select(AuditEntryRow).where(AuditEntryRow.action == "configuration.changed").order_by(AuditEntryRow.id)
        return versions, list(tx.session.scalars(query))


def test_a_change_says_who_changed_what_from_and_to(database: Database, tenant: Tenant) -> None:
    with transaction(database, tenant, ADMIN, trace_id="t-1") as tx:
        changed = change_configuration(tx, GENTLE)
        assert read_configuration(tx) == GENTLE
    assert changed == Changed(2, ("payment_terms_days", "reminders"), first=False)
    versions, (entry,) = kept(database, tenant)
    assert versions == [1, 2]
    assert (entry.actor_name, entry.trace_id, entry.subject_kind) == ("Lea Winter", "t-1", "configuration")
    assert entry.before is not None
    assert entry.before["payment_terms_days"] == 30
    assert [step["days_after_due"] for step in entry.before["reminders"]] == [3, 14, 30]
    assert entry.after == {
        "version": 2,
        "payment_terms_days": 14,
        "reminders": [{"days_after_due": 7, "tone": "friendly"}],
    }


def test_what_is_in_force_already_makes_no_version_and_no_entry(database: Database, tenant: Tenant) -> None:
    for expected in (2, None, None):
        with transaction(database, tenant, ADMIN) as tx:
            changed = change_configuration(tx, GENTLE)
        assert (changed.version if changed else None) == expected
    versions, entries = kept(database, tenant)
    assert (versions, len(entries)) == ([1, 2], 1)


def test_the_first_version_is_an_entry_without_a_before(database: Database, tenant: Tenant) -> None:
    with database.owner_engine.begin() as connection:
        every = delete(ConfigurationRow).execution_options(schema_translate_map={None: tenant.schema})
        connection.execute(every)
    with transaction(database, tenant, ADMIN) as tx:
        changed = change_configuration(tx, TenantConfiguration())
    assert changed is not None
    assert (changed.version, changed.first) == (1, True)
    _, (entry,) = kept(database, tenant)
    assert entry.before is None
    assert entry.after is not None
    assert entry.after["payment_terms_days"] == 30


def test_a_transaction_that_fails_leaves_neither(database: Database, tenant: Tenant) -> None:
    with pytest.raises(RuntimeError), transaction(database, tenant, ADMIN) as tx:
        change_configuration(tx, GENTLE)
        raise RuntimeError("the use case failed afterwards")
    assert kept(database, tenant) == ([1], [])


def test_nothing_else_in_the_product_writes_a_version() -> None:
    """``store_configuration`` writes no entry by itself: only the use case that does may call it."""
    callers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("platform", "tenants", "connectors", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "store_configuration"
    }
    assert callers == {"platform/billwright/audit/change_configuration.py"}
