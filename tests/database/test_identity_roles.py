"""Roles, toxic pairs, grants: who may do what where."""

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.audit.tables import ControlAuditEntryRow
from billwright.identity.act import actor_for, operator
from billwright.identity.add_person import disable_person
from billwright.identity.assign_role import assign_role, remove_role
from billwright.identity.caller import Caller
from billwright.identity.errors import RoleUnknownError, SegregationOfDutiesError
from billwright.identity.find_session import find_session
from billwright.identity.grant_access import grant_access, list_grants, revoke_access
from billwright.identity.log_in import log_in
from billwright.identity.permissions import (
    ALL_PERMISSIONS,
    APPROVING,
    TENANT_ROLES,
    TOXIC_PAIRS,
    check_permissions,
    tenant_permissions,
)
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import (
    InputInvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    TenantSuspendedError,
)
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright_tenants.life_cycle import suspend_tenant
from support.http import PASSWORD, People

REASON = "Closing the month together"


def enter(database: Database, caller: Caller, tenant: Tenant) -> Actor:
    with control_transaction(database, SYSTEM) as tx:
        return actor_for(tx.session, caller, TenantRow.id == tenant.id, tx.now)[1]


def session_of(people: People, email: str) -> Caller:
    return find_session(people.database, people.session(email).secret)


def actions(database: Database, subject: UUID) -> list[str]:
    query = select(ControlAuditEntryRow.action).where(ControlAuditEntryRow.subject_id == subject)
    with control_transaction(database, SYSTEM) as tx:
        return list(tx.session.scalars(query.order_by(ControlAuditEntryRow.id)))


def test_no_single_role_is_toxic() -> None:
    for permissions in TENANT_ROLES.values():
        check_permissions(permissions)


def test_exactly_these_pairs_of_roles_are_apart() -> None:
    apart = set()
    for one, other in combinations(sorted(TENANT_ROLES), 2):
        try:
            tenant_permissions([one, other])
        except SegregationOfDutiesError:
            apart.add((one, other))
    approvers = ("finance_approver", "manager_approver")
    makers = (
        "billing_clerk",
        "contract_administrator",
        "integration_administrator",
        "project_operations",
        "tenant_administrator",
    )
    wanted = {tuple(sorted((maker, approver))) for maker in makers for approver in approvers}
    assert apart == wanted | {("collector", "finance_approver")}


def test_each_side_of_a_toxic_pair_is_held_by_somebody() -> None:
    for _, ones, _, others in TOXIC_PAIRS:
        assert ones <= ALL_PERMISSIONS
        assert others <= ALL_PERMISSIONS


def test_a_role_gives_its_permissions_in_its_tenant_only(
    database: Database, people: People, make_tenant: Callable[..., Tenant]
) -> None:
    here, there = make_tenant("Here"), make_tenant("There")
    people.person("clerk@example.com", "billing_clerk", tenant=here)
    people.person("clerk@example.com", "auditor", tenant=there)
    caller = session_of(people, "clerk@example.com")

    assert enter(database, caller, here).permissions == TENANT_ROLES["billing_clerk"]
    assert enter(database, caller, there).permissions == TENANT_ROLES["auditor"]
    with pytest.raises(NotFoundError):
        enter(database, caller, make_tenant("Elsewhere"))


