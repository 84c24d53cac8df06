"""Roles and grants: that PostgreSQL itself keeps tenants apart and lets the record only grow."""

from collections.abc import Iterator

from sqlalchemy import TextClause

from billwright.insight.invariants_base import Offender, Scope
from billwright.kernel.actor import SYSTEM
from billwright.tenancy import queries
from billwright.tenancy.database import APPLICATION_ROLE
from billwright.tenancy.provision import APPEND_ONLY
from billwright.tenancy.transaction import control_transaction


def isolation(scope: Scope) -> Iterator[Offender]:
    """What the tenant's role, or the application without a tenant, could reach and must not."""
    for statement in (queries.OTHER_SCHEMAS, queries.ROLE, queries.CONTROL_TABLES, queries.APPLICATION, queries.JOBS):
        who = "The application" if statement is queries.APPLICATION else scope.tenant.slug
        yield from _ask(scope, statement, who)


def growing_tables(scope: Scope) -> Iterator[Offender]:
    """Tables of record that somebody may change or empty."""
    yield from _ask(scope, queries.APPEND_ONLY, "A role")


def _ask(scope: Scope, statement: TextClause, who: str) -> Iterator[Offender]:
    known = {
        "tenant": scope.tenant.id,
        "role": scope.tenant.role,
        "schema": scope.tenant.schema,
        "application": APPLICATION_ROLE,
        "tables": sorted(APPEND_ONLY),
    }
    wanted = {name: known[name] for name in statement.compile().params}
    with control_transaction(scope.database, SYSTEM) as tx:
        for row in tx.session.execute(statement, wanted):
            yield Offender(row.subject, f"{who} may {row.may}.")
