"""Take source messages: each item checked by itself, stored raw, known ones told apart, one job and one audit entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from billwright.audit.record import record
from billwright.intake.envelope import (
    CloudEventIn,
    RefusedError,
    check_event,
    content_of,
    decode_event,
    sequence_of,
    time_of,
)
from billwright.intake.errors import BatchTooLargeError
from billwright.intake.native import Units, decode_native, is_native, undeclared_unit
from billwright.intake.pressure import check_room
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import Actor
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tenant, Tx, transaction

BATCH_MAX: Final = 1_000
APPLY: Final = "intake.apply"

Channel = Literal["api", "webhook", "file", "import"]
Status = Literal["accepted", "duplicate", "conflict", "refused"]


class MessageResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item. ``id`` is the sender's, ``message_id`` ours; ``field`` and ``detail`` say why it was not taken."""

    index: int
    id: str | None
    status: Status
    message_id: UUID | None = None
    field: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The connection through which messages came, as a value."""

    id: UUID
    name: str
    connector: str
    source: str
    settings: Mapping[str, Any]
    person_id: UUID | None

    @classmethod
    def of(cls, row: ConnectionRow) -> "Connection":
        return cls(
            id=row.id,
            name=row.name,
            connector=row.connector,
            source=row.source,
            settings=row.settings,
            person_id=row.person_id,
        )


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``source_message``; ``data`` goes into the statement as the bytes that were sent."""

    id: UUID
    connection_id: UUID | None
    source: str
    message_id: str
    type: str
    subject: str
    time: datetime
    sequence: int | None
    data: msgspec.Raw
    sha256: str
    channel: str
    person_id: UUID | None
    received_at: datetime
    state: str = "received"


@dataclass(frozen=True, slots=True)
class _Item:
    index: int
    event: CloudEventIn
    sha256: str
    units: Units


_TABLE: Final = table_of(SourceMessageRow)
_INCOMING: Final = recordset([_TABLE.c[name] for name in _Row.__struct_fields__])
_JSON_NULL: Final = cast(literal_column("'null'"), JSONB())
_STORE: Final = (
    insert(_TABLE)
    .from_select(
        list(_Row.__struct_fields__),
        # JSON's null is data like any other; as a column of a recordset it would arrive as no value at all.
        select(*(func.coalesce(each, _JSON_NULL) if each.name == "data" else each for each in _INCOMING.c)),
    )
    .on_conflict_do_nothing(index_elements=["source", "message_id"])
    .returning(_TABLE.c.id)
)
_ASKED: Final = recordset([column("source", Text()), column("message_id", Text())], name="asked")
_KNOWN: Final = select(_TABLE.c.source, _TABLE.c.message_id, _TABLE.c.id, _TABLE.c.sha256).join(
    _ASKED, (_TABLE.c.source == _ASKED.c.source) & (_TABLE.c.message_id == _ASKED.c.message_id)
)


def store_messages(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    raw_events: Sequence[CloudEventIn | msgspec.Raw | bytes],
    *,
    channel: Channel,
    connection: Connection | None = None,
    trace_id: str | None = None,
) -> list[MessageResult]:
    """Store up to 1,000 events, each judged by itself, and answer after COMMIT: what is ``accepted`` is never lost.

    One result per item, in order. ``duplicate`` was stored before with the same content, ``conflict`` with another one.
    The statements are the same few for any number of items.

    Raises:
        PermissionDeniedError: the actor may not write messages.
        BatchTooLargeError: more than 1,000 items.
        TenantSuspendedError: nothing is taken for a suspended tenant.
        IntakeFullError: too much waits already; come again later.
    """
    actor.require("message:write")
    results, items = read_events(raw_events)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        store_in(tx, items, results, channel=channel, connection=connection)
    return [results[index] for index in range(len(raw_events))]


def read_events(
    raw_events: Sequence[CloudEventIn | msgspec.Raw | bytes],
) -> tuple[dict[int, MessageResult], list[_Item]]:
    """Refusals by index, and the items that can be stored. Pure, so that it runs before any transaction.

    Raises:
        BatchTooLargeError: more than 1,000 items.
    """
    if len(raw_events) > BATCH_MAX:
        raise BatchTooLargeError(
            f"{len(raw_events)} messages in one batch; send at most {BATCH_MAX} at a time.", limit=BATCH_MAX
        )
    results: dict[int, MessageResult] = {}
    items: list[_Item] = []
    for index, raw in enumerate(raw_events):
        identifier: str | None = None
        try:
            event = raw if isinstance(raw, CloudEventIn) else decode_event(raw)
            identifier = event.id
            check_event(event)
            sha256 = content_of(event)
            units = decode_native(event.type, event.data)[1] if is_native(event.type) else []
            items.append(_Item(index, event, sha256, units))
        except RefusedError as refusal:
            results[index] = _refused(index, identifier, refusal)
    return results, items


