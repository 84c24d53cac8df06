"""What lists need beside their rows."""

from uuid import UUID

from sqlalchemy import and_, or_, select

from billwright.identity.tables import AccessGrantRow, MembershipRow, PersonRow
from billwright.tenancy.transaction import control_transaction
from billwright.web.portal.visit import Visit


def people_here(visit: Visit) -> dict[UUID, str]:
    """Identifier to name of those who work in this tenant now, by name: members, and staff by a live grant. One query."""
    tenant = visit.here
    members = select(MembershipRow.person_id).where(
        MembershipRow.tenant_id == tenant.id, MembershipRow.ended_at.is_(None)
    )
    with control_transaction(visit.database, visit.actor) as tx:
        granted = select(AccessGrantRow.person_id).where(
            and_(
                AccessGrantRow.tenant_id == tenant.id,
                AccessGrantRow.revoked_at.is_(None),
                AccessGrantRow.expires_at > tx.now,
            )
        )
        query = (
            select(PersonRow.id, PersonRow.name)
            .where(
                PersonRow.partner_id == tenant.partner_id,
                PersonRow.disabled_at.is_(None),
                or_(PersonRow.id.in_(members), PersonRow.id.in_(granted)),
            )
            .order_by(PersonRow.name, PersonRow.id)
        )
        return {row.id: row.name for row in tx.session.execute(query)}
