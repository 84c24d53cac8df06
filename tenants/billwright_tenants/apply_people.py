"""The people and host names of a blueprint, for tenants and for partners."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from billwright.identity.add_person import check_email, ensure_person
from billwright.identity.assign_role import give_role, lock_person, take_role
from billwright.identity.passwords import hash_password
from billwright.identity.queries import roles_of
from billwright.kernel.errors import ConflictError
from billwright.tenancy.tables import HostNameRow
from billwright.tenancy.transaction import ControlTx
from billwright_tenants.blueprint import User


def hash_passwords(users: Sequence[User]) -> dict[str, str]:
    """argon2id hashes by address."""
    return {check_email(user.email): hash_password(user.password) for user in users if user.password}


def apply_people(
    tx: ControlTx,
    partner_id: UUID,
    tenant_id: UUID | None,
    users: Sequence[User],
    passwords: Mapping[str, str],
    changes: list[str],
) -> dict[str, UUID]:
    """Each listed person exists and has exactly the listed roles there; identifiers by address.

    An existing person keeps name and password. People that are not listed keep their roles.
    """
    people: dict[str, UUID] = {}
    for user in users:
        email = check_email(user.email)
        person, made = ensure_person(
            tx, partner_id, email=email, name=user.name, password_hash=passwords.get(email), locale=user.locale
        )
        people[email] = person.id
        if made:
            changes.append(f"person {email} added")
        lock_person(tx, person.id, partner_id)
        # First away, then to: a change from one half of a toxic pair to the other is no toxic pair.
        for role in sorted(roles_of(tx.session, person.id, tenant_id) - set(user.roles)):
            if take_role(tx, person.id, role, partner_id=partner_id, tenant_id=tenant_id):
                changes.append(f"person {email}: role {role} taken")
        for role in user.roles:
            if give_role(tx, person.id, role, partner_id=partner_id, tenant_id=tenant_id):
                changes.append(f"person {email}: role {role} given")
    return people


def apply_hosts(
    tx: ControlTx, partner_id: UUID, tenant_id: UUID | None, hosts: Sequence[str], changes: list[str]
) -> None:
    """Exactly these host names show the tenant's (or partner's) brand.

    Raises:
        ConflictError: a name is in use elsewhere.
    """
    mine = (HostNameRow.partner_id == partner_id) & HostNameRow.tenant_id.is_not_distinct_from(tenant_id)
    known = set(tx.session.scalars(select(HostNameRow.host).where(mine)))
    for host in sorted(set(hosts) - known):
        row = {"host": host, "partner_id": partner_id, "tenant_id": tenant_id}
        added = insert(HostNameRow).values(row).on_conflict_do_nothing().returning(HostNameRow.host)
        if tx.session.scalars(added).one_or_none() is None:
            raise ConflictError(f"The host name {host} is in use already; choose another.", field="hosts")
        changes.append(f"host {host} added")
    if gone := sorted(known - set(hosts)):
        tx.session.execute(delete(HostNameRow).where(mine, HostNameRow.host.in_(gone)))
        changes.extend(f"host {host} removed" for host in gone)
