"""What the desk's use cases share: a held message and its row on the desk, locked, and the limits of words and moments."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billwright.intake.hold_messages import object_of
from billwright.intake.mapping import Stored, load_messages
from billwright.intake.tables import HeldMessageRow, SourceMessageRow
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tx

REASON_CHARS: Final = (3, 500)
SNOOZE_MAX: Final = timedelta(days=90)


def lock_message(tx: Tx, message_id: UUID) -> Stored:
    """The message as it is mapped today, locked.

    Raises:
        NotFoundError: there is none.
    """
    found = load_messages(tx, SourceMessageRow.id == message_id, lock=True)
    if not found:
        raise NotFoundError(f"There is no message {show('msg', message_id)} here.")
    return found[0]


def lock_held(tx: Tx, message_id: UUID) -> tuple[Stored, HeldMessageRow]:
    """A message that is held, and its row on the desk, both locked: the message first, as everybody does.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is not held.
    """
    message = lock_message(tx, message_id)
    if message.state != "held":
        raise ConflictError(f"This message is {message.state}; there is nothing to mend.", state=message.state)
    return message, desk_row(tx, message)


def desk_row(tx: Tx, message: Stored) -> HeldMessageRow:
    """The message's row on the desk; made here for one that an earlier release held."""
    row = tx.session.get(HeldMessageRow, message.id, with_for_update=True)
    if row is None:
        kind, ref = object_of(message.type, message.data) or (None, None)
        row = HeldMessageRow(
            message_id=message.id,
            why="wrong_content",
            object_kind=kind,
            object_ref=ref,
            held_at=message.received_at,
            tries=1,
            tried_at=message.received_at,
        )
        tx.session.add(row)
    return row


def check_reason(reason: str, what: str) -> str:
    """``reason`` without the space around it.

    Raises:
        InputInvalidError: shorter than 3 or longer than 500 characters.
    """
    text = reason.strip()
    if not REASON_CHARS[0] <= len(text) <= REASON_CHARS[1]:
        raise InputInvalidError(f"Say in {REASON_CHARS[0]} to {REASON_CHARS[1]} characters {what}.", field="reason")
    return text


def check_until(tx: Tx, until: datetime) -> datetime:
    """Raises InputInvalidError: no zone, not ahead, or more than 90 days away."""
    if until.tzinfo is None or not tx.now < until <= tx.now + SNOOZE_MAX:
        raise InputInvalidError("Choose a moment with its zone that lies ahead, at most 90 days.", field="until")
    return until
