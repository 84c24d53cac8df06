"""Reads of identity, in the control plane."""

from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased

from billwright.identity.caller import Partner, Person
from billwright.identity.tables import AccessGrantRow, ApiTokenRow, MembershipRow, PersonRow, SessionRow
from billwright.tenancy.tables import HostNameRow, PartnerRow, TenantRow

TokenWithOwner = Row[ApiTokenRow, PartnerRow, TenantRow | None, PersonRow | None, list[str] | None]
SessionWithOwner = Row[SessionRow, PartnerRow, PersonRow, list[str] | None]
TenantWithRights = Row[TenantRow, list[str] | None, AccessGrantRow | None]
Visitor = Row[
    SessionRow, PartnerRow, PersonRow, list[str] | None, TenantRow | None, list[str] | None, AccessGrantRow | None,
    list[list[str]] | None,
]  # fmt: skip


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
    found = session.execute(_token_with_owner(), {"token": token_id}).one_or_none()
    return cast("TokenWithOwner | None", found)  # outer joins: more may be null


@cache
def _token_with_owner() -> Select[*tuple[Any, ...]]:
    """Made once: every request with a token asks it."""
    bound = MembershipRow.tenant_id.is_not_distinct_from(ApiTokenRow.tenant_id)
    roles = _roles(ApiTokenRow.person_id, ApiTokenRow.partner_id, bound).label("roles")
    return (
        select(ApiTokenRow, PartnerRow, TenantRow, PersonRow, roles)
        .join(PartnerRow, PartnerRow.id == ApiTokenRow.partner_id)
        .outerjoin(TenantRow, TenantRow.id == ApiTokenRow.tenant_id)
        .outerjoin(PersonRow, PersonRow.id == ApiTokenRow.person_id)
        .where(ApiTokenRow.id == bindparam("token", type_=Uuid()))
    )


def session_with_owner(session: Session, token_sha256: str) -> SessionWithOwner | None:
    """(session, partner, person, roles at the partner or None)."""
    query = _sessions(SessionRow, PartnerRow, PersonRow, _roles_at_partner()).where(
        SessionRow.token_sha256 == token_sha256
    )
    return cast("SessionWithOwner | None", session.execute(query).one_or_none())  # outer joins: more may be null


def visitor(session: Session, token_sha256: str, now: datetime, *, slug: str | None, host: str) -> Visitor | None:
    """All that a request with a session needs to know, in one query.

    (session, partner, person, roles at the partner or None, the tenant called ``slug``, or without one that of the ``host``,
    or None, roles of the person there or None, the live grant that lasts longest or None, [slug, name] of the tenants that
    they may enter now or None).
    """
    query = _visitor_of_host() if slug is None else _visitor_of_slug()
    values = {"digest": token_sha256, "now": now, "place": host if slug is None else slug}
    return cast("Visitor | None", session.execute(query, values).one_or_none())  # outer joins: more may be null


@cache
def _visitor_of_slug() -> Select[*tuple[Any, ...]]:
    """Made once: every request of a person asks it."""
    return _visitors(TenantRow.slug == bindparam("place", type_=Text))


@cache
def _visitor_of_host() -> Select[*tuple[Any, ...]]:
    return _visitors(tenant_of_host(bindparam("place", type_=Text)))


def tenant_of_host(host: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a tenant's brand is shown on ``host``."""
    return TenantRow.id.in_(select(HostNameRow.tenant_id).where(HostNameRow.host == host))


def _visitors(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    here = MembershipRow.tenant_id == TenantRow.id
    now = bindparam("now", type_=DateTime(timezone=True))
    return (
        _sessions(
            SessionRow,
            PartnerRow,
            PersonRow,
            _roles_at_partner(),
            TenantRow,
            _roles(PersonRow.id, TenantRow.partner_id, here).label("roles_here"),
            AccessGrantRow,
            _places(now).label("places"),
        )
        .outerjoin(TenantRow, which)
        .outerjoin(AccessGrantRow, _live_grant(PersonRow.id, now))
        .where(SessionRow.token_sha256 == bindparam("digest", type_=Text))
        .order_by(AccessGrantRow.expires_at.desc())
        .limit(1)
    )


def _sessions(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Sessions with their person and partner."""
    query = select(*columns).select_from(SessionRow).join(PersonRow, PersonRow.id == SessionRow.person_id)
    return query.join(PartnerRow, PartnerRow.id == PersonRow.partner_id)


def _roles_at_partner() -> ColumnElement[Any]:
    return _roles(PersonRow.id, PersonRow.partner_id, MembershipRow.tenant_id.is_(None)).label("roles")


def _live_grant(person_id: Any, now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(
        AccessGrantRow.tenant_id == TenantRow.id,
        AccessGrantRow.person_id == person_id,
        AccessGrantRow.revoked_at.is_(None),
        AccessGrantRow.expires_at > now,
    )


def _places(now: ColumnElement[datetime]) -> ScalarSelect[Any]:
    """Tenants that the person of the outer query may enter now, by membership or a live grant, by name, as one value."""
    tenant = aliased(TenantRow)
    # Said to both selects: one that is two levels down would take all persons, not the one of the session.
    member = select(MembershipRow.tenant_id).where(
        MembershipRow.person_id == PersonRow.id, MembershipRow.ended_at.is_(None)
    )
    granted = select(AccessGrantRow.tenant_id).where(
        AccessGrantRow.person_id == PersonRow.id, AccessGrantRow.revoked_at.is_(None), AccessGrantRow.expires_at > now
    )
    own = or_(tenant.id.in_(member.correlate(PersonRow)), tenant.id.in_(granted.correlate(PersonRow)))
    allowed = and_(tenant.partner_id == PersonRow.partner_id, own)
    pairs = aggregate_order_by(func.jsonb_build_array(tenant.slug, tenant.name), tenant.name, tenant.id)
    query = select(func.jsonb_agg(pairs)).where(allowed)
    return query.correlate(PersonRow).scalar_subquery()


def tenant_with_rights(
    session: Session, which: ColumnElement[bool], person_id: UUID | None, now: datetime
) -> TenantWithRights | None:
    """(tenant, roles of the person there or None, the live grant that lasts longest or None)."""
    here = MembershipRow.tenant_id == TenantRow.id
    query = (
        select(TenantRow, _roles(person_id, TenantRow.partner_id, here).label("roles"), AccessGrantRow)
        .outerjoin(AccessGrantRow, _live_grant(person_id, now))
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
