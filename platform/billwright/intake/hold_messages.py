"""Messages that are held: what the desk keeps of them, and how they resolve by themselves.

A held message of our own types is about one object, ``(kind, data.ref)``, though its content cannot be taken. Once anything
newer about that object is applied, by the order of all messages (sequence, time, identifier), the held one has nothing left
to say and becomes ``superseded``; the same holds for one that comes, or is tried again, after the newer one. Of a
connector's type only its mapping knows what it is about: such a message resolves when it is mapped, and never by a guess.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, case, column, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from billwright.audit.record import record
from billwright.canon.incoming import NO_SEQUENCE, Incoming, Pair, place_of_row
from billwright.canon.references import find_ids
from billwright.canon.rows import TABLES
from billwright.extension.message_types import TYPE
from billwright.intake.mapping import Stored, Why
from billwright.intake.native import NATIVE_TYPES
from billwright.intake.tables import HeldMessageRow, SourceMessageRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx

OLDER: Final = "Something newer about the same object is known already; an older message never wins."
RESOLVED: Final = "A newer message about the same object was applied while this one was held; nothing is left to mend."
LOOK_AGAIN: Final = "intake.look_at_held"
LOOK_AFTER: Final = timedelta(seconds=30)
"""By then whatever was applied at the very moment at which a message was held is committed, too."""

Place = tuple[int, datetime, bytes]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The new state of one message; ``why`` of a held one."""

    id: UUID
    state: str
    reason: str | None = None
    field: str | None = None
    why: Why | None = None


class _Named(msgspec.Struct, frozen=True):
    ref: str


_MESSAGES: Final = table_of(SourceMessageRow)
_DESK: Final = table_of(HeldMessageRow)
_REF: Final = msgspec.json.Decoder(_Named)
_KINDS: Final = {each.name: each.name.partition(".")[2] for each in NATIVE_TYPES}
_OUTCOMES: Final = recordset(
    [column("id", Uuid()), column("state", Text()), column("reason", Text()), column("field", Text())], name="outcome"
)
_WRITE: Final = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == _OUTCOMES.c.id)
    .values(state=_OUTCOMES.c.state, reason=_OUTCOMES.c.reason, field=_OUTCOMES.c.field)
)
_KEPT: Final = ("message_id", "why", "object_kind", "object_ref", "held_at", "tries", "tried_at")
_HOLD_ROWS: Final = recordset([_DESK.c[name] for name in _KEPT])
_HOLD: Final = insert(_DESK).from_select(list(_KEPT), select(*_HOLD_ROWS.c))
_OVER: Final = _DESK.c.closed_at.is_not(None)  # it was mended once and is held anew
_KEEP: Final = _HOLD.on_conflict_do_update(
    index_elements=["message_id"],
    set_={
        **{name: _HOLD.excluded[name] for name in ("why", "object_kind", "object_ref", "tried_at")},
        "held_at": case((_OVER, _HOLD.excluded.held_at), else_=_DESK.c.held_at),
        "tries": case((_OVER, 1), else_=_DESK.c.tries + 1),
        "closed_at": None,
        "closed_how": None,
        "closed_by": None,
    },
)
_ENDED: Final = recordset([column("id", Uuid()), column("state", Text())], name="ended")
_END: Final = (
    update(_DESK)
    .where(_DESK.c.message_id == _ENDED.c.id, _DESK.c.closed_at.is_(None))
    .values(closed_how=_ENDED.c.state, proposal_id=None)
)
_ANY: Final = select(exists().where(_DESK.c.closed_at.is_(None), _DESK.c.object_ref.is_not(None)))
_NEWER: Final = recordset([column("kind", Text()), column("ref", Text())], name="newer")
_OLDER: Final = (
    select(
        _DESK.c.message_id, _DESK.c.object_kind, _DESK.c.object_ref, _MESSAGES.c.sequence, _MESSAGES.c.time,
        _MESSAGES.c.message_id.label("name"), _MESSAGES.c.source,
    )
    .join(_NEWER, (_NEWER.c.kind == _DESK.c.object_kind) & (_NEWER.c.ref == _DESK.c.object_ref))
    .join(_MESSAGES, _MESSAGES.c.id == _DESK.c.message_id)
    .where(_DESK.c.closed_at.is_(None), _MESSAGES.c.state == "held")
    .order_by(_DESK.c.message_id)
    .with_for_update(of=_MESSAGES, skip_locked=True)
)  # fmt: skip


def object_of(event_type: str, data: str) -> Pair | None:
    """Which object a message of our own types is about, whatever its version and content; None where it does not say."""
    match = TYPE.fullmatch(event_type)
    kind = _KINDS.get(match["name"]) if match else None
    if kind is None:
        return None
    try:
        return kind, _REF.decode(data).ref
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def write_outcomes(tx: Tx, outcomes: Sequence[Outcome]) -> None:
    """The messages' new states. One statement."""
    if outcomes:
        tx.session.execute(_WRITE.values(applied_at=tx.now), parameters(outcomes))


def supersede_known(tx: Tx, messages: Sequence[Stored], held: Sequence[Outcome]) -> list[Outcome]:
    """``held`` as they are, but ``superseded`` where something newer about the object is stored.

    No statement without held messages that name their object, else one and one per kind of object.
    """
    if not held:
        return []
    stored = {each.id: each for each in messages}
    about = {each.id: object_of(stored[each.id].type, stored[each.id].data) for each in held}
    known = _places(tx, {pair for pair in about.values() if pair is not None})
    outcomes = []
    for each in held:
        pair = about[each.id]
        newer = known.get(pair) if pair is not None else None
        late = newer is not None and newer > _place(stored[each.id])
        outcomes.append(Outcome(id=each.id, state="superseded", reason=OLDER) if late else each)
    return outcomes


