"""Whether this process can do its work."""

from dataclasses import dataclass
from functools import cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from billwright.jobs.brokers.choose import answers, is_rabbitmq
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import control_transaction
from billwright_migrations.run import config_for

BROKER_WITHIN_S = 1


@dataclass(frozen=True, slots=True)
class Check:
    """``problem`` says what is wrong in words that may be shown to anybody. ``needed``: without it no request can be answered."""

    name: str
    ok: bool
    problem: str = ""
    needed: bool = True


def check_ready(database: Database, broker_url: str | None) -> list[Check]:
    """Database, migrations and (where one is set) the broker, each by itself."""
    checks = [_check_database(database), _check_migrations(database)]
    return [*checks, _check_broker(broker_url)] if broker_url else checks


def _check_database(database: Database) -> Check:
    try:
        with control_transaction(database, SYSTEM) as tx:
            tx.session.scalars(select(PartnerRow.id).limit(1)).one_or_none()
    except SQLAlchemyError:
        return Check("database", ok=False, problem="PostgreSQL does not answer, or nothing is migrated yet")
    return Check("database", ok=True)


@cache
def _wanted_revision() -> str | None:
    return ScriptDirectory.from_config(config_for("control")).get_current_head()


def _check_migrations(database: Database) -> Check:
    try:
        with database.owner_engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": "control"})
            found = context.get_current_revision()
    except SQLAlchemyError:
        return Check("migrations", ok=False, problem="the revision cannot be read")
    if found != _wanted_revision():
        return Check(
            "migrations", ok=False, problem=f"at {found}, this release needs {_wanted_revision()}; run migrate"
        )
    return Check("migrations", ok=True)


def _check_broker(url: str) -> Check:
    """What is written meanwhile waits as rows: nobody need be turned away, and a balancer would turn everybody away."""
    name, said = ("rabbitmq", "RabbitMQ") if is_rabbitmq(url) else ("redis", "Redis")
    ok = answers(url, within_s=BROKER_WITHIN_S)
    return Check(name, ok=ok, problem="" if ok else f"{said} does not answer; jobs wait", needed=False)