def store_in(
    tx: Tx,
    items: Sequence[_Item],
    results: dict[int, MessageResult],
    *,
    channel: Channel,
    connection: Connection | None = None,
) -> None:
    """Store in the caller's transaction and add to ``results``. Six statements at most.

    Raises:
        IntakeFullError: too much waits already; what comes from folders and imports waits in its own place.
    """
    if channel in {"api", "webhook"}:
        check_room(tx)
    firsts = _firsts(_allowed(tx, items, results), results)
    if not firsts:
        return
    person_id = tx.actor.person_id or (connection.person_id if connection else None)
    rows = {
        key: _Row(
            id=new_id(),
            connection_id=connection.id if connection else None,
            source=item.event.source,
            message_id=item.event.id,
            type=item.event.type,
            subject=item.event.subject,
            time=time_of(item.event, tx.now),
            sequence=sequence_of(item.event),
            data=item.event.data,
            sha256=item.sha256,
            channel=channel,
            person_id=person_id,
            received_at=tx.now,
        )
        for key, item in sorted(firsts.items())  # one order for all writers: they wait for each other, never in a ring
    }
    stored = set(tx.session.scalars(_STORE, parameters(rows.values())))
    known = _known(tx, [key for key, row in rows.items() if row.id not in stored])
    for key, row in rows.items():
        index = firsts[key].index
        if row.id in stored:
            results[index] = MessageResult(index=index, id=row.message_id, status="accepted", message_id=row.id)
        else:
            results[index] = _repeated(index, row.message_id, row.sha256, *known[key])
    for item in items:
        if item.index not in results:  # another item of this batch with the same id came first
            first = rows[(item.event.source, item.event.id)]
            known_id, sha256 = known.get((first.source, first.message_id), (first.id, first.sha256))
            results[item.index] = _repeated(item.index, first.message_id, item.sha256, known_id, sha256)
    if stored:
        _follow_up(tx, [row for row in rows.values() if row.id in stored], channel, connection)


def _allowed(tx: Tx, items: Sequence[_Item], results: dict[int, MessageResult]) -> list[_Item]:
    allowed = []
    for item in items:
        refusal = undeclared_unit(tx, item.units) if item.units else None
        if refusal is None:
            allowed.append(item)
        else:
            results[item.index] = _refused(item.index, item.event.id, refusal)
    return allowed


def _firsts(items: Sequence[_Item], results: Mapping[int, MessageResult]) -> dict[tuple[str, str], _Item]:
    firsts: dict[tuple[str, str], _Item] = {}
    for item in items:
        if item.index not in results:
            firsts.setdefault((item.event.source, item.event.id), item)
    return firsts


def _known(tx: Tx, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[UUID, str]]:
    if not keys:
        return {}
    asked = parameters({"source": source, "message_id": message_id} for source, message_id in keys)
    return {(source, name): (known_id, sha256) for source, name, known_id, sha256 in tx.session.execute(_KNOWN, asked)}


def _follow_up(tx: Tx, rows: Sequence[_Row], channel: Channel, connection: Connection | None) -> None:
    """The job and the audit entry. Accepted messages are applied in batches, however few workers there are."""
    ids = [row.id for row in rows]
    enqueue(tx, [JobSpec(kind=APPLY, key=f"apply:{ids[0]}", payload={"message_ids": ids})])
    after = {
        "count": len(ids),
        "first": ids[0],
        "channel": channel,
        "sources": sorted({row.source for row in rows})[:20],
    }
    record(
        tx,
        "messages.stored",
        "connection" if connection else "message",
        connection.id if connection else None,
        after=after,
    )


def _refused(index: int, identifier: str | None, refusal: RefusedError) -> MessageResult:
    return MessageResult(index=index, id=identifier, status="refused", field=refusal.field, detail=str(refusal))


def _repeated(index: int, identifier: str, sha256: str, known_id: UUID, known_sha256: str) -> MessageResult:
    if sha256 == known_sha256:
        return MessageResult(index=index, id=identifier, status="duplicate", message_id=known_id)
    return MessageResult(
        index=index,
        id=identifier,
        status="conflict",
        message_id=known_id,
        field="id",
        detail="A message with this source and id is stored with other content. Send the change under a new id.",
    )
