"""Reads of identity, in the control plane."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Row, ScalarSelect, and_, func, or_, select
from sqlalchemy.orm import Session

from billwright.identity.caller import Partner, Person
from billwright.identity.tables import AccessGrantRow, ApiTokenRow, MembershipRow, PersonRow, SessionRow
from billwright.tenancy.tables import HostNameRow, PartnerRow, TenantRow

TokenWithOwner = Row[ApiTokenRow, PartnerRow, TenantRow | None, PersonRow | None, list[str] | None]
SessionWithOwner = Row[SessionRow, PartnerRow, PersonRow, list[str] | None]
TenantWithRights = Row[TenantRow, list[str] | None, AccessGrantRow | None]


def to_person(row: PersonRow) -> Person:
    return Person(row.id, row.partner_id, row.email, row.name, row.locale)


def to_partner(row: PartnerRow) -> Partner:
    return Partner(row.id, row.slug, row.name)


def _roles(person_id: Any, partner_id: Any, tenant: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Roles as one array value; null when there are none."""
    query = select(func.array_agg(MembershipRow.role)).where(
        MembershipRow.person_id == person_id,
        MembershipRow.partner_id == partner_id,
        MembershipRow.ended_at.is_(None),
        tenant,
    )
    return query.scalar_subquery()


def token_with_owner(session: Session, token_id: UUID) -> TokenWithOwner | None:
    """(token, partner, tenant or None, person or None, roles where it is bound or None) in one query."""
    bound = MembershipRow.tenant_id.is_not_distinct_from(ApiTokenRow.tenant_id)
    query = (
        select(
            ApiTokenRow,
            PartnerRow,
            TenantRow,
            PersonRow,
            _roles(ApiTokenRow.person_id, ApiTokenRow.partner_id, bound).label("roles"),
        )
        .join(PartnerRow, PartnerRow.id == ApiTokenRow.partner_id)
        .outerjoin(TenantRow, TenantRow.id == ApiTokenRow.tenant_id)
        .outerjoin(PersonRow, PersonRow.id == ApiTokenRow.person_id)
        .where(ApiTokenRow.id == token_id)
    )
    return cast("TokenWithOwner | None", session.execute(query).one_or_none())  # outer joins: more may be null


def session_with_owner(session: Session, token_sha256: str) -> SessionWithOwner | None:
    """(session, partner, person, roles at the partner or None)."""
    at_partner = MembershipRow.tenant_id.is_(None)
    query = (
        select(SessionRow, PartnerRow, PersonRow, _roles(PersonRow.id, PersonRow.partner_id, at_partner).label("roles"))
        .join(PersonRow, PersonRow.id == SessionRow.person_id)
        .join(PartnerRow, PartnerRow.id == PersonRow.partner_id)
        .where(SessionRow.token_sha256 == token_sha256)
    )
    return cast("SessionWithOwner | None", session.execute(query).one_or_none())  # outer joins: more may be null


def tenant_with_rights(
    session: Session, which: ColumnElement[bool], person_id: UUID | None, now: datetime
) -> TenantWithRights | None:
    """(tenant, roles of the person there or None, the live grant that lasts longest or None)."""
    here = MembershipRow.tenant_id == TenantRow.id
    grant = and_(
        AccessGrantRow.tenant_id == TenantRow.id,
        AccessGrantRow.person_id == person_id,
        AccessGrantRow.revoked_at.is_(None),
        AccessGrantRow.expires_at > now,
    )
    query = (
        select(TenantRow, _roles(person_id, TenantRow.partner_id, here).label("roles"), AccessGrantRow)
        .outerjoin(AccessGrantRow, grant)
        .where(which)
        .order_by(AccessGrantRow.expires_at.desc())
        .limit(1)
    )
    return cast("TenantWithRights | None", session.execute(query).one_or_none())  # outer joins: more may be null


def partner_of_login(session: Session, *, slug: str | None, host: str | None) -> PartnerRow | None:
    """The partner whose people log in there; the host may be the partner's or one of its tenants'."""
    if slug is None and host is None:
        return None
    of_host = select(HostNameRow.partner_id).where(HostNameRow.host == host)
    which = PartnerRow.slug == slug if slug is not None else PartnerRow.id.in_(of_host)
    return session.scalars(select(PartnerRow).where(which)).one_or_none()


def person_by_email(session: Session, partner_id: UUID, email: str) -> PersonRow | None:
    query = select(PersonRow).where(PersonRow.partner_id == partner_id, PersonRow.email == email)
    return session.scalars(query).one_or_none()


def roles_of(session: Session, person_id: UUID, tenant_id: UUID | None) -> frozenset[str]:
    """Roles in one tenant, or at the partner when ``tenant_id`` is None."""
    query = select(MembershipRow.role).where(
        MembershipRow.person_id == person_id,
        MembershipRow.tenant_id.is_not_distinct_from(tenant_id),
        MembershipRow.ended_at.is_(None),
    )
    return frozenset(session.scalars(query))


def tenants_of_person(session: Session, person: Person, now: datetime) -> list[TenantRow]:
    """Tenants that the person may enter now, by membership or by a live grant, by name."""
    member = select(MembershipRow.tenant_id).where(
        MembershipRow.person_id == person.id, MembershipRow.ended_at.is_(None)
    )
    granted = select(AccessGrantRow.tenant_id).where(
        AccessGrantRow.person_id == person.id, AccessGrantRow.revoked_at.is_(None), AccessGrantRow.expires_at > now
    )
    query = (
        select(TenantRow)
        .where(TenantRow.partner_id == person.partner_id, or_(TenantRow.id.in_(member), TenantRow.id.in_(granted)))
        .order_by(TenantRow.name, TenantRow.id)
    )
    return list(session.scalars(query))
