"""What is on no invoice yet, and what the sources say about time and expenses. Each function is one query."""

from typing import Final

from sqlalchemy import BigInteger, cast, func, select

from billwright.billing.credit_drafts import OPEN_MINOR
from billwright.billing.tables import BillableItemRow
from billwright.canon.tables import ExpenseRow, TimeEntryRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

OPEN: Final = ("waiting", "ready", "drafted")
"""States of items that are on no issued invoice, in the order in which an item goes through them."""


def unbilled_by_kind(tx: Tx) -> list[AnyRow]:
    """Items that are on no issued invoice by ``kind``, ``state``, first ``reason``, ``currency``: ``items``, ``minor``."""
    reason = BillableItemRow.reasons[1].label("reason")
    minor = cast(func.coalesce(func.sum(OPEN_MINOR), 0), BigInteger).label("minor")
    query = (
        select(
            BillableItemRow.kind,
            BillableItemRow.state,
            reason,
            BillableItemRow.currency,
            func.count().label("items"),
            minor,
            func.min(BillableItemRow.waiting_since).label("since"),
        )
        .where(BillableItemRow.state.in_(OPEN))
        .group_by(BillableItemRow.kind, BillableItemRow.state, reason, BillableItemRow.currency)
        .order_by(minor.desc(), BillableItemRow.kind, reason, BillableItemRow.currency)
    )
    return list(tx.session.execute(query))


def hours_by_status(tx: Tx) -> list[AnyRow]:
    """Time by what its source says: ``status``, ``entries``, ``hours``."""
    hours = func.sum(TimeEntryRow.hours).label("hours")
    query = select(TimeEntryRow.status, func.count().label("entries"), hours).group_by(TimeEntryRow.status)
    return list(tx.session.execute(query.order_by(TimeEntryRow.status)))


def expenses_by_status(tx: Tx) -> list[AnyRow]:
    """Expenses by what their source says: ``status``, ``currency``, ``entries``, ``amount`` in major units."""
    amount = func.sum(ExpenseRow.amount).label("amount")
    query = select(ExpenseRow.status, ExpenseRow.currency, func.count().label("entries"), amount)
    query = query.group_by(ExpenseRow.status, ExpenseRow.currency)
    return list(tx.session.execute(query.order_by(ExpenseRow.status, ExpenseRow.currency)))
