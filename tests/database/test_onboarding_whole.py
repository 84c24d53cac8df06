"""A blueprint is applied as a whole or not at all, whatever fails and however many try."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, select, text

from billwright.identity.tables import PersonRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import control_transaction
from billwright_tenants.apply import Applied
from support.onboarding import apply, raw, slug

__all__ = ["apply", "raw", "slug"]


def schemas(database: Database) -> set[str]:
    with database.owner_engine.connect() as connection:
        return set(connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%'")).scalars())


def roles(database: Database) -> int:
    with database.owner_engine.connect() as connection:
        # Roles are the cluster's and other workers make theirs: counted are those that something of this database names.
        query = (
            "SELECT count(DISTINCT refobjid) FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid"
            " JOIN pg_roles ON pg_roles.oid = refobjid"
            " WHERE datname = current_database() AND rolname LIKE 'bw\\_t\\_%'"
        )
        count: int = connection.execute(text(query)).scalar_one()
        return count


def test_a_dry_run_shows_the_changes_and_makes_none(
    database: Database, apply: Callable[..., Applied], raw: dict[str, Any]
) -> None:
    before = schemas(database), roles(database)
    planned = apply(raw, dry_run=True)
    assert planned.created
    assert (schemas(database), roles(database)) == before
    with control_transaction(database, SYSTEM) as tx:
        assert tx.session.get(TenantRow, planned.tenant.id) is None

    made = apply(raw)
    assert made.changes == planned.changes
    raw["tenant"]["plan"] = "premium"
    assert apply(raw, dry_run=True).changes == ["plan: 'standard' -> 'premium'"]
    assert apply(raw, dry_run=True).changes == ["plan: 'standard' -> 'premium'"]


@pytest.fixture
def failing_at(migrated_database: Database) -> Iterator[Callable[[str], None]]:
    """Make the database refuse the first statement that holds a text."""
    engine: Engine = migrated_database.owner_engine
    wanted: list[str] = []

    def refuse(_connection: object, cursor: Any, statement: str, *_rest: object) -> None:
        if wanted and wanted[0] in statement:
            cursor.execute("SELECT 1 / 0")

    event.listen(engine, "before_cursor_execute", refuse)
    yield wanted.append
    event.remove(engine, "before_cursor_execute", refuse)


@pytest.mark.parametrize(
    "where",
    [
        "GRANT USAGE ON SCHEMA",
        "INSERT INTO control.tenant",
        "INSERT INTO control.membership",
        "INSERT INTO legal_entity",
        "INSERT INTO number_series",
        "INSERT INTO connection",
        "INSERT INTO configuration",
        "INSERT INTO control.audit_entry",
    ],
)
def test_whatever_fails_nothing_is_left(
    database: Database,
    apply: Callable[..., Applied],
    raw: dict[str, Any],
    failing_at: Callable[[str], None],
    where: str,
    partner_id: UUID,
) -> None:
    before = schemas(database), roles(database)
    failing_at(where)
    with pytest.raises(Exception, match="division by zero"):
        apply(raw)
    assert (schemas(database), roles(database)) == before
    with control_transaction(database, SYSTEM) as tx:
        assert tx.session.scalars(select(TenantRow.id).where(TenantRow.partner_id == partner_id)).all() == []
        assert tx.session.scalars(select(PersonRow.id).where(PersonRow.partner_id == partner_id)).all() == []


def test_two_at_once_make_one_tenant(apply: Callable[..., Applied], raw: dict[str, Any]) -> None:
    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(lambda _: apply(raw), range(3)))
    assert sorted(each.created for each in applied) == [False, False, True]
    assert len({each.tenant.id for each in applied}) == 1
