"""The only transaction, the only place that picks a tenant."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from billwright.kernel import tracing
from billwright.kernel.actor import Actor
from billwright.kernel.errors import TenantSuspendedError
from billwright.tenancy.database import Database
from billwright.tenancy.pooling import POOLED

SCHEMA_NAME: Final = re.compile(r"t_[0-9a-z_]{1,58}")
ROLE_NAME: Final = re.compile(r"bw_t_[0-9a-z_]{1,58}")
WROTE_JOBS: Final = "jobs.written"
_BIND: Final = text("SELECT set_config('role', :role, true), set_config('search_path', :schema, true)")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as every use case needs it. ``clock_at``: where a sandbox tenant's time stands."""

    id: UUID
    slug: str
    name: str
    partner_id: UUID
    schema: str
    role: str
    state: str = "active"
    clock_at: datetime | None = None
    plan: str = "standard"

    def __post_init__(self) -> None:
        if not SCHEMA_NAME.fullmatch(self.schema) or not ROLE_NAME.fullmatch(self.role):  # security: not an assert
            raise ValueError(f"bad schema or role name {self.schema!r} {self.role!r}")


@dataclass(slots=True)
class Tx:
    """One unit of work in one tenant. ``now`` is fixed for its whole length."""

    session: Session
    database: Database
    tenant: Tenant
    actor: Actor
    now: datetime
    trace_id: str | None = None
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ControlTx:
    """One unit of work in the control plane; no tenant table is visible."""

    session: Session
    database: Database
    actor: Actor
    now: datetime
    trace_id: str | None = None


@contextmanager
def transaction(
    database: Database, tenant: Tenant, actor: Actor, *, trace_id: str | None = None, read_only: bool = False
) -> Iterator[Tx]:
    """One unit of work in one tenant's schema: commit on success, roll back on any exception.

    Role and ``search_path`` are set with ``is_local = true``, so they die with the transaction and cannot leak through
    the pool. The application role's own search_path is empty and it may read no tenant table: forgetting this function
    gives "relation does not exist", never another tenant's rows. ``trace_id``: by default that of the work at hand, else a
    new one.

    Raises:
        TenantSuspendedError: the tenant is suspended; reading stays possible.
    """
    if tenant.state != "active" and not read_only:
        raise TenantSuspendedError(f"{tenant.name} is {tenant.state}; an administrator of its partner can resume it.")
    with Session(database.engine, expire_on_commit=False) as session, session.begin():
        session.execute(_BIND, {"role": tenant.role, "schema": tenant.schema})
        now = tenant.clock_at or database.clock.now()
        tx = Tx(
            session=session,
            database=database,
            tenant=tenant,
            actor=actor,
            now=now,
            trace_id=tracing.trace_or_new(trace_id),
        )
        yield tx
    if database.wake is not None and WROTE_JOBS in tx.cache:
        database.wake()


@contextmanager
def control_transaction(database: Database, actor: Actor, *, trace_id: str | None = None) -> Iterator[ControlTx]:
    """One unit of work in the control plane, as the application role."""
    with Session(database.engine, expire_on_commit=False) as session, session.begin():
        yield ControlTx(
            session=session,
            database=database,
            actor=actor,
            now=database.clock.now(),
            trace_id=tracing.trace_or_new(trace_id),
        )


@contextmanager
def control_statements(database: Database) -> Iterator[Connection]:
    """The control plane as the application role, each statement a transaction of its own: a third of the round trips.

    For what is right by itself: a read of one moment, or one guarded write. Behind a pooler they share a transaction, for
    without one nothing holds the server connection on which role and path are set.
    """
    with database.engine.connect() as connection:
        if connection.info[POOLED]:
            with connection.begin():
                yield connection
        else:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
