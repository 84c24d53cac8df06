"""Use case: somebody takes a held message, is given it, or gives it back."""

from uuid import UUID

from billwright.audit.record import record
from billwright.checks.assign_exception import works_here
from billwright.intake.lock_held import lock_held
from billwright.intake.tables import HeldMessageRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def assign_message(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    message_id: UUID,
    *,
    person_id: UUID | None,
    trace_id: str | None = None,
) -> HeldMessageRow:
    """Give a held message to a person who works in this tenant, or to nobody; return its place on the desk.

    Raises:
        PermissionDeniedError: without ``message:retry``.
        NotFoundError: no such message here.
        ConflictError: it is not held.
        InputInvalidError: the person has no role in this tenant.
    """
    actor.require("message:retry")
    if person_id is not None and not works_here(database, tenant, person_id):
        raise InputInvalidError("This person has no role here; name somebody who works in this tenant.", field="person")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        _, row = lock_held(tx, message_id)
        if row.assignee_id != person_id:
            before, row.assignee_id = row.assignee_id, person_id
            record(
                tx,
                "message.assigned",
                "message",
                message_id,
                before={"assignee": before},
                after={"assignee": person_id},
            )
    return row
