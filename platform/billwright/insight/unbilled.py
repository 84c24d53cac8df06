"""What is unbilled and why? Billable items that are not on an issued invoice, by what they wait for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from billwright.billing.credit_drafts import OPEN_MINOR
from billwright.billing.tables import BillableItemRow
from billwright.insight.sums import total
from billwright.tenancy.transaction import Tx

UNBILLED: Final = ("waiting", "ready", "drafted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbilled:
    """Items with the same first reason and currency. ``reason`` is empty for those that wait for nothing.

    ``state``: waiting, ready (for a draft) or drafted. ``minor`` is net, in minor units; ``currency`` is None, and
    ``minor`` 0, where no amount is known yet. ``since``: how long the oldest waits.
    """

    state: str
    reason: str
    currency: str | None
    items: int
    minor: int
    since: datetime | None


def read_unbilled(tx: Tx) -> list[Unbilled]:
    """By currency, the largest sum first. One statement."""
    reason = func.coalesce(BillableItemRow.reasons[1], "").label("reason")
    minor = total(OPEN_MINOR).label("minor")
    query = (
        select(
            BillableItemRow.state,
            reason,
            BillableItemRow.currency,
            func.count().label("items"),
            minor,
            func.min(BillableItemRow.waiting_since).label("since"),
        )
        .where(BillableItemRow.state.in_(UNBILLED))
        .group_by(BillableItemRow.state, reason, BillableItemRow.currency)
        .order_by(BillableItemRow.currency, minor.desc(), BillableItemRow.state, reason)
    )
    return [
        Unbilled(
            state=row.state,
            reason=row.reason if row.state == "waiting" else "",
            currency=row.currency,
            items=row.items,
            minor=row.minor,
            since=row.since,
        )
        for row in tx.session.execute(query)
    ]
