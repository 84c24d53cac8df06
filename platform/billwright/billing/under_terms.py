"""What triggers propose, under people's write-downs and the contracts' caps; each threshold of a cap is told once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import record
from billwright.billing.adjustments import adjusted
from billwright.billing.caps import CapUse, apply_caps, as_billed, reached
from billwright.billing.events import CapReached
from billwright.billing.tables import CapNoticeRow, ItemAdjustmentRow
from billwright.extension.views import ContractView, ItemProposal
from billwright.jobs.enqueue import publish
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

Proposals = Mapping[str, ItemProposal]
AUDITED: Final = ("cap", "percent", "limit_minor", "used_minor", "written_down_minor", "held_minor", "currency")


def under_terms(
    tx: Tx, views: Mapping[UUID, ContractView], proposals: Mapping[UUID, Proposals], known: Mapping[str, AnyRow]
) -> Mapping[UUID, Proposals]:
    """The proposals of each contract at the amounts that may be billed. ``known``: the contracts' items by key.

    No statement for contracts without caps and write-downs, two at most for the others. The contracts are locked
    (``lock_billing``): nobody else bills on their caps meanwhile.
    """
    adjustments = _adjustments(tx, known)
    priced: dict[UUID, Proposals] = {}
    uses: dict[UUID, Sequence[CapUse]] = {}
    by_contract: dict[UUID, dict[str, AnyRow]] = {contract_id: {} for contract_id, view in views.items() if view.caps}
    for key, row in known.items() if by_contract else ():
        if row.contract_id in by_contract:
            by_contract[row.contract_id][key] = row
    for contract_id, view in views.items():
        mine = _by_people(proposals[contract_id], known, adjustments) if adjustments else proposals[contract_id]
        if view.caps:
            capped = apply_caps(view, mine, by_contract[contract_id])
            mine, uses[contract_id] = capped.proposals, capped.uses
        priced[contract_id] = _settled(mine, known)
    _tell(tx, views, uses)
    return priced


def _adjustments(tx: Tx, known: Mapping[str, AnyRow]) -> dict[UUID, AnyRow]:
    """The newest adjustment of each item that has one, by identifier."""
    wanted = [row.adjustment_id for row in known.values() if row.adjustment_id is not None]
    if not wanted:
        return {}
    query = select(*ItemAdjustmentRow.__table__.columns).where(ItemAdjustmentRow.id.in_(wanted))
    return {row.id: row for row in tx.session.execute(query)}


def _by_people(proposals: Proposals, known: Mapping[str, AnyRow], adjustments: Mapping[UUID, AnyRow]) -> Proposals:
    answer = dict(proposals)
    for key, proposal in proposals.items():
        row = known.get(key)
        if row is not None and row.adjustment_id is not None and row.state not in ("billed", "written_off"):
            answer[key] = adjusted(proposal, adjustments[row.adjustment_id])
    return answer


def _settled(proposals: Proposals, known: Mapping[str, AnyRow]) -> Proposals:
    """What was billed after a write-down is said as it was billed: it is no news."""
    settled = {
        key: as_billed(proposals[key], row)
        for key, row in known.items()
        if row.standard_minor is not None and row.state == "billed" and key in proposals
    }
    return {**proposals, **settled} if settled else proposals


def _tell(tx: Tx, views: Mapping[UUID, ContractView], uses: Mapping[UUID, Iterable[CapUse]]) -> None:
    told = {
        (contract_id, use.name, percent, use.limit): use
        for contract_id, each in uses.items()
        for use, percent in reached(each)
    }
    if not told:
        return
    names = ("contract_id", "cap", "percent", "limit_minor")
    rows = [{**dict(zip(names, key, strict=True)), "told_at": tx.now} for key in sorted(told)]
    statement = upsert(CapNoticeRow).values(rows).on_conflict_do_nothing()
    columns = (CapNoticeRow.contract_id, CapNoticeRow.cap, CapNoticeRow.percent, CapNoticeRow.limit_minor)
    new = {(row[0], row[1], row[2], row[3]) for row in tx.session.execute(statement.returning(*columns))}
    for key in sorted(new):
        contract_id, cap, percent, limit_minor = key
        use = told[key]
        event = CapReached(
            contract_id=contract_id,
            contract_number=views[contract_id].number,
            customer_id=UUID(customer) if (customer := views[contract_id].customer_id) else None,
            cap=cap,
            percent=percent,
            limit_minor=limit_minor,
            used_minor=use.used,
            written_down_minor=use.written_down,
            held_minor=use.held,
            currency=use.currency,
        )
        publish(tx, event)
        record(tx, "cap.reached", "contract", contract_id, after={name: getattr(event, name) for name in AUDITED})
