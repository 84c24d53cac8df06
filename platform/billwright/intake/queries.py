"""Reads of intake: messages for people and API."""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, func, select

from billwright.intake.tables import DropFileRow, SourceMessageRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.transaction import Tx

_LISTED: Final[tuple[Any, ...]] = (
    SourceMessageRow.id, SourceMessageRow.source, SourceMessageRow.message_id, SourceMessageRow.type,
    SourceMessageRow.subject, SourceMessageRow.time, SourceMessageRow.sequence, SourceMessageRow.channel,
    SourceMessageRow.received_at, SourceMessageRow.state, SourceMessageRow.reason, SourceMessageRow.field,
    SourceMessageRow.applied_at,
)  # fmt: skip


def list_messages(
    tx: Tx,
    *,
    limit: int,
    cursor: str | None = None,
    state: str | None = None,
    event_type: str | None = None,
    source: str | None = None,
) -> Slice[Any]:
    """Rows of messages without their data, newest first.

    Raises:
        PermissionDeniedError: the actor may not read messages.
        InputInvalidError: the cursor is not from this list.
    """
    tx.actor.require("message:read")
    query = select(*_LISTED).order_by(SourceMessageRow.id.desc()).limit(limit + 1)
    for column, wanted in (
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
    """One message, and its data as it was sent but for white space and the order of keys.

    Raises:
        PermissionDeniedError: the actor may not read messages.
        NotFoundError: there is none.
    """
    tx.actor.require("message:read")
    query = select(*_LISTED, cast(SourceMessageRow.data, Text).label("content")).where(
        SourceMessageRow.id == message_id
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no message {show('msg', message_id)} here.")
    return row, msgspec.Raw(row.content.encode())


def count_messages(tx: Tx) -> dict[str, int]:
    """State to number of messages, for the tenant's home."""
    query = select(SourceMessageRow.state, func.count()).group_by(SourceMessageRow.state)
    return {row[0]: row[1] for row in tx.session.execute(query)}


def recent_files(tx: Tx, limit: int = 20) -> list[DropFileRow]:
    """The files last taken from the drop folder."""
    query = select(DropFileRow).order_by(DropFileRow.id.desc()).limit(limit)
    return list(tx.session.scalars(query))
