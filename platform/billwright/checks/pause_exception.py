"""Use cases: the clock of a held thing stands still until a day, because somebody else has to move first; or goes on early."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.canon.business_time import BusinessTime
from billwright.canon.due import business_time_of
from billwright.checks.tables import ExceptionRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

PAUSE_MAX: Final = timedelta(days=90)
REASON_CHARS: Final = (3, 500)


def pause_exception(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    exception_id: UUID,
    *,
    until: datetime,
    reason: str,
    trace_id: str | None = None,
) -> ExceptionRow:
    """Stop the clock until a moment: what was left of it then is left from there on. Paused again, the new end counts.

    Raises:
        PermissionDeniedError: without ``exception:assign``.
        NotFoundError: no such exception here.
        ConflictError: it is closed.
        InputInvalidError: no reason, or an end that is past or more than 90 days away.
    """
    actor.require("exception:assign")
    if until.tzinfo is None:
        raise InputInvalidError("Give the moment with its time zone.", field="until")
    if not REASON_CHARS[0] <= len(reason.strip()) <= REASON_CHARS[1]:
        raise InputInvalidError("Say in 3 to 500 characters what is waited for.", field="reason")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = _lock(tx, exception_id)
        if not tx.now < until <= tx.now + PAUSE_MAX:
            raise InputInvalidError("Choose an end that lies ahead, at most 90 days.", field="until")
        before = row.due_at
        left = _left(tx, row)
        row.left_s, row.paused_at, row.paused_until, row.paused_why = left, tx.now, until, reason.strip()
        row.due_at = _due(tx, row, until, left)
        record(
            tx, "exception.paused", "exception", row.id, reason=reason.strip(),
            before={"due_at": before}, after={"due_at": row.due_at, "until": until},
        )  # fmt: skip
    return row


def resume_exception(
    database: Database, tenant: Tenant, actor: Actor, exception_id: UUID, *, trace_id: str | None = None
) -> ExceptionRow:
    """Let a paused clock go on now; one that is not paused stays as it is. Raises as ``pause_exception``."""
    actor.require("exception:assign")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = _lock(tx, exception_id)
        if row.paused_until is not None and row.paused_until > tx.now:
            before = row.due_at
            row.due_at = _due(tx, row, tx.now, _left(tx, row))
            row.paused_until, row.left_s = tx.now, None
            record(
                tx, "exception.resumed", "exception", row.id, before={"due_at": before}, after={"due_at": row.due_at}
            )
    return row


def _lock(tx: Tx, exception_id: UUID) -> ExceptionRow:
    query = select(ExceptionRow).where(ExceptionRow.id == exception_id).with_for_update()
    row = tx.session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no exception {show('exc', exception_id)} here.")
    if row.closed_at is not None:
        raise ConflictError("This exception is closed; its clock stands for good.")
    return row


def _left(tx: Tx, row: ExceptionRow) -> int:
    """Seconds of business time that are left; none when it is late. What is paused keeps what it had."""
    if row.paused_until is not None and row.paused_until > tx.now and row.left_s is not None:
        return row.left_s
    times = _times(tx, row)
    left = row.due_at - tx.now if times is None else times.between(tx.now, row.due_at)
    return max(0, int(left.total_seconds()))


def _due(tx: Tx, row: ExceptionRow, start: datetime, left_s: int) -> datetime:
    times = _times(tx, row)
    left = timedelta(seconds=left_s)
    return start + left if times is None else times.after(start, left)


def _times(tx: Tx, row: ExceptionRow) -> BusinessTime | None:
    """Of the legal entity whose invoice it is about, else of the default one."""
    query = select(InvoiceRow.legal_entity_id).where(InvoiceRow.id == row.subject_id)
    return business_time_of(tx, tx.session.scalars(query).one_or_none())