def keep_on_desk(tx: Tx, messages: Sequence[Stored], outcomes: Sequence[Outcome]) -> None:
    """Note what is held, and close what no longer is. No statement for messages that are applied at once."""
    stored = {each.id: each for each in messages}
    held = [each for each in outcomes if each.state == "held"]
    if held:
        tx.session.execute(_KEEP, parameters(_row(tx, stored[each.id], each) for each in held))
        named = [each.id for each in held if object_of(stored[each.id].type, stored[each.id].data) is not None]
        if named:
            spec = JobSpec(
                kind=LOOK_AGAIN, key=f"look:{named[0]}", payload={"message_ids": named}, run_at=tx.now + LOOK_AFTER
            )
            enqueue(tx, [spec])
    ended = [each for each in outcomes if each.state != "held" and stored[each.id].state == "held"]
    if ended:
        tx.session.execute(_END.values(closed_at=tx.now), parameters(ended))


def resolve_older(tx: Tx, items: Iterable[Incoming]) -> int:
    """End the held messages that are older than ``items``, which were just applied; return how many.

    One statement while nothing of the kind is held.
    """
    newest: dict[Pair, Incoming] = {}
    for item in items:
        known = newest.get(item.pair)
        if known is None or known.place < item.place:
            newest[item.pair] = item
    if not newest or not tx.session.scalar(_ANY):
        return 0
    pairs = parameters({"kind": kind, "ref": ref} for kind, ref in sorted(newest))
    older = {
        row.message_id: newest[row.object_kind, row.object_ref].message_id
        for row in tx.session.execute(_OLDER, pairs)
        if _place_of(row.sequence, row.time, row.name, row.source) < newest[row.object_kind, row.object_ref].place
    }
    _end(tx, older)
    return len(older)


def look_at_held(tx: Tx, message_ids: Sequence[UUID]) -> int:
    """End those of the held messages about whose object something newer is stored by now; return how many."""
    query = select(*(_MESSAGES.c[name] for name in ("id", "message_id", "source", "sequence", "time")), _DESK.c.object_kind,
                   _DESK.c.object_ref)  # fmt: skip
    query = query.join(_DESK, _DESK.c.message_id == _MESSAGES.c.id).where(
        _MESSAGES.c.id.in_(message_ids), _MESSAGES.c.state == "held", _DESK.c.object_ref.is_not(None)
    )
    rows = tx.session.execute(query.order_by(_MESSAGES.c.id).with_for_update(of=_MESSAGES)).all()
    known = _places(tx, {(row.object_kind, row.object_ref) for row in rows})
    older: dict[UUID, UUID | None] = {
        row.id: None
        for row in rows
        if (newer := known.get((row.object_kind, row.object_ref))) is not None
        and newer > _place_of(row.sequence, row.time, row.message_id, row.source)
    }
    _end(tx, older)
    return len(older)


def _end(tx: Tx, older: dict[UUID, UUID | None]) -> None:
    """Held message to the newer one, where it is known."""
    if not older:
        return
    write_outcomes(tx, [Outcome(id=each, state="superseded", reason=RESOLVED) for each in older])
    pairs = recordset([column("id", Uuid()), column("newer", Uuid())], name="pairs")
    statement = update(_DESK).where(_DESK.c.message_id == pairs.c.id)
    values = {"closed_at": tx.now, "closed_how": "resolved", "closed_by": pairs.c.newer, "proposal_id": None}
    tx.session.execute(statement.values(values), parameters({"id": old, "newer": new} for old, new in older.items()))
    ids = sorted(older)
    after = {"count": len(ids), "first": ids[0], "last": ids[-1]}
    record(tx, "messages.resolved", "message", ids[0] if len(ids) == 1 else None, after=after)


def _places(tx: Tx, pairs: set[Pair]) -> dict[Pair, Place]:
    """Where the stored objects stand in the order. Payments keep no row of their own here and are never found."""
    ids = find_ids(tx, [pair for pair in pairs if pair[0] in TABLES])
    found: dict[Pair, Place] = {}
    for kind in sorted({kind for kind, _ in ids}):
        table = table_of(TABLES[kind])
        pair_of = {identifier: pair for pair, identifier in ids.items() if pair[0] == kind}
        query = select(table.c.id, table.c.source_sequence, table.c.source_time, table.c.source_key)
        for row in tx.session.execute(query.where(table.c.id.in_(pair_of))):
            found[pair_of[row.id]] = place_of_row(row)
    return found


def _place(message: Stored) -> Place:
    return _place_of(message.sequence, message.time, message.message_id, message.source)


def _place_of(sequence: int | None, time: datetime, name: str, source: str) -> Place:
    """As ``Incoming.place``."""
    return (NO_SEQUENCE if sequence is None else sequence, time, f"{name} {source}".encode())


def _row(tx: Tx, message: Stored, outcome: Outcome) -> dict[str, Any]:
    kind, ref = object_of(message.type, message.data) or (None, None)
    return {
        "message_id": message.id, "why": outcome.why, "object_kind": kind, "object_ref": ref, "held_at": tx.now, "tries": 1,
        "tried_at": tx.now,
    }  # fmt: skip
