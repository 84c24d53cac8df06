"""Make a tenant what its blueprint says: created or changed in one transaction, all or nothing."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from billwright.audit.change_configuration import change_configuration
from billwright.audit.record import record_control
from billwright.delivery.webhooks.adopt import adopt_all
from billwright.kernel.actor import Actor
from billwright.kernel.brand import Brand, sanitise_svg
from billwright.kernel.errors import ConflictError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_partner, to_tenant
from billwright.tenancy.owner import bind_tenant, owner_transaction
from billwright.tenancy.provision import provision_schema, role_of, schema_of
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import ControlTx, Tenant, Tx
from billwright_tenants.apply_connections import apply_connections
from billwright_tenants.apply_entities import apply_entities
from billwright_tenants.apply_people import apply_hosts, apply_people, hash_passwords
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.checks import check_blueprint
from billwright_tenants.errors import BlueprintConflictError, BlueprintInvalidError


@dataclass(frozen=True, slots=True)
class Applied:
    """``changes`` in words, one line each; empty when everything was so already."""

    tenant: Tenant
    created: bool
    changes: list[str] = field(default_factory=list)


class _PlannedOnly(Exception):
    def __init__(self, applied: Applied) -> None:
        super().__init__()
        self.applied = applied


def apply_blueprint(
    database: Database,
    partner_slug: str,
    blueprint: Blueprint,
    actor: Actor,
    *,
    master_key: str | None,
    dry_run: bool = False,
    trace_id: str | None = None,
) -> Applied:
    """Create the tenant, or bring it to what ``blueprint`` says; applied again it changes nothing.

    Schema, role, control rows, entities, number series, people, connections and configuration are one transaction. Under
    a second. With ``dry_run`` the same work is done and rolled back, so the plan is what would really happen.

    Raises:
        PermissionDeniedError: no ``tenant:create``.
        BlueprintInvalidError: with every problem.
        NotFoundError: no such partner.
        BlueprintConflictError: an existing tenant cannot change in that way.
        ConflictError: the slug belongs to somebody else.
    """
    actor.require("tenant:create")
    problems = check_blueprint(blueprint)
    if master_key is None and any(each.secrets or each.hook_secret for each in blueprint.connections):
        problems.append("connections: secrets need BILLWRIGHT_MASTER_KEY; the operator has to set it.")
    if problems:
        raise BlueprintInvalidError(problems)
    # Hashed here: a tenth of a second per password does not belong inside a transaction.
    passwords = hash_passwords(blueprint.users)
    try:
        with owner_transaction(database, actor, trace_id=trace_id) as tx:
            applied = _apply(tx, partner_slug, blueprint, passwords, master_key)
            if dry_run:
                raise _PlannedOnly(applied)
    except _PlannedOnly as planned:
        return planned.applied
    return applied


def _apply(
    tx: ControlTx, partner_slug: str, blueprint: Blueprint, passwords: dict[str, str], master_key: str | None
) -> Applied:
    """Two at once with one slug queue; the second finds the first one's tenant."""
    partner = find_partner(tx.session, partner_slug)
    tx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(blueprint.tenant.slug, 0))))
    row = tx.session.scalars(select(TenantRow).where(TenantRow.slug == blueprint.tenant.slug)).one_or_none()
    if row is not None and (row.partner_id != partner.id or row.state == "erased"):
        raise ConflictError(f"The slug {blueprint.tenant.slug!r} is taken; choose another.", field="tenant.slug")
    changes: list[str] = []
    created = row is None
    tenant = _create(tx, partner, blueprint, changes) if row is None else _change(tx, row, blueprint, changes)
    apply_hosts(tx, tenant.partner_id, tenant.id, blueprint.hosts, changes)
    people = apply_people(tx, tenant.partner_id, tenant.id, blueprint.users, passwords, changes)
    inside = bind_tenant(tx, tenant)
    apply_entities(inside, blueprint.legal_entities, changes)
    apply_connections(inside, blueprint.connections, people, master_key, changes)
    _configure(inside, blueprint.configuration, changes)
    if created:
        adopt_all(tx, inside)
    if changes:
        action = "tenant.created" if created else "tenant.changed"
        after = {"slug": tenant.slug, "changes": changes}
        record_control(tx, action, "tenant", tenant.id, partner_id=tenant.partner_id, tenant_id=tenant.id, after=after)
    return Applied(tenant, created, changes)


def _create(tx: ControlTx, partner: PartnerRow, blueprint: Blueprint, changes: list[str]) -> Tenant:
    identifier: UUID = new_id()
    provision_schema(tx.session.connection(), identifier)
    row = {
        "id": identifier,
        "partner_id": partner.id,
        "slug": blueprint.tenant.slug,
        "name": blueprint.tenant.name,
        "schema_name": schema_of(identifier),
        "role_name": role_of(identifier),
        "state": "active",
        "plan": blueprint.tenant.plan,
        "brand": brand_content(blueprint.face),
        "sandbox": blueprint.tenant.sandbox,
        "clock_at": tx.now if blueprint.tenant.sandbox else None,
        "created_at": tx.now,
    }
    tx.session.execute(insert(TenantRow), [row])
    changes.append(f"tenant {blueprint.tenant.slug} created")
    return to_tenant(tx.session.scalars(select(TenantRow).where(TenantRow.id == identifier)).one())


def _change(tx: ControlTx, row: TenantRow, blueprint: Blueprint, changes: list[str]) -> Tenant:
    if blueprint.tenant.sandbox != row.sandbox:
        raise BlueprintConflictError(
            "A tenant stays a sandbox, or none, for its whole life: its documents carry its clock. Make another tenant.",
            field="tenant.sandbox",
        )
    wanted: dict[str, Any] = {
        "name": blueprint.tenant.name,
        "plan": blueprint.tenant.plan,
        "brand": brand_content(blueprint.face),
    }
    changed = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    for name, value in changed.items():
        changes.append("brand changed" if name == "brand" else f"{name}: {getattr(row, name)!r} -> {value!r}")
    if changed:
        tx.session.execute(update(TenantRow).where(TenantRow.id == row.id).values(**changed))
        tx.session.refresh(row)
    return to_tenant(row)


def brand_content(brand: Brand) -> dict[str, Any]:
    """The brand as it is kept: its drawing rebuilt from allowed elements only."""
    if brand.logo_svg:
        brand = msgspec.structs.replace(brand, logo_svg=sanitise_svg(brand.logo_svg))
    content: dict[str, Any] = msgspec.to_builtins(brand)
    return content


def _configure(tx: Tx, configuration: TenantConfiguration, changes: list[str]) -> None:
    changed = change_configuration(tx, configuration)
    if changed is not None:
        named = "" if changed.first else f": {', '.join(changed.parts)}"
        changes.append(f"configuration version {changed.version}{named}")
