"""Stored messages into canonical rows: a whole batch at once; what cannot be mapped is held with a reason."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.exc import DataError, IntegrityError

from billwright.audit.record import record
from billwright.canon.apply import apply_objects
from billwright.canon.incoming import Incoming
from billwright.intake.hold_messages import (
    OLDER,
    Outcome,
    keep_on_desk,
    resolve_older,
    supersede_known,
    write_outcomes,
)
from billwright.intake.mapping import Connectors, Held, Mapped, Stored, load_messages, map_messages
from billwright.intake.tables import SourceMessageRow
from billwright.kernel import tracing
from billwright.tenancy.transaction import Tx


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
    if counts["held"] == len(outcomes):
        tracing.refused("held")
    record(tx, "messages.applied", "message", None, after=counts | {"first": messages[0].id, "last": messages[-1].id})
    return outcomes


def apply_mapped(tx: Tx, messages: Sequence[Stored], mapped: Sequence[Mapped]) -> list[Outcome]:
    """Write the objects of ``mapped`` (one entry per message) and the messages' new states."""
    batch = [(message, each) for message, each in zip(messages, mapped, strict=True) if not isinstance(each, Held)]
    held = [
        Outcome(id=message.id, state="held", reason=each.reason, field=each.field, why=each.why)
        for message, each in zip(messages, mapped, strict=True)
        if isinstance(each, Held)
    ]
    done = _apply_together(tx, batch)
    outcomes = [*supersede_known(tx, messages, held), *done]
    write_outcomes(tx, outcomes)
    keep_on_desk(tx, messages, outcomes)
    known = {each.id for each in done if each.state != "held"}
    resolve_older(tx, [item for message, objects in batch if message.id in known for item in objects])
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
            return [Outcome(id=batch[0][0].id, state="held", reason=f"{reason} ({detail})", why="wrong_content")]
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


def count_states(outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    """State to number of messages."""
    counts: dict[str, int] = {}
    for each in outcomes:
        counts[each.state] = counts.get(each.state, 0) + 1
    return counts
