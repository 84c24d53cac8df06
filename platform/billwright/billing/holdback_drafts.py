"""Holdback on drafts: the lines that take it off, their billable items, and what the draft says that it withholds.

A line needs an item like any other: it has the key ``holdback:{contract}:withheld:{draft}`` and lives and dies with the draft.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import entry_values, record_many
from billwright.billing.holdback import WITHHELD, is_withheld
from billwright.billing.holdback_standing import Head, HoldbackReader, Taken, Work
from billwright.billing.lines import PricedItem, PricedLine, line_of
from billwright.billing.tables import BillableItemRow
from billwright.extension.terms_holdback import read_holdback_terms
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

# What changes of such an item while its draft is priced again; everything else is as it was made.
_REPRICED: Final = (
    "state", "invoice_id", "description", "unit_price", "amount_minor", "clause", "contract_version_id", "message_id",
    "customer_id", "project_id", "currency", "updated_at",
)  # fmt: skip


class DraftHoldbacks:
    """What the drafts of one call withhold; ``write`` makes, changes and ends the items of their lines."""

    def __init__(self, tx: Tx, drafts: Mapping[UUID, AnyRow], items: Mapping[UUID, Sequence[AnyRow]]) -> None:
        self._tx = tx
        self._heads = {invoice_id: _head(row, items.get(invoice_id, ())) for invoice_id, row in drafts.items()}
        self._reader = HoldbackReader(tx, [head for head in self._heads.values() if head.terms or head.releases])
        kept = (row.BillableItemRow for rows in items.values() for row in rows)
        self._kept = {item.transaction_key: item.id for item in kept if is_withheld(item.transaction_key)}
        self._rows: list[dict[str, Any]] = []
        self._gone = dict(self._kept)

    def take(
        self, row: AnyRow, items: Sequence[AnyRow], lines: Sequence[PricedLine]
    ) -> tuple[tuple[PricedLine, ...], list[dict[str, Any]] | None]:
        """``lines`` with those that take off what is withheld, and what the draft says of it; none without any terms."""
        by_id = {item.BillableItemRow.id: item for item in items}
        works = [_work(line, by_id[line.shares[0].item_id].BillableItemRow) for line in lines]
        taken = self._reader.take(self._heads[row.id], works)
        more: list[PricedLine] = []
        for each in taken:
            own = [line for line in lines if line.contract_id == each.contract_id]
            first = by_id[own[0].shares[0].item_id]
            if each.mode == "line":
                more.extend(self._lines(row, each, own, first, start=len(lines) + len(more) + 1))
        return (*lines, *more), [each.stored() for each in taken] or None

    def _lines(
        self, row: AnyRow, taken: Taken, lines: Sequence[PricedLine], first: AnyRow, *, start: int
    ) -> list[PricedLine]:
        made = []
        for number, (tax, minor) in enumerate(taken.withheld_by_tax.items()):
            like = next(line for line in lines if line.tax == tax)
            key = f"holdback:{taken.contract_id}{WITHHELD}{row.id}" + (f":{number}" if number else "")
            amount = Money(minor, row.currency)
            base = Money(taken.base_by_tax[tax], row.currency)
            item = _item(self._kept.get(key) or new_id(), taken, like, first.BillableItemRow, amount, base)
            self._gone.pop(key, None)
            self._rows.append(_stored(item, key, row, first.BillableItemRow) | {"updated_at": self._tx.now})
            made.append(line_of(start + number, item, like.taxed_by))
        return made

    def write(self) -> None:
        """Three statements at most, none where nothing is or was withheld."""
        session = self._tx.session
        entries = []
        if self._rows:
            statement = upsert(BillableItemRow).values(self._rows)
            new = {name: statement.excluded[name] for name in _REPRICED}
            session.execute(statement.on_conflict_do_update(index_elements=["transaction_key"], set_=new))
            entries += [
                entry_values(self._tx, "item.drafted", "billable_item", row["id"], after=_audited(row))
                for row in self._rows
            ]
        if self._gone:
            gone = sorted(self._gone.values())
            ended = {"state": "cancelled", "invoice_id": None, "updated_at": self._tx.now}
            session.execute(update(BillableItemRow).where(BillableItemRow.id.in_(gone)).values(ended))
            after = {"state": "cancelled"}
            entries += [entry_values(self._tx, "item.cancelled", "billable_item", each, after=after) for each in gone]
        record_many(self._tx, entries)


def _head(row: AnyRow, items: Sequence[AnyRow]) -> Head:
    stored = {item.BillableItemRow.contract_id: item.holdback for item in items}
    terms = {contract: read for contract, each in stored.items() if (read := read_holdback_terms(each)) is not None}
    return Head(
        invoice_id=row.id,
        legal_entity_id=row.legal_entity_id,
        country=row.country,
        currency=row.currency,
        terms=terms,
        releases=frozenset(item.contract_id for item in (each.BillableItemRow for each in items) if _is_release(item)),
    )


def _is_release(item: BillableItemRow) -> bool:
    return item.kind == "holdback" and not is_withheld(item.transaction_key)


def _work(line: PricedLine, item: BillableItemRow) -> Work:
    return Work(
        contract_id=line.contract_id,
        kind=item.kind,
        net_minor=line.net.minor,
        tax=line.tax,
        rate_basis_points=line.tax.rate_basis_points,
        release=item.transaction_key if _is_release(item) else "",
    )


def _item(
    identifier: UUID, taken: Taken, like: PricedLine, first: BillableItemRow, amount: Money, base: Money
) -> PricedItem:
    share = f"{taken.percent} % " if taken.percent else ""
    return PricedItem(
        id=identifier,
        kind="holdback",
        subject_id=identifier,
        contract_id=taken.contract_id,
        project_id=like.project_id,
        description=f"Holdback {share}of {base}",
        quantity=Decimal(-1),
        unit="C62",
        unit_price=amount.decimal,
        amount=-amount,
        service_from=None,
        service_to=None,
        clause=taken.clause,
        contract_version_id=first.contract_version_id,
        change_order_id=None,
        rate_id=None,
        evidence_ids=(),
    )


def _stored(item: PricedItem, key: str, row: AnyRow, first: BillableItemRow) -> dict[str, Any]:
    """The item's row. Its message is that of the work which it is withheld of."""
    return {
        "id": item.id,
        "transaction_key": key,
        "kind": item.kind,
        "subject_id": item.id,
        "contract_id": item.contract_id,
        "customer_id": row.customer_id,
        "project_id": item.project_id,
        "invoice_id": row.id,
        "state": "drafted",
        "reasons": [],
        "notes": [],
        "description": item.description,
        "quantity": item.quantity,
        "unit": item.unit,
        "unit_price": item.unit_price,
        "amount_minor": item.amount.minor,
        "currency": row.currency,
        "clause": item.clause,
        "contract_version_id": item.contract_version_id,
        "evidence_ids": [],
        "message_id": first.message_id,
        "proposal_sha256": "",
    }


def _audited(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("state", "invoice_id", "amount_minor", "currency")}
