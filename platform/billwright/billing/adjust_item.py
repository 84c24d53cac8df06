"""Use case: a person bills another amount for an item than its price, with a reason, or takes that back."""

from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update

from billwright.audit.record import record
from billwright.billing.adjustments import REASON_CODES
from billwright.billing.errors import ItemStateError
from billwright.billing.evaluate import evaluate_contracts
from billwright.billing.queries import lock_billing
from billwright.billing.tables import BillableItemRow, ItemAdjustmentRow
from billwright.extension.connectors import TransientError
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id, show
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tenant, Tx, transaction

MAY: Final = "item:adjust"
TEXT_MAX: Final = 1_000
_OPEN: Final = frozenset({"waiting", "ready", "drafted", "written_down"})


def adjust_item(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    item_id: UUID,
    *,
    amount: Money | None,
    reason_code: str,
    text: str,
    trace_id: str | None = None,
) -> UUID:
    """Bill ``amount`` instead of the item's price, from now on and while its price stays what it is; return the adjustment.

    None for ``amount`` takes an earlier write-down or write-up back. The contract is looked at again in the same
    transaction: its draft has the new amount, its approvals are asked anew, its caps count it. Whoever does this is a
    contributor of the invoice and does not approve it.

    Raises:
        PermissionDeniedError: without ``item:adjust``, or nobody in person.
        NotFoundError: no such item here.
        ItemStateError: it is billed, has no price, or nothing is to be taken back.
        InputInvalidError: no reason, another currency or sign than the price, or the price itself.
    """
    actor.require(MAY)
    if actor.person_id is None:
        raise PermissionDeniedError("Only a person sets another amount; log in, or use a token that a person made.")
    if reason_code not in REASON_CODES:
        raise InputInvalidError(f"The reason is one of {', '.join(REASON_CODES)}.", field="reason_code")
    if not text.strip() or len(text) > TEXT_MAX:
        raise InputInvalidError(f"Say in 1 to {TEXT_MAX} signs why: whoever approves has to know.", field="text")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        item = _locked(tx, item_id)
        standard = _standard(item)
        if amount is not None:
            _check(amount, standard)
        elif item.adjustment_id is None:
            raise ItemStateError("Nobody set another amount for this item, so there is nothing to take back.")
        adjustment_id = new_id()
        row = {
            "id": adjustment_id,
            "item_id": item_id,
            "standard_minor": standard.minor,
            "amount_minor": standard.minor if amount is None else amount.minor,
            "currency": standard.currency,
            "reason_code": reason_code,
            "text": text.strip(),
            "withdrawn": amount is None,
            "person_id": actor.person_id,
            "person_email": actor.email,
            "actor_name": actor.name,
            "made_at": tx.now,
        }
        tx.session.execute(insert(ItemAdjustmentRow), [row])
        named = update(BillableItemRow).where(BillableItemRow.id == item_id)
        # No hash: whatever the look at the contract makes of it is news.
        tx.session.execute(named.values(adjustment_id=adjustment_id, proposal_sha256="", updated_at=tx.now))
        record(
            tx,
            "item.adjusted",
            "billable_item",
            item_id,
            before={"amount_minor": item.amount_minor, "standard_minor": standard.minor},
            after={name: row[name] for name in ("amount_minor", "currency", "reason_code", "withdrawn")},
            reason=text.strip(),
        )
        try:
            evaluate_contracts(tx, [item.contract_id])
        except TransientError as error:
            raise ItemStateError(f"{error} Ask again in a moment.") from error
    return adjustment_id


def _locked(tx: Tx, item_id: UUID) -> AnyRow:
    """The item as it stands while nobody else bills its contract. Plain values: the look at the contract reads it anew."""
    query = select(*table_of(BillableItemRow).columns).where(BillableItemRow.id == item_id)
    found = tx.session.execute(query).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no billable item {show('bil', item_id)} here.")
    lock_billing(tx, [found.contract_id])
    return tx.session.execute(query).one()


def _standard(item: AnyRow) -> Money:
    """The item's price before anybody set another amount."""
    if item.state not in _OPEN or item.kept_quantity or item.written_off_quantity:
        raise ItemStateError(
            f"This item is {item.state.replace('_', ' ')}, in part or whole; credit the invoice instead of changing it.",
            state=item.state,
        )
    if item.share_of:
        raise ItemStateError("Several customers share this item; correct the price that they share at its source.")
    minor = item.amount_minor if item.standard_minor is None else item.standard_minor
    if minor is None or item.currency is None:
        raise ItemStateError("This item has no price yet; mend what it waits for first.", state=item.state)
    return Money(minor, item.currency)


def _check(amount: Money, standard: Money) -> None:
    if amount.currency != standard.currency:
        raise InputInvalidError(f"The item is priced in {standard.currency}; give an amount in it.", field="amount")
    if amount.minor * standard.minor < 0:
        raise InputInvalidError(f"The price is {standard}; give an amount of the same sign.", field="amount")
    if amount == standard:
        raise InputInvalidError(f"{standard} is the price already; leave the amount out to take back.", field="amount")
