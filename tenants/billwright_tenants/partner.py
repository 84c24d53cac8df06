"""Make a partner what its blueprint says."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update

from billwright.audit.record import record_control
from billwright.kernel.actor import Actor
from billwright.kernel.errors import PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.owner import owner_transaction
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import ControlTx
from billwright_tenants.apply import brand_content
from billwright_tenants.apply_people import apply_hosts, apply_people, hash_passwords
from billwright_tenants.blueprint import PartnerBlueprint
from billwright_tenants.checks import check_partner
from billwright_tenants.errors import BlueprintInvalidError


@dataclass(frozen=True, slots=True)
class AppliedPartner:
    id: UUID
    slug: str
    created: bool
    changes: list[str] = field(default_factory=list)


def apply_partner(database: Database, blueprint: PartnerBlueprint, actor: Actor) -> AppliedPartner:
    """Create the partner or bring it to what ``blueprint`` says; the operator's matter alone.

    Raises:
        PermissionDeniedError: the actor is not the operator.
        BlueprintInvalidError: with every problem.
    """
    if actor.kind not in {"operator", "system"}:
        raise PermissionDeniedError("Partners are made by the operator.", permission="partner:create")
    if problems := check_partner(blueprint):
        raise BlueprintInvalidError(problems)
    passwords = hash_passwords(blueprint.users)
    with owner_transaction(database, actor) as tx:
        tx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"partner {blueprint.slug}", 0))))
        row = tx.session.scalars(select(PartnerRow).where(PartnerRow.slug == blueprint.slug)).one_or_none()
        changes: list[str] = []
        identifier = _create(tx, blueprint, changes) if row is None else _change(tx, row, blueprint, changes)
        apply_hosts(tx, identifier, None, blueprint.hosts, changes)
        apply_people(tx, identifier, None, blueprint.users, passwords, changes)
        if changes:
            action = "partner.created" if row is None else "partner.changed"
            record_control(tx, action, "partner", identifier, partner_id=identifier, after={"changes": changes})
    return AppliedPartner(identifier, blueprint.slug, row is None, changes)


def _create(tx: ControlTx, blueprint: PartnerBlueprint, changes: list[str]) -> UUID:
    identifier = new_id()
    row = {
        "id": identifier,
        "slug": blueprint.slug,
        "name": blueprint.name,
        "brand": brand_content(blueprint.face),
        "created_at": tx.now,
    }
    tx.session.execute(insert(PartnerRow), [row])
    changes.append(f"partner {blueprint.slug} created")
    return identifier


def _change(tx: ControlTx, row: PartnerRow, blueprint: PartnerBlueprint, changes: list[str]) -> UUID:
    wanted: dict[str, Any] = {"name": blueprint.name, "brand": brand_content(blueprint.face)}
    changed = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if changed:
        tx.session.execute(update(PartnerRow).where(PartnerRow.id == row.id).values(**changed))
        changes.append(f"{', '.join(changed)} changed")
    return row.id
