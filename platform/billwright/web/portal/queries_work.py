"""Work and what becomes of it: milestones, time and expenses with their billable items. Each function is one query."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, any_, cast, func, literal, select
from sqlalchemy.orm import aliased

from billwright.billing.tables import BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import (
    AcceptanceRow,
    ContractRow,
    CustomerRow,
    ExpenseRow,
    MilestoneRow,
    ProjectRow,
    TimeEntryRow,
)
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

ROWS: Final = 50
OPEN: Final = ("waiting", "ready", "drafted")
"""States of items that are on no issued invoice, in the order in which an item goes through them."""
Fact: TypeAlias = type[MilestoneRow] | type[TimeEntryRow] | type[ExpenseRow]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work: its table, the ``kind`` of its items, and whether its source says who approved it."""

    row: Fact
    item: str
    approved: bool


KINDS: Final[Mapping[str, Kind]] = {
    "milestones": Kind(MilestoneRow, "milestone", approved=False),
    "time": Kind(TimeEntryRow, "time", approved=True),
    "expenses": Kind(ExpenseRow, "expense", approved=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list of work is narrowed to; empty or None for everything."""

    status: str = ""
    billing: str = ""
    reason: str = ""
    contract_id: UUID | None = None
    customer_id: UUID | None = None


def unbilled_by_kind(tx: Tx) -> list[AnyRow]:
    """Items that are on no issued invoice by ``kind``, ``state``, first ``reason``, ``currency``: ``items``, ``minor``."""
    reason = BillableItemRow.reasons[1].label("reason")
    minor = cast(func.coalesce(func.sum(BillableItemRow.amount_minor), 0), BigInteger).label("minor")
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


def _conditions(kind: Kind, wanted: Wanted, *, without: str = "") -> list[ColumnElement[bool]]:
    """``without``: the name of a field that is left out, for counting its other values."""
    found: list[ColumnElement[bool]] = []
    if wanted.status and without != "status" and kind.row is not MilestoneRow:
        found.append(table_of(kind.row).c.status == wanted.status)
    if wanted.contract_id is not None:
        found.append(kind.row.contract_id == wanted.contract_id)
    if wanted.customer_id is not None:
        of_customer = select(ContractRow.id).where(ContractRow.customer_id == wanted.customer_id)
        found.append(kind.row.contract_id.in_(of_customer))
    item = aliased(BillableItemRow)  # the list's own items must not be taken for these
    items = select(item.id).where(item.subject_id == kind.row.id, item.kind == kind.item).correlate(kind.row)
    if wanted.billing and without != "billing":
        found.append(items.where(item.state == wanted.billing).exists())
    if wanted.reason:
        found.append(items.where(literal(wanted.reason) == any_(item.reasons)).exists())
    return found


def work_list(tx: Tx, kind: Kind, wanted: Wanted, *, cursor: str | None = None) -> Slice[AnyRow]:
    """Work, what came last first: the columns of its table with ``contract``, ``customer``, ``customer_id``, ``project``.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    row = kind.row
    query = (
        select(
            *table_of(row).columns,
            ContractRow.number.label("contract"),
            ContractRow.currency.label("contract_currency"),
            CustomerRow.name.label("customer"),
            CustomerRow.id.label("customer_id"),
            ProjectRow.name.label("project"),
        )
        .outerjoin(ContractRow, ContractRow.id == row.contract_id)
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
        .where(*_conditions(kind, wanted))
        .order_by(row.id.desc())
        .limit(ROWS + 1)
    )
    if cursor:
        query = query.where(row.id < read_cursor(cursor, UUID)[0])
    return cut_page(list(tx.session.execute(query)), ROWS, lambda each: (each.id,))


def items_of(tx: Tx, kind: Kind, subject_ids: Collection[UUID]) -> dict[UUID, list[AnyRow]]:
    """Items of the shown work with the number and line of their invoice and when the customer accepted."""
    position = (
        select(func.min(InvoiceLineRow.position))
        .where(
            InvoiceLineRow.invoice_id == BillableItemRow.invoice_id,
            InvoiceLineRow.contract_id == BillableItemRow.contract_id,
            InvoiceLineRow.milestone_id == BillableItemRow.subject_id,
        )
        .correlate(BillableItemRow)
        .scalar_subquery()
    )
    query = (
        select(
            *table_of(BillableItemRow).columns,
            InvoiceRow.number.label("invoice_number"),
            position.label("position"),
            AcceptanceRow.decided_at,
            AcceptanceRow.decided_by,
        )
        .outerjoin(InvoiceRow, InvoiceRow.id == BillableItemRow.invoice_id)
        .outerjoin(AcceptanceRow, AcceptanceRow.id == BillableItemRow.acceptance_id)
        .where(BillableItemRow.subject_id.in_(subject_ids), BillableItemRow.kind == kind.item)
        .order_by(BillableItemRow.id)
    )
    found: defaultdict[UUID, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query):
        found[row.subject_id].append(row)
    return found


def sums_of(tx: Tx, kind: Kind, wanted: Wanted) -> list[AnyRow]:
    """What the list adds up to by ``billing`` (state of the item) and ``currency``: ``items``, ``minor``.

    The filter by state is left out, so that each state says its own sum.
    """
    item = BillableItemRow
    minor = cast(func.coalesce(func.sum(item.amount_minor), 0), BigInteger).label("minor")
    row: Any = kind.row
    query = (
        select(item.state.label("billing"), item.currency, func.count().label("items"), minor)
        .join(row, row.id == item.subject_id)
        .where(item.kind == kind.item, *_conditions(kind, wanted, without="billing"))
        .group_by(item.state, item.currency)
        .order_by(item.state, item.currency)
    )
    return list(tx.session.execute(query))


def status_counts(tx: Tx, kind: Kind, wanted: Wanted) -> dict[str, int]:
    """How many entries the source says are submitted, approved or rejected."""
    status = table_of(kind.row).c.status
    query = select(status, func.count()).where(*_conditions(kind, wanted, without="status")).group_by(status)
    counted: Any = tx.session.execute(query)
    return dict(counted.all())


def names_of(tx: Tx, wanted: Wanted) -> AnyRow:
    """Words for the filters by identifier: ``contract``, ``customer``; null for what is not narrowed to, or not here."""
    contract = select(ContractRow.number).where(ContractRow.id == wanted.contract_id).scalar_subquery()
    customer = select(CustomerRow.name).where(CustomerRow.id == wanted.customer_id).scalar_subquery()
    return tx.session.execute(select(contract.label("contract"), customer.label("customer"))).one()