def test_a_toxic_pair_is_refused_at_assignment(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("mona@example.com", "manager_approver", tenant=tenant)

    with pytest.raises(SegregationOfDutiesError, match="make what is billed"):
        assign_role(database, operator(), person, "billing_clerk", partner_id=tenant.partner_id, tenant=tenant)
    caller = session_of(people, "mona@example.com")
    assert enter(database, caller, tenant).permissions == TENANT_ROLES["manager_approver"]


def test_a_toxic_pair_that_got_in_all_the_same_may_do_nothing(
    database: Database, people: People, tenant: Tenant
) -> None:
    from sqlalchemy import insert

    from billwright.identity.tables import MembershipRow
    from billwright.kernel.ids import new_id

    person = people.person("mona@example.com", "manager_approver", tenant=tenant)
    with control_transaction(database, SYSTEM) as tx:
        row = {
            "id": new_id(),
            "person_id": person,
            "partner_id": tenant.partner_id,
            "tenant_id": tenant.id,
            "role": "billing_clerk",
            "created_at": tx.now,
        }
        tx.session.execute(insert(MembershipRow), [row])

    with pytest.raises(SegregationOfDutiesError):
        enter(database, session_of(people, "mona@example.com"), tenant)


def test_nobody_gives_themselves_a_role(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("admin@example.com", "tenant_administrator", tenant=tenant)
    admin = enter(database, session_of(people, "admin@example.com"), tenant)

    with pytest.raises(SegregationOfDutiesError, match="ask another"):
        assign_role(database, admin, person, "collector", partner_id=tenant.partner_id, tenant=tenant)


def test_an_administrator_gives_no_partner_role_above_their_own(
    database: Database, people: People, partner_id: UUID
) -> None:
    from billwright.identity.act import actor_at_partner

    people.person("boss@example.com", "administrator")
    other = people.person("other@example.com", "support")
    admin = actor_at_partner(session_of(people, "boss@example.com"))

    with pytest.raises(PermissionDeniedError, match="partner:write"):
        assign_role(database, admin, other, "owner", partner_id=partner_id, tenant=None)
    assign_role(database, admin, other, "operator", partner_id=partner_id, tenant=None)


def test_only_who_may_write_users_assigns(database: Database, people: People, tenant: Tenant) -> None:
    people.person("clerk@example.com", "billing_clerk", tenant=tenant)
    other = people.person("other@example.com")
    clerk = enter(database, session_of(people, "clerk@example.com"), tenant)

    with pytest.raises(PermissionDeniedError, match="user:write"):
        assign_role(database, clerk, other, "collector", partner_id=tenant.partner_id, tenant=tenant)
    with pytest.raises(PermissionDeniedError, match="user:write"):
        remove_role(database, clerk, other, "collector", partner_id=tenant.partner_id, tenant=tenant)


def test_unknown_role_and_person_of_another_partner(database: Database, people: People, tenant: Tenant) -> None:
    from billwright.kernel.ids import new_id

    person = people.person("a@example.com")
    with pytest.raises(RoleUnknownError, match="billing_clerk"):
        assign_role(database, operator(), person, "king", partner_id=tenant.partner_id, tenant=tenant)
    with pytest.raises(NotFoundError):
        assign_role(database, operator(), new_id(), "auditor", partner_id=tenant.partner_id, tenant=tenant)
    with pytest.raises(NotFoundError):
        assign_role(database, operator(), person, "auditor", partner_id=new_id(), tenant=tenant)


def test_a_change_of_roles_ends_sessions_and_is_recorded(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("c@example.com", "collector", tenant=tenant)
    first = people.session("c@example.com")

    assign_role(database, operator(), person, "auditor", partner_id=tenant.partner_id, tenant=tenant)
    with pytest.raises(NotAuthenticatedError):
        find_session(database, first.secret)

    second = people.session("c@example.com")
    remove_role(database, operator(), person, "auditor", partner_id=tenant.partner_id, tenant=tenant)
    with pytest.raises(NotAuthenticatedError):
        find_session(database, second.secret)
    caller = session_of(people, "c@example.com")
    assert enter(database, caller, tenant).permissions == TENANT_ROLES["collector"]
    assert [each for each in actions(database, person) if each.startswith("role.")] == [
        "role.given",
        "role.given",
        "role.taken",
    ]


def test_a_role_taken_can_be_given_again(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("c@example.com", "collector", tenant=tenant)
    where = {"partner_id": tenant.partner_id, "tenant": tenant}
    remove_role(database, operator(), person, "collector", **where)
    with pytest.raises(NotFoundError):
        enter(database, session_of(people, "c@example.com"), tenant)
    assign_role(database, operator(), person, "collector", **where)
    assert enter(database, session_of(people, "c@example.com"), tenant).may("reminder:send")


def test_partner_staff_without_a_grant_stay_outside(database: Database, people: People, tenant: Tenant) -> None:
    people.person("ops@msp.example", "operator")
    with pytest.raises(NotFoundError):
        enter(database, session_of(people, "ops@msp.example"), tenant)


def give(
    database: Database, actor: Actor, tenant: Tenant, person: UUID, hours: int = 8, role: str = "billing_clerk"
) -> UUID:
    return grant_access(
        database,
        actor,
        partner_id=tenant.partner_id,
        tenant_slug=tenant.slug,
        person_id=person,
        role=role,
        reason=REASON,
        hours=hours,
    )


def test_a_grant_lets_staff_in_for_its_time(
    database: Database, people: People, tenant: Tenant, make_tenant: Callable[..., Tenant], clock: SetClock
) -> None:
    from billwright.identity.act import actor_at_partner

    person = people.person("ops@msp.example", "operator")
    caller = session_of(people, "ops@msp.example")
    give(database, actor_at_partner(caller), tenant, person, hours=1)

    actor = enter(database, caller, tenant)
    assert (actor.kind, actor.acting_for, actor.person_id) == ("partner_staff", "Test Partner", person)
    assert actor.may("invoice:submit")
    assert not actor.may("token:write")
    with pytest.raises(NotFoundError):
        enter(database, caller, make_tenant("Other"))

    clock.moment += timedelta(hours=1)
    with pytest.raises(NotFoundError):
        enter(database, caller, tenant)


def test_the_tenant_sees_and_revokes_a_grant(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("ops@msp.example", "operator")
    people.person("admin@example.com", "tenant_administrator", tenant=tenant)
    admin = enter(database, session_of(people, "admin@example.com"), tenant)
    grant_id = give(database, operator(), tenant, person)

    ((grant, staff),) = list_grants(database, admin, tenant)
    assert (grant.reason, staff.email, grant.role) == (REASON, "ops@msp.example", "billing_clerk")

    revoke_access(database, admin, grant_id, tenant=tenant)
    revoke_access(database, admin, grant_id, tenant=tenant)
    with pytest.raises(NotFoundError):
        enter(database, session_of(people, "ops@msp.example"), tenant)
    assert actions(database, grant_id) == ["grant.given", "grant.revoked"]


def test_grants_are_refused_without_right_reason_or_measure(
    database: Database, people: People, tenant: Tenant, make_tenant: Callable[..., Tenant]
) -> None:
    from billwright.identity.act import actor_at_partner

    person = people.person("ops@msp.example", "operator")
    outsider = people.person("billing@msp.example", "billing")
    ops = actor_at_partner(session_of(people, "ops@msp.example"))

    with pytest.raises(PermissionDeniedError, match="grant:write"):
        give(database, ops, tenant, outsider)
    with pytest.raises(PermissionDeniedError, match="not of the staff"):
        give(database, operator(), tenant, outsider)
    for bad in ({"hours": 73}, {"hours": 0}, {"role": "tenant_administrator"}, {"role": "nobody"}):
        with pytest.raises(InputInvalidError):
            give(database, ops, tenant, person, **bad)  # type: ignore[arg-type]
    with pytest.raises(InputInvalidError, match="Say why"):
        grant_access(
            database,
            ops,
            partner_id=tenant.partner_id,
            tenant_slug=tenant.slug,
            person_id=person,
            role="auditor",
            reason="because",
            hours=1,
        )


def test_a_grant_is_worth_nothing_once_its_holder_left_the_staff(
    database: Database, people: People, tenant: Tenant
) -> None:
    person = people.person("ops@msp.example", "operator")
    give(database, operator(), tenant, person)
    remove_role(database, operator(), person, "operator", partner_id=tenant.partner_id, tenant=None)
    with pytest.raises(NotFoundError):
        enter(database, session_of(people, "ops@msp.example"), tenant)


def test_a_suspended_tenant_is_shut(database: Database, people: People, tenant: Tenant) -> None:
    people.person("c@example.com", "collector", tenant=tenant)
    caller = session_of(people, "c@example.com")
    suspend_tenant(database, people.partner_slug, tenant.slug, operator(), reason="unpaid")
    with pytest.raises(TenantSuspendedError, match="resume"):
        enter(database, caller, tenant)


def test_a_disabled_person_is_out_at_once(database: Database, people: People, tenant: Tenant) -> None:
    person = people.person("c@example.com", "collector", tenant=tenant)
    session = people.session("c@example.com")
    disable_person(database, operator(), person, partner_id=tenant.partner_id)
    with pytest.raises(NotAuthenticatedError):
        find_session(database, session.secret)
    with pytest.raises(NotAuthenticatedError):
        log_in(database, email="c@example.com", password=PASSWORD, partner_slug=people.partner_slug)


def test_the_operator_may_all_but_approve() -> None:
    assert operator().permissions == ALL_PERMISSIONS - APPROVING


def test_the_guide_names_every_role() -> None:
    from pathlib import Path

    from billwright.identity.permissions import PARTNER_ROLES

    guide = (Path(__file__).parents[2] / "docs" / "onboarding.md").read_text(encoding="utf-8")
    assert [role for role in (*TENANT_ROLES, *PARTNER_ROLES) if f"`{role}`" not in guide] == []
