"""Use case: a held message rests until a day, because its cause is known and somebody else mends it."""

from datetime import datetime
from uuid import UUID

from billwright.audit.record import record
from billwright.intake.lock_held import check_reason, check_until, lock_held
from billwright.intake.tables import HeldMessageRow
from billwright.kernel.actor import Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def snooze_message(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    message_id: UUID,
    *,
    until: datetime,
    reason: str,
    trace_id: str | None = None,
) -> HeldMessageRow:
    """Nobody need look until then. Another try by hand, or whatever mends the message, ends it.

    Raises:
        PermissionDeniedError: without ``message:retry``.
        NotFoundError: no such message here.
        ConflictError: it is not held.
        InputInvalidError: no reason, or an end that is past or more than 90 days away.
    """
    actor.require("message:retry")
    note = check_reason(reason, "what is waited for")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        moment = check_until(tx, until)
        _, row = lock_held(tx, message_id)
        row.snoozed_until, row.note = moment, note
        record(tx, "message.snoozed", "message", message_id, after={"until": moment}, reason=note)
    return row
