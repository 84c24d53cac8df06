"""Writing jobs and publishing domain events, in the business transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import case, func, or_, select
from sqlalchemy.dialects.postgresql import insert

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
    "trace_context", "created_at", "updated_at",
)  # fmt: skip
_INCOMING: Final = recordset([_TABLE.c[name] for name in _COLUMNS])
_INSERT: Final = insert(_TABLE).from_select(list(_COLUMNS), select(*_INCOMING.c))
# A wish that many make while it waits keeps the first few spans that asked for it, and each once.
_TRACE_CONTEXT_CHARS_MAX: Final = 500
_FULL: Final = or_(
    func.length(_TABLE.c.trace_context) > _TRACE_CONTEXT_CHARS_MAX,
    func.strpos(_TABLE.c.trace_context, _INSERT.excluded.trace_context) > 0,
)
_ENQUEUE: Final = _INSERT.on_conflict_do_update(
    index_elements=["tenant_id", "key"],
    index_where=WAITING,
    set_={
        "run_at": func.least(_TABLE.c.run_at, _INSERT.excluded.run_at),
        "priority": func.greatest(_TABLE.c.priority, _INSERT.excluded.priority),
        "trace_context": case(
            (_INSERT.excluded.trace_context.is_(None) | _FULL, _TABLE.c.trace_context),
            else_=func.concat_ws(" ", _TABLE.c.trace_context, _INSERT.excluded.trace_context),
        ),
    },
)


def enqueue(tx: Tx, specs: Iterable[JobSpec]) -> int:
    """Write the jobs whose key does not wait already; an earlier ``run_at`` of the same wish wins. Return how many.

    One statement for all. The rows exist if and only if the transaction commits.
    """
    kept = tracing.to_keep()
    rows = {spec.key: _row(spec, tx.tenant.id, tx.tenant.role, tx.now, tx.trace_id, kept) for spec in specs}
    if rows:
        # In the order of the keys, so that two publishers of the same wishes queue instead of dead-locking.
        tx.session.execute(_ENQUEUE, parameters(rows[key] for key in sorted(rows)))
        tx.cache[WROTE_JOBS] = True
    return len(rows)


def enqueue_at_tenants(tx: ControlTx, partner_id: UUID, spec: JobSpec) -> None:
    """The same wish at each tenant of a partner, in the control plane's transaction. One statement and a look-up."""
    query = select(TenantRow.id, TenantRow.role_name).where(
        TenantRow.partner_id == partner_id, TenantRow.state != "erased"
    )
    kept = tracing.to_keep()
    rows = [
        _row(spec, tenant.id, tenant.role_name, tx.now, tx.trace_id, kept)
        for tenant in tx.session.execute(query.order_by("id"))
    ]
    if rows:
        tx.session.execute(_ENQUEUE, parameters(rows))


def _row(
    spec: JobSpec, tenant_id: UUID, role: str, now: datetime, trace_id: str | None, trace_context: str | None
) -> dict[str, Any]:
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
        "trace_context": trace_context,
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
