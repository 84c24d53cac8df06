"""Writing jobs and publishing domain events, in the business transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import case, func, or_, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from billwright.jobs.tables import WAITING, JobRow
from billwright.kernel import tracing
from billwright.kernel.canonical_json import plain
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import WROTE_JOBS, ControlTx, Tx

_TABLE: Final = table_of(JobRow)
_COLUMNS: Final = (
    "id", "tenant_id", "role_name", "queue", "kind", "key", "payload", "state", "priority", "run_at", "trace_id",
    "created_at", "updated_at",
)  # fmt: skip
_CONTEXT: Final = "trace_context"
# A wish that many make while it waits keeps the first few spans that asked for it, and each once.
_CONTEXT_CHARS_MAX: Final = 500


def _writing(*more: str) -> Insert:
    columns = (*_COLUMNS, *more)
    incoming = recordset([_TABLE.c[name] for name in columns])
    statement = insert(_TABLE).from_select(list(columns), select(*incoming.c))
    known, wished = _TABLE.c, statement.excluded
    merged: dict[str, Any] = {
        "run_at": func.least(known.run_at, wished.run_at),
        "priority": func.greatest(known.priority, wished.priority),
    }
    if _CONTEXT in more:
        full = func.length(known.trace_context) > _CONTEXT_CHARS_MAX
        known_already = func.strpos(known.trace_context, wished.trace_context) > 0
        longer = func.concat_ws(" ", known.trace_context, wished.trace_context)
        merged[_CONTEXT] = case((or_(full, known_already), known.trace_context), else_=longer)
    return statement.on_conflict_do_update(index_elements=["tenant_id", "key"], index_where=WAITING, set_=merged)


_ENQUEUE: Final = _writing()
_ENQUEUE_TRACED: Final = _writing(_CONTEXT)


def enqueue(tx: Tx, specs: Iterable[JobSpec]) -> int:
    """Write the jobs whose key does not wait already; an earlier ``run_at`` of the same wish wins. Return how many.

    One statement for all. The rows exist if and only if the transaction commits.
    """
    rows = {spec.key: _row(spec, tx.tenant.id, tx.tenant.role, tx.now, tx.trace_id) for spec in specs}
    if rows:
        # In the order of the keys, so that two publishers of the same wishes queue instead of dead-locking.
        _write(tx.session, [rows[key] for key in sorted(rows)])
        tx.cache[WROTE_JOBS] = True
    return len(rows)


def enqueue_at_tenants(tx: ControlTx, partner_id: UUID, spec: JobSpec) -> None:
    """The same wish at each tenant of a partner, in the control plane's transaction. One statement and a look-up."""
    query = select(TenantRow.id, TenantRow.role_name).where(
        TenantRow.partner_id == partner_id, TenantRow.state != "erased"
    )
    rows = [
        _row(spec, tenant.id, tenant.role_name, tx.now, tx.trace_id)
        for tenant in tx.session.execute(query.order_by("id"))
    ]
    if rows:
        _write(tx.session, rows)


def _write(session: Session, rows: list[dict[str, Any]]) -> None:
    """With the span at hand, if it is recorded; where nobody records, the statement does not speak of spans."""
    kept = tracing.to_keep()
    if kept is None:
        session.execute(_ENQUEUE, parameters(rows))
    else:
        session.execute(_ENQUEUE_TRACED, parameters({**row, _CONTEXT: kept} for row in rows))


def _row(spec: JobSpec, tenant_id: UUID, role: str, now: datetime, trace_id: str | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "tenant_id": tenant_id,
        "role_name": role,
        "queue": spec.kind.partition(".")[0],
        "kind": spec.kind,
        "key": spec.key,
        "payload": cast("dict[str, Any]", plain(spec.payload)),
        "state": "queued",
        "priority": spec.priority,
        "run_at": spec.run_at or now,
        "trace_id": trace_id,
        "created_at": now,
        "updated_at": now,
    }


def publish(tx: Tx, *events: DomainEvent) -> None:
    """Say what happened: in-transaction followers run now, the others become jobs of this transaction."""
    subscriptions = tx.database.subscriptions
    specs: list[JobSpec] = []
    for event in events:
        for handler in subscriptions.inline.get(type(event), ()):
            handler(tx, event)
        for make_specs in subscriptions.jobs.get(type(event), ()):
            specs.extend(make_specs(event))
    enqueue(tx, specs)
