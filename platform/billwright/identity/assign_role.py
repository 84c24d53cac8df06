"""Give people roles and take them away; a change ends their sessions, so that nothing old lives on."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from billwright.audit.record import record_control
from billwright.identity.errors import SegregationOfDutiesError
from billwright.identity.log_in import end_sessions
from billwright.identity.permissions import partner_permissions, tenant_permissions
from billwright.identity.queries import roles_of
from billwright.identity.tables import MembershipRow, PersonRow, SessionRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import ControlTx, Tenant, control_transaction


def assign_role(
    database: Database,
    actor: Actor,
    person_id: UUID,
    role: str,
    *,
    partner_id: UUID,
    tenant: Tenant | None,
    trace_id: str | None = None,
) -> None:
    """Give ``role`` in ``tenant``, or at the partner when that is None. Safe to repeat.

    Raises:
        PermissionDeniedError: no ``user:write``, or a partner role that may more than the giver.
        SegregationOfDutiesError: to oneself, or together with roles already held a toxic pair.
        NotFoundError: no such person of this partner.
        RoleUnknownError: no such role.
    """
    actor.require("user:write")
    if actor.person_id is not None and actor.person_id == person_id:
        raise SegregationOfDutiesError("Nobody gives themselves a role; ask another administrator.")
    if tenant is None and (beyond := sorted(each for each in partner_permissions([role]) if not actor.may(each))):
        raise PermissionDeniedError(f"You cannot give what you do not have: {beyond[0]}.", permission=beyond[0])
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        lock_person(tx, person_id, partner_id)
        give_role(tx, person_id, role, partner_id=partner_id, tenant_id=tenant.id if tenant else None)


def remove_role(
    database: Database,
    actor: Actor,
    person_id: UUID,
    role: str,
    *,
    partner_id: UUID,
    tenant: Tenant | None,
    trace_id: str | None = None,
) -> None:
    """Take ``role`` away; works for those who hold it and those who do not.

    Raises:
        PermissionDeniedError: no ``user:write``.
        NotFoundError: no such person of this partner.
    """
    actor.require("user:write")
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        lock_person(tx, person_id, partner_id)
        take_role(tx, person_id, role, partner_id=partner_id, tenant_id=tenant.id if tenant else None)


def lock_person(tx: ControlTx, person_id: UUID, partner_id: UUID) -> PersonRow:
    """The person, locked: two changes of their roles queue, so that no toxic pair slips in between.

    Raises:
        NotFoundError: no such person of this partner.
    """
    query = select(PersonRow).where(PersonRow.id == person_id, PersonRow.partner_id == partner_id).with_for_update()
    person = tx.session.scalars(query).one_or_none()
    if person is None:
        raise NotFoundError("There is no such person here.")
    return person


def give_role(tx: ControlTx, person_id: UUID, role: str, *, partner_id: UUID, tenant_id: UUID | None) -> bool:
    """In the caller's transaction, person locked: give the role; whether anything changed.

    Raises:
        SegregationOfDutiesError, RoleUnknownError: see ``assign_role``.
    """
    held = roles_of(tx.session, person_id, tenant_id)
    allowed = partner_permissions if tenant_id is None else tenant_permissions
    allowed({*held, role})
    if role in held:
        return False
    row = {
        "id": new_id(),
        "person_id": person_id,
        "partner_id": partner_id,
        "tenant_id": tenant_id,
        "role": role,
        "created_at": tx.now,
        "ended_at": None,
    }
    statement = insert(MembershipRow).values(row)
    again = statement.on_conflict_do_update(
        index_elements=["person_id", "tenant_id", "role"], set_={"created_at": tx.now, "ended_at": None}
    )
    tx.session.execute(again)
    _changed(tx, "role.given", person_id, role, partner_id, tenant_id)
    return True


def take_role(tx: ControlTx, person_id: UUID, role: str, *, partner_id: UUID, tenant_id: UUID | None) -> bool:
    """In the caller's transaction, person locked: end the role; whether anything changed."""
    ended = (
        update(MembershipRow)
        .where(
            MembershipRow.person_id == person_id,
            MembershipRow.tenant_id.is_not_distinct_from(tenant_id),
            MembershipRow.role == role,
            MembershipRow.ended_at.is_(None),
        )
        .values(ended_at=tx.now)
        .returning(MembershipRow.id)
    )
    if tx.session.scalars(ended).one_or_none() is None:
        return False
    _changed(tx, "role.taken", person_id, role, partner_id, tenant_id)
    return True


def _changed(tx: ControlTx, action: str, person_id: UUID, role: str, partner_id: UUID, tenant_id: UUID | None) -> None:
    end_sessions(tx, SessionRow.person_id == person_id)
    after = {"role": role}
    record_control(tx, action, "person", person_id, partner_id=partner_id, tenant_id=tenant_id, after=after)
