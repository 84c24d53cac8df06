"""What an issued credit note, or a void, does to the billable items: exactly what was taken back is open again."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.events import ItemsReleased
from billwright.billing.holdback import is_withheld
from billwright.billing.holdback_ledger import Credited, reverse_holdback
from billwright.billing.tables import AllocationRow, BillableItemRow, CreditNoteRow, InvoiceRow
from billwright.jobs.enqueue import publish
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

RELEASED: Final = "released_by_credit"
CREDITED: Final = "A credit note took it back."
VOIDED: Final = "Its invoice was voided."


@dataclass(frozen=True, slots=True)
class Standing:
    """An item's quantity and minor units: the whole, what earlier invoices keep of it, what is written off."""

    state: str
    whole: tuple[Decimal, int]
    kept: tuple[Decimal, int]
    written_off: tuple[Decimal, int]

    @property
    def billed(self) -> tuple[Decimal, int]:
        """What issued documents bill of it, net of credits."""
        if self.state in ("billed", "written_off"):
            return self.whole[0] - self.written_off[0], self.whole[1] - self.written_off[1]
        return self.kept


def after_credit(now: Standing, credited: tuple[Decimal, int], outcome: str) -> Standing:
    """How the item stands once ``credited`` of it is taken back. Pure.

    Quantities are exact. An entry that shared a line may have been billed a minor unit beside its own amount; when
    nothing is billed of it any more, nothing of the amount is.
    """
    quantity = now.billed[0] - credited[0]
    billed = (quantity, now.billed[1] - credited[1]) if quantity else (Decimal(0), 0)
    taken = now.billed[0] - billed[0], now.billed[1] - billed[1]
    if outcome == "write_off":
        off = now.written_off[0] + taken[0], now.written_off[1] + taken[1]
        if now.state != "billed":
            return Standing(now.state, now.whole, billed, off)
        return Standing("billed" if quantity else "written_off", now.whole, (Decimal(0), 0), off)
    state = now.state
    if state in ("billed", "waiting"):
        state = "ready" if outcome == "rebill" else "waiting"
    return Standing(state, now.whole, billed, now.written_off)


def release_credited(tx: Tx, note_ids: Sequence[UUID]) -> None:
    """Bring the items of issued credit notes up to date, in the issuing transaction. A few statements for any number.

    The caller holds the lock of the items' contracts (``queries.lock_billing``): no draft with one of them moves meanwhile.
    """
    item, share = BillableItemRow, AllocationRow
    query = (
        select(
            item,
            CreditNoteRow.outcome,
            CreditNoteRow.invoice_id.label("note_id"),
            CreditNoteRow.credits_invoice_id,
            InvoiceRow.legal_entity_id,
            InvoiceRow.currency.label("note_currency"),
            (-func.sum(share.quantity)).label("quantity"),
            (-func.sum(share.amount_minor)).label("minor"),
        )
        .join(share, share.item_id == item.id)
        .join(CreditNoteRow, CreditNoteRow.invoice_id == share.invoice_id)
        .join(InvoiceRow, InvoiceRow.id == share.invoice_id)
        .where(share.invoice_id.in_(note_ids))
        .group_by(item.id, CreditNoteRow.invoice_id, InvoiceRow.id)
        .order_by(CreditNoteRow.invoice_id, item.id)
        .execution_options(populate_existing=True)
    )
    found = list(tx.session.execute(query)) if note_ids else []
    standings: dict[UUID, Standing] = {}
    changes: dict[UUID, dict[str, Any]] = {}
    for row in found:
        now = standings.get(row.BillableItemRow.id) or standing_of(row.BillableItemRow)
        # What a draft withheld lived with that invoice; the next one withholds anew.
        outcome = "write_off" if is_withheld(row.BillableItemRow.transaction_key) else row.outcome
        after = after_credit(now, (row.quantity, int(row.minor)), outcome)
        standings[row.BillableItemRow.id] = after
        changes[row.BillableItemRow.id] = _change(tx, row, after)
    _write(tx, {row.BillableItemRow.id: row.BillableItemRow for row in found}, changes, CREDITED)
    reverse_holdback(tx, [_credited(row) for row in found])


