"""Units of work with owner rights: provisioning and what must commit together with it. Nothing else may use them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import Session

from billwright.kernel import tracing
from billwright.kernel.actor import Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import ControlTx, Tenant, Tx


@contextmanager
def owner_transaction(database: Database, actor: Actor, *, trace_id: str | None = None) -> Iterator[ControlTx]:
    """One unit of work as the owner of the control plane and of all schemas: commit on success, else nothing."""
    with Session(database.owner_engine, expire_on_commit=False) as session, session.begin():
        session.execute(text("SET LOCAL lock_timeout = '10s'"))
        trace_id = tracing.trace_or_new(trace_id)
        yield ControlTx(session=session, database=database, actor=actor, now=database.clock.now(), trace_id=trace_id)


def bind_tenant(tx: ControlTx, tenant: Tenant) -> Tx:
    """The same unit of work with the tenant's tables in sight, so that both parts commit or neither."""
    tx.session.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": tenant.schema})
    now = tenant.clock_at or tx.now
    return Tx(session=tx.session, database=tx.database, tenant=tenant, actor=tx.actor, now=now, trace_id=tx.trace_id)
