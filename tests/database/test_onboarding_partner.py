"""Partners from blueprints; suspend, resume and list tenants."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.audit.tables import ControlAuditEntryRow
from billwright.identity.act import operator
from billwright.identity.log_in import log_in
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError, TenantSuspendedError
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright_tenants.blueprint import PartnerBlueprint
from billwright_tenants.errors import BlueprintInvalidError
from billwright_tenants.life_cycle import list_partner_tenants, resume_tenant, show_tenant, suspend_tenant
from billwright_tenants.partner import apply_partner
from billwright_tenants.reading import read_yaml
from support.http import People

PARTNER = """
slug: {slug}
name: Northwind Services
brand: {{name: Northwind Services, slug: northwind, primary: "#123a6b"}}
hosts: [{slug}.example]
users:
  - {{email: Owner@northwind.example, name: Olga Owner, roles: [owner], password: owner password 1}}
  - {{email: ops@northwind.example, name: Otto Operator, roles: [operator]}}
"""


@pytest.fixture
def blueprint(partner_id: UUID) -> PartnerBlueprint:
    return read_yaml(PARTNER.format(slug=f"p-{partner_id.hex[-10:]}"), PartnerBlueprint)


def test_a_partner_is_made_once_and_then_changed(database: Database, blueprint: PartnerBlueprint) -> None:
    import msgspec

    made = apply_partner(database, blueprint, operator())
    assert made.created
    assert f"host {blueprint.slug}.example added" in made.changes
    assert apply_partner(database, blueprint, operator()).changes == []
    opened = log_in(database, email="owner@northwind.example", password="owner password 1", partner_slug=made.slug)
    assert opened.secret
    other = msgspec.structs.replace(blueprint, name="Northwind")
    again = apply_partner(database, other, operator())
    assert (again.id, again.created, again.changes) == (made.id, False, ["name changed"])


def test_a_partners_problems_are_all_told(database: Database) -> None:
    with pytest.raises(BlueprintInvalidError) as refused:
        apply_partner(
            database,
            read_yaml(
                "{slug: nw1, name: N, brand: {name: N, slug: n, primary: '#eeeeee'}, "
                "users: [{email: nobody, name: A, roles: [billing_clerk]}]}",
                PartnerBlueprint,
            ),
            operator(),
        )
    fields = [str(problem).partition(":")[0] for problem in refused.value.facts["problems"] or []]  # type: ignore[union-attr]
    assert fields == ["brand.primary", "users[0].email", "users[0].roles"]


def test_only_the_operator_makes_partners(database: Database, blueprint: PartnerBlueprint) -> None:
    with pytest.raises(PermissionDeniedError, match="operator"):
        apply_partner(database, blueprint, Actor(kind="person", name="Somebody"))


def test_suspending_shuts_and_resuming_opens(database: Database, people: People, tenant: Tenant) -> None:
    partner = people.partner_slug
    for _ in range(2):
        assert suspend_tenant(database, partner, tenant.slug, operator(), reason="unpaid").state == "suspended"
    with pytest.raises(TenantSuspendedError), transaction(database, load_tenant(database, tenant.slug), SYSTEM):
        pass
    assert resume_tenant(database, partner, tenant.slug, operator()).state == "active"
    with transaction(database, load_tenant(database, tenant.slug), SYSTEM) as tx:
        assert tx.tenant.id == tenant.id
    query = select(ControlAuditEntryRow.action, ControlAuditEntryRow.reason)
    with control_transaction(database, SYSTEM) as control:
        entries = control.session.execute(
            query.where(ControlAuditEntryRow.subject_id == tenant.id).order_by(ControlAuditEntryRow.id)
        ).all()
    assert [tuple(entry) for entry in entries] == [("tenant.suspended", "unpaid"), ("tenant.resumed", None)]


def test_what_is_not_ones_own_is_not_there(database: Database, tenant: Tenant, blueprint: PartnerBlueprint) -> None:
    other = apply_partner(database, blueprint, operator())
    with pytest.raises(NotFoundError):
        suspend_tenant(database, other.slug, tenant.slug, operator(), reason="unpaid")
    with pytest.raises(NotFoundError):
        show_tenant(database, other.slug, tenant.slug, operator())
    assert list_partner_tenants(database, other.slug, operator()).rows == []


def test_suspending_needs_right_and_reason(database: Database, people: People, tenant: Tenant) -> None:
    nobody = Actor(kind="person", name="Nobody")
    with pytest.raises(PermissionDeniedError, match="tenant:suspend"):
        suspend_tenant(database, people.partner_slug, tenant.slug, nobody, reason="unpaid")
    with pytest.raises(PermissionDeniedError, match="tenant:read"):
        list_partner_tenants(database, people.partner_slug, nobody)
    with pytest.raises(InputInvalidError, match="why"):
        suspend_tenant(database, people.partner_slug, tenant.slug, operator(), reason=" ")


def test_tenants_are_listed_by_page(database: Database, people: People, make_tenant: Callable[..., Tenant]) -> None:
    made = [make_tenant(f"T{number}").slug for number in range(3)]
    first = list_partner_tenants(database, people.partner_slug, operator(), limit=2)
    second = list_partner_tenants(database, people.partner_slug, operator(), limit=2, cursor=first.next_cursor)
    assert [row.slug for row in [*first.rows, *second.rows]] == made
    assert second.next_cursor is None
