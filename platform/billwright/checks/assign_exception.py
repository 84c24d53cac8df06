"""Use case: somebody takes a held thing, is given it, or gives it back."""

from uuid import UUID

from sqlalchemy import exists, or_, select

from billwright.audit.record import record
from billwright.checks.tables import ExceptionRow
from billwright.identity.tables import AccessGrantRow, MembershipRow, PersonRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import ConflictError, InputInvalidError, NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction


def assign_exception(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    exception_id: UUID,
    *,
    person_id: UUID | None,
    trace_id: str | None = None,
) -> ExceptionRow:
    """Give an open exception to a person who works in this tenant, or to nobody; return it as it stands.

    Giving it to whoever has it already changes nothing and leaves no entry.

    Raises:
        PermissionDeniedError: without ``exception:assign``.
        NotFoundError: no such exception here.
        InputInvalidError: the person has no role in this tenant.
        ConflictError: it is closed.
    """
    actor.require("exception:assign")
    if person_id is not None and not works_here(database, tenant, person_id):
        raise InputInvalidError("This person has no role here; name somebody who works in this tenant.", field="person")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        query = select(ExceptionRow).where(ExceptionRow.id == exception_id).with_for_update()
        row = tx.session.scalars(query).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no exception {show('exc', exception_id)} here.")
        if row.closed_at is not None:
            raise ConflictError("This exception is closed; there is nothing left to do about it.")
        if row.assignee_id != person_id:
            before, row.assignee_id = row.assignee_id, person_id
            record(
                tx, "exception.assigned", "exception", row.id,
                before={"assignee": before}, after={"assignee": person_id, "code": row.code},
            )  # fmt: skip
    return row


def works_here(database: Database, tenant: Tenant, person_id: UUID) -> bool:
    """By a role that has not ended, or a live grant; the person must be of the tenant's partner and enabled."""
    with control_transaction(database, SYSTEM) as tx:
        member = exists().where(
            MembershipRow.person_id == person_id,
            MembershipRow.tenant_id == tenant.id,
            MembershipRow.ended_at.is_(None),
        )
        let_in = exists().where(
            AccessGrantRow.person_id == person_id,
            AccessGrantRow.tenant_id == tenant.id,
            AccessGrantRow.revoked_at.is_(None),
            AccessGrantRow.expires_at > tx.now,
        )
        query = select(PersonRow.id).where(
            PersonRow.id == person_id,
            PersonRow.partner_id == tenant.partner_id,
            PersonRow.disabled_at.is_(None),
            or_(member, let_in),
        )
        return tx.session.scalar(query) is not None
