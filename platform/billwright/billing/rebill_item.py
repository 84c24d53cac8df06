"""Use case: a person decides what becomes of an item that a credit note released: billed again, or written off."""

from typing import Final, Literal
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.billing.credit_release import RELEASED
from billwright.billing.events import ItemsReleased
from billwright.billing.queries import lock_billing
from billwright.billing.tables import BillableItemRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Decision = Literal["rebill", "write_off"]
PERMISSION: Final = "invoice:write"


def decide_released(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    item_id: UUID,
    *,
    decision: Decision,
    reason: str = "",
    trace_id: str | None = None,
) -> str:
    """Bill the open part again by what its facts say now, or never; return the item's state.

    Raises:
        PermissionDeniedError: without ``invoice:write``.
        NotFoundError: no such item here.
        ConflictError: no credit note released it, or it was decided already.
    """
    actor.require(PERMISSION)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        found = select(BillableItemRow.contract_id).where(BillableItemRow.id == item_id)
        contract_id = tx.session.scalars(found).one_or_none()
        if contract_id is None:
            raise NotFoundError("There is no such item here.")
        lock_billing(tx, [contract_id])
        item = tx.session.scalars(select(BillableItemRow).where(BillableItemRow.id == item_id).with_for_update()).one()
        if item.state != "waiting" or RELEASED not in item.reasons:
            raise ConflictError("Only what a credit note released waits for this decision; see where the item stands.")
        before = {"state": item.state, "reasons": list(item.reasons)}
        if decision == "rebill":
            item.state, item.proposal_sha256 = "ready", ""
        else:
            item.written_off_quantity = item.quantity - item.kept_quantity
            item.written_off_minor = (item.amount_minor or 0) - item.kept_minor
            item.state = "billed" if item.kept_quantity else "written_off"
            item.kept_quantity, item.kept_minor = item.kept_quantity * 0, 0
        item.reasons, item.waiting_since, item.updated_at = [], None, tx.now
        state = item.state
        after = {"state": state, "written_off_minor": item.written_off_minor}
        record(tx, f"item.{state}", "billable_item", item_id, before=before, after=after, reason=reason.strip() or None)
        publish(tx, ItemsReleased(contract_ids=(item.contract_id,)))
        return state
