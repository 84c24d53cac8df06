"""Writing jobs and publishing domain events, in the business transaction."""

from collections.abc import Iterable
from typing import Any, Final, cast

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from billwright.jobs.tables import WAITING, JobRow
from billwright.kernel.canonical_json import plain
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx

_TABLE: Final = table_of(JobRow)
_COLUMNS: Final = (
    "id", "tenant_id", "role_name", "queue", "kind", "key", "payload", "state", "priority", "run_at", "trace_id",
    "created_at", "updated_at",
)  # fmt: skip
_INCOMING: Final = recordset([_TABLE.c[name] for name in _COLUMNS])
_INSERT: Final = insert(_TABLE).from_select(list(_COLUMNS), select(*_INCOMING.c))
_ENQUEUE: Final = _INSERT.on_conflict_do_update(
    index_elements=["tenant_id", "key"],
    index_where=WAITING,
    set_={
        "run_at": func.least(_TABLE.c.run_at, _INSERT.excluded.run_at),
        "priority": func.greatest(_TABLE.c.priority, _INSERT.excluded.priority),
    },
)


def enqueue(tx: Tx, specs: Iterable[JobSpec]) -> int:
    """Write the jobs whose key does not wait already; an earlier ``run_at`` of the same wish wins. Return how many.

    One statement for all. The rows exist if and only if the transaction commits.
    """
    rows = {spec.key: _values(tx, spec) for spec in specs}
    if rows:
        # In the order of the keys, so that two publishers of the same wishes queue instead of dead-locking.
        tx.session.execute(_ENQUEUE, parameters(rows[key] for key in sorted(rows)))
    return len(rows)


def _values(tx: Tx, spec: JobSpec) -> dict[str, Any]:
    return {
        "id": new_id(),
        "tenant_id": tx.tenant.id,
        "role_name": tx.tenant.role,
        "queue": spec.kind.partition(".")[0],
        "kind": spec.kind,
        "key": spec.key,
        "payload": cast("dict[str, Any]", plain(spec.payload)),
        "state": "queued",
        "priority": spec.priority,
        "run_at": spec.run_at or tx.now,
        "trace_id": tx.trace_id,
        "created_at": tx.now,
        "updated_at": tx.now,
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
