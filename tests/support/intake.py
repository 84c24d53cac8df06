"""Making and applying source messages in tests, and reading what came of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import event, insert, select

from billwright.canon.rows import TABLES
from billwright.canon.tables import ContractVersionRow, ExternalReferenceRow
from billwright.intake.apply_messages import apply_stored, count_states
from billwright.intake.store_messages import Connection, MessageResult, store_messages
from billwright.intake.tables import ConnectionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tenant, transaction

TIME = "2026-02-01T10:00:00Z"


def message(kind: str, number: int, /, *, time: str = TIME, sequence: int | None = None, **data: Any) -> bytes:
    """A CloudEvent of one of our own types; ``number`` makes its id."""
    envelope = {
        "specversion": "1.0",
        "id": f"m-{number}",
        "source": "psa",
        "type": f"billwright.{kind}.v1",
        "time": time,
    }
    if sequence is not None:
        envelope["sequence"] = str(sequence)
    return msgspec.json.encode(envelope | {"data": data})


def store(database: Database, tenant: Tenant, *messages: bytes) -> list[MessageResult]:
    return store_messages(database, tenant, SYSTEM, messages, channel="api")


def store_and_apply(
    database: Database, tenant: Tenant, *messages: bytes, connectors: Mapping[str, Any] | None = None
) -> Mapping[str, int]:
    """States of the messages afterwards, counted."""
    ids = [result.message_id for result in store(database, tenant, *messages) if result.message_id is not None]
    with transaction(database, tenant, SYSTEM) as tx:
        return count_states(apply_stored(tx, ids, connectors or {}))


def canonical_rows(database: Database, tenant: Tenant) -> dict[str, list[Any]]:
    """All canonical rows with references instead of identifiers, without what depends on arrival."""
    arrival = {"message_id", "updated_at"}
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        references = {
            row.object_id: f"{row.kind}:{row.ref}" for row in tx.session.scalars(select(ExternalReferenceRow))
        }
        result: dict[str, list[Any]] = {"references": sorted(references.values())}

        def readable(value: Any) -> Any:
            if isinstance(value, list):
                return [readable(each) for each in value]
            return references.get(value, plain(value)) if value.__hash__ else plain(value)

        for kind, row_type in TABLES.items():
            rows = tx.session.execute(select(table_of(row_type))).mappings()
            kept = [{k: readable(v) for k, v in row.items() if k not in arrival | {"rates"}} for row in rows]
            result[kind] = sorted(kept, key=lambda row: row["ref"])
        versions = tx.session.execute(select(ContractVersionRow.contract_id, ContractVersionRow.origin_id))
        result["versions"] = sorted(f"{references[one]} {references[other]}" for one, other in versions)
    return result


def besides_the_door(statements: Sequence[str]) -> int:
    """How many statements, without the one by which the door asks for room: once in a while, whoever comes then."""
    return sum("count(*)" not in each or "control.job" not in each for each in statements)


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """The statements sent to the server meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def statuses(results: Sequence[MessageResult]) -> list[str]:
    return [result.status for result in results]


def make_connection(
    database: Database,
    tenant: Tenant,
    *,
    name: str = "files",
    connector: str = "native",
    settings: Mapping[str, Any] | None = None,
    hook_secret: str | None = None,
    enabled: bool = True,
) -> Connection:
    """A connection of the tenant, as onboarding makes them; ``hook_secret`` is sealed already."""
    identifier = new_id()
    row = {
        "id": identifier,
        "name": name,
        "connector": connector,
        "source": f"source-of-{name}",
        "settings": settings or {},
        "secrets": None,
        "hook_secret": hook_secret,
        "enabled": enabled,
        "person_id": new_id(),
    }
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(insert(ConnectionRow), [row])
        return Connection.of(tx.session.get_one(ConnectionRow, identifier))