def _credited(row: AnyRow) -> Credited:
    item: BillableItemRow = row.BillableItemRow
    return Credited(
        invoice_id=row.credits_invoice_id,
        credit_invoice_id=row.note_id,
        legal_entity_id=row.legal_entity_id,
        currency=row.note_currency,
        contract_id=item.contract_id,
        transaction_key=item.transaction_key,
        kind=item.kind,
        minor=int(row.minor),
    )


def standing_of(item: BillableItemRow) -> Standing:
    return Standing(
        item.state,
        (item.quantity, item.amount_minor or 0),
        (item.kept_quantity, item.kept_minor),
        (item.written_off_quantity, item.written_off_minor),
    )


def _change(tx: Tx, row: AnyRow, after: Standing) -> dict[str, Any]:
    item: BillableItemRow = row.BillableItemRow
    again = row.outcome == "rebill"
    moved = after.state != item.state
    waits = row.outcome == "release" and after.state == "waiting" and (moved or RELEASED in item.reasons)
    reasons = [RELEASED] if waits else ([] if after.state == "ready" else list(item.reasons))
    return {
        "state": after.state,
        "reasons": reasons,
        "invoice_id": item.invoice_id if after.state in ("drafted", "billed") else None,
        # No hash: the trigger's present answer counts when it is billed again.
        "proposal_sha256": "" if again else item.proposal_sha256,
        "waiting_since": (item.waiting_since or tx.now) if after.state == "waiting" else None,
        "kept_quantity": after.kept[0],
        "kept_minor": after.kept[1],
        "written_off_quantity": after.written_off[0],
        "written_off_minor": after.written_off[1],
        "rebill_of": row.credits_invoice_id if again else None,
    }


def release_voided(tx: Tx, invoice: InvoiceRow) -> None:
    """The items of a voided invoice are as open as before it was issued: triggers say what becomes of them.

    The caller holds the lock of the items' contracts, and nothing of the invoice was credited.
    """
    query = (
        select(BillableItemRow, func.sum(AllocationRow.amount_minor).label("minor"))
        .join(AllocationRow, AllocationRow.item_id == BillableItemRow.id)
        .where(AllocationRow.invoice_id == invoice.id)
        .group_by(BillableItemRow.id)
        .order_by(BillableItemRow.id)
        .execution_options(populate_existing=True)
    )
    found = list(tx.session.execute(query))
    items = {row.BillableItemRow.id: row.BillableItemRow for row in found}
    assert {item.invoice_id for item in items.values()} <= {invoice.id}, (
        f"{invoice.id} does not bill its items any more"
    )
    changes: dict[UUID, dict[str, Any]] = {
        item.id: {
            "state": "cancelled" if is_withheld(item.transaction_key) else "ready",
            "reasons": [],
            "invoice_id": None,
            "proposal_sha256": "",
            "waiting_since": None,
        }
        for item in items.values()
    }
    _write(tx, items, changes, VOIDED)
    reversed_ = [
        Credited(
            invoice_id=invoice.id,
            credit_invoice_id=invoice.id,
            legal_entity_id=invoice.legal_entity_id,
            currency=invoice.currency,
            contract_id=row.BillableItemRow.contract_id,
            transaction_key=row.BillableItemRow.transaction_key,
            kind=row.BillableItemRow.kind,
            minor=int(row.minor),
        )
        for row in found
    ]
    reverse_holdback(tx, reversed_)


def _write(tx: Tx, items: dict[UUID, BillableItemRow], changes: dict[UUID, dict[str, Any]], why: str) -> None:
    if not changes:
        return
    names = list(next(iter(changes.values())))
    statement = update(BillableItemRow).where(BillableItemRow.id == bindparam("b_id"))
    values: dict[str, Any] = {name: bindparam(f"b_{name}") for name in names}
    rows = [{"b_id": key, **{f"b_{name}": value for name, value in change.items()}} for key, change in changes.items()]
    tx.session.connection().execute(statement.values(**values, updated_at=tx.now), rows)
    record_many(
        tx,
        [
            entry_values(
                tx, f"item.{change['state']}", "billable_item", key,
                before={"state": items[key].state},
                after={name: change[name] for name in change if name not in ("proposal_sha256", "waiting_since")},
                reason=why,
            )
            for key, change in changes.items()
        ],
    )  # fmt: skip
    contracts = tuple(sorted({items[key].contract_id for key in changes}))
    publish(tx, ItemsReleased(contract_ids=contracts))
