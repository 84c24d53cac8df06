"""Stored messages into canonical rows: a whole batch at once; what cannot be mapped is held with a reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, column, update
from sqlalchemy.exc import DataError, IntegrityError

from billwright.audit.record import record
from billwright.canon.apply import apply_objects
from billwright.canon.incoming import Incoming
from billwright.intake.mapping import Connectors, Held, Mapped, Stored, load_messages, map_messages
from billwright.intake.tables import SourceMessageRow
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx

OLDER: Final = "Something newer about the same object is known already; an older message never wins."


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The new state of one message."""

    id: UUID
    state: str
    reason: str | None = None
    field: str | None = None


_TABLE: Final = table_of(SourceMessageRow)
_OUTCOMES: Final = recordset(
    [column("id", Uuid()), column("state", Text()), column("reason", Text()), column("field", Text())], name="outcome"
)


def apply_stored(
    tx: Tx, message_ids: Sequence[UUID], connectors: Connectors, *, states: Sequence[str] = ("received",)
) -> list[Outcome]:
    """Apply those of ``message_ids`` that are in ``states``; others are done already. In the caller's transaction.

    The messages are locked in one order, so that two workers given the same ones take turns.
    """
    wanted = sorted(set(message_ids))
    where = (SourceMessageRow.id.in_(wanted), SourceMessageRow.state.in_(states))
    messages = load_messages(tx, *where, lock=True)
    if not messages:
        return []
    outcomes = apply_mapped(tx, messages, map_messages(tx, messages, connectors))
    counts = {state: sum(each.state == state for each in outcomes) for state in ("applied", "superseded", "held")}
    record(tx, "messages.applied", "message", None, after=counts | {"first": messages[0].id, "last": messages[-1].id})
    return outcomes


def apply_mapped(tx: Tx, messages: Sequence[Stored], mapped: Sequence[Mapped]) -> list[Outcome]:
    """Write the objects of ``mapped`` (one entry per message) and the messages' new states."""
    batch = [(message, each) for message, each in zip(messages, mapped, strict=True) if not isinstance(each, Held)]
    held = [
        Outcome(id=message.id, state="held", reason=each.reason, field=each.field)
        for message, each in zip(messages, mapped, strict=True)
        if isinstance(each, Held)
    ]
    outcomes = [*held, *_apply_together(tx, batch)]
    _write(tx, outcomes, tx.now)
    return outcomes


def _apply_together(tx: Tx, batch: Sequence[tuple[Stored, Sequence[Incoming]]]) -> list[Outcome]:
    """All at once; if the database refuses a value, one message by one, so that only the bad one is held."""
    try:
        with tx.session.begin_nested():
            return _apply(tx, batch)
    except (DataError, IntegrityError) as error:
        if len(batch) == 1:
            reason = "The database cannot hold a value of this message; correct it at the source and send it anew."
            detail = str(error.orig).partition("\n")[0][:200]
            return [Outcome(id=batch[0][0].id, state="held", reason=f"{reason} ({detail})")]
    return [outcome for single in batch for outcome in _apply_together(tx, [single])]


def _apply(tx: Tx, batch: Sequence[tuple[Stored, Sequence[Incoming]]]) -> list[Outcome]:
    items = [item for _, objects in batch for item in objects]
    superseded = apply_objects(tx, items).superseded if items else frozenset()
    outcomes, position = [], 0
    for message, objects in batch:
        positions = range(position, position + len(objects))
        position += len(objects)
        old = len(positions) > 0 and all(each in superseded for each in positions)
        state, reason = ("superseded", OLDER) if old else ("applied", None)
        outcomes.append(Outcome(id=message.id, state=state, reason=reason))
    return outcomes


_UPDATE: Final = (
    update(_TABLE)
    .where(_TABLE.c.id == _OUTCOMES.c.id)
    .values(state=_OUTCOMES.c.state, reason=_OUTCOMES.c.reason, field=_OUTCOMES.c.field)
)


def _write(tx: Tx, outcomes: Sequence[Outcome], now: datetime) -> None:
    if outcomes:
        tx.session.execute(_UPDATE.values(applied_at=now), parameters(outcomes))


def count_states(outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    """State to number of messages."""
    counts: dict[str, int] = {}
    for each in outcomes:
        counts[each.state] = counts.get(each.state, 0) + 1
    return counts
