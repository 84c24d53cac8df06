"""Reads of intake: messages and their corrections, for people and API."""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, Select, Text, and_, case, cast, false, func, select

from billwright.intake.mapping import Why
from billwright.intake.shown_data import shown_json
from billwright.intake.tables import (
    CorrectionDecisionRow,
    DropFileRow,
    HeldMessageRow,
    MessageCorrectionRow,
    SourceMessageRow,
)
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.transaction import Tx

_LISTED: Final[tuple[Any, ...]] = (
    SourceMessageRow.id, SourceMessageRow.source, SourceMessageRow.message_id, SourceMessageRow.type,
    SourceMessageRow.subject, SourceMessageRow.time, SourceMessageRow.sequence, SourceMessageRow.channel,
    SourceMessageRow.received_at, SourceMessageRow.state, SourceMessageRow.reason, SourceMessageRow.field,
    SourceMessageRow.applied_at, SourceMessageRow.correction_id, HeldMessageRow.why, HeldMessageRow.held_at,
    HeldMessageRow.tries, HeldMessageRow.tried_at, HeldMessageRow.assignee_id, HeldMessageRow.snoozed_until,
    HeldMessageRow.note, HeldMessageRow.proposal_id, HeldMessageRow.closed_by,
)  # fmt: skip
NOBODY: Final = "nobody"
CORRECTIONS_MAX: Final = 100


def messages_on_desk(*more: Any) -> Select[*tuple[Any, ...]]:
    """Messages without their data, each with what the desk knows of it."""
    return select(*_LISTED, *more).outerjoin(HeldMessageRow, HeldMessageRow.message_id == SourceMessageRow.id)


def resting(tx: Tx) -> ColumnElement[bool]:
    """Held messages that nobody need look at yet."""
    return func.coalesce(HeldMessageRow.snoozed_until > tx.now, false())


def list_messages(
    tx: Tx,
    *,
    limit: int,
    cursor: str | None = None,
    state: str | None = None,
    event_type: str | None = None,
    source: str | None = None,
    why: Why | None = None,
    assignee: UUID | str | None = None,
    rests: bool | None = None,
) -> Slice[Any]:
    """Rows of messages without their data, newest first.

    ``why``, ``assignee`` (a person, or ``nobody``) and ``rests`` narrow to messages that are held.

    Raises:
        PermissionDeniedError: the actor may not read messages.
        InputInvalidError: the cursor is not from this list.
    """
    tx.actor.require("message:read")
    query = messages_on_desk().order_by(SourceMessageRow.id.desc()).limit(limit + 1)
    if why is not None or assignee is not None or rests is not None:
        query = query.where(SourceMessageRow.state == "held")
    if assignee == NOBODY:
        query = query.where(HeldMessageRow.assignee_id.is_(None))
    elif assignee is not None:
        query = query.where(HeldMessageRow.assignee_id == assignee)
    if rests is not None:
        query = query.where(resting(tx).is_(rests))
    for column, wanted in (
        (HeldMessageRow.why, why),
        (SourceMessageRow.state, state),
        (SourceMessageRow.type, event_type),
        (SourceMessageRow.source, source),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if cursor is not None:
        query = query.where(SourceMessageRow.id < read_cursor(cursor, UUID)[0])
    return cut_page(tx.session.execute(query).all(), limit, lambda row: (row.id,))


def get_message(tx: Tx, message_id: UUID) -> tuple[Any, msgspec.Raw]:
    """One message, and its data as it was sent but for white space, the order of keys, and secrets, which are removed.

    Raises:
        PermissionDeniedError: the actor may not read messages.
        NotFoundError: there is none.
    """
    tx.actor.require("message:read")
    content = cast(SourceMessageRow.data, Text).label("content")
    query = messages_on_desk(content).where(SourceMessageRow.id == message_id)
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no message {show('msg', message_id)} here.")
    return row, msgspec.Raw(shown_json(row.content).encode())


def corrections_of(tx: Tx, message_id: UUID) -> list[Row[Any]]:
    """The newest 100 corrections of a message with what became of each; ``content`` is JSON text without secrets' removal.

    Raises:
        PermissionDeniedError: the actor may not read messages.
    """
    tx.actor.require("message:read")
    query = _corrections().where(MessageCorrectionRow.message_id == message_id)
    return list(tx.session.execute(query.order_by(MessageCorrectionRow.id.desc()).limit(CORRECTIONS_MAX)))


def list_corrections(tx: Tx, *, limit: int, cursor: str | None = None, waiting: bool | None = None) -> Slice[Any]:
    """Corrections of all messages, newest first; ``waiting`` for a decision, or decided or overtaken.

    Raises:
        PermissionDeniedError: the actor may not read messages.
        InputInvalidError: the cursor is not from this list.
    """
    tx.actor.require("message:read")
    query = _corrections().order_by(MessageCorrectionRow.id.desc()).limit(limit + 1)
    if waiting is not None:
        waits = func.coalesce(HeldMessageRow.proposal_id == MessageCorrectionRow.id, false())
        query = query.where(waits.is_(waiting))
    if cursor is not None:
        query = query.where(MessageCorrectionRow.id < read_cursor(cursor, UUID)[0])
    return cut_page(tx.session.execute(query).all(), limit, lambda row: (row.id,))


def get_correction(tx: Tx, correction_id: UUID) -> Row[Any]:
    """One correction.

    Raises:
        PermissionDeniedError: the actor may not read messages.
        NotFoundError: there is none.
    """
    tx.actor.require("message:read")
    row = tx.session.execute(_corrections().where(MessageCorrectionRow.id == correction_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no correction {show('cor', correction_id)} here.")
    return row


def _corrections() -> Select[*tuple[Any, ...]]:
    """With ``state``: waiting, approved, rejected, withdrawn, or overtaken: the message was mended otherwise."""
    row, decision, desk = MessageCorrectionRow, CorrectionDecisionRow, HeldMessageRow
    waits = and_(decision.decision.is_(None), desk.proposal_id == row.id)
    state = func.coalesce(decision.decision, case((waits, "waiting"), else_="overtaken"))
    return (
        select(
            row.id, row.message_id, row.type, cast(row.data, Text).label("content"), row.before_sha256, row.after_sha256,
            row.reason, row.proposed_at, row.proposed_by, row.proposed_by_name, row.proposed_by_email, state.label("state"),
            decision.decided_at, decision.decided_by_name, decision.reason.label("decision_reason"),
        )
        .outerjoin(decision, decision.correction_id == row.id)
        .outerjoin(desk, desk.message_id == row.message_id)
    )  # fmt: skip


def count_messages(tx: Tx) -> dict[str, int]:
    """State to number of messages, for the tenant's home."""
    query = select(SourceMessageRow.state, func.count()).group_by(SourceMessageRow.state)
    return {row[0]: row[1] for row in tx.session.execute(query)}


def recent_files(tx: Tx, limit: int = 20) -> list[DropFileRow]:
    """The files last taken from the drop folder."""
    query = select(DropFileRow).order_by(DropFileRow.id.desc()).limit(limit)
    return list(tx.session.scalars(query))
