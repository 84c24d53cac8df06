"""What billing's pages show: the list of invoices, and billable items that are not billed yet with the reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, tuple_

from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import ContractRow, CustomerRow, ProjectRow
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

ROWS: Final = 50
HELD: Final = ("blocked", "returned", "issue_failed")
IN_APPROVAL: Final = ("awaiting_manager", "awaiting_finance")
GROUPS: Final[Mapping[str, tuple[str, ColumnElement[bool]]]] = {
    "held": ("Held", InvoiceRow.issued_at.is_(None) & InvoiceRow.detail.in_(HELD)),
    "approval": ("In approval", InvoiceRow.issued_at.is_(None) & InvoiceRow.detail.in_(IN_APPROVAL)),
    "draft": (
        "Other drafts",
        InvoiceRow.issued_at.is_(None) & InvoiceRow.detail.not_in(HELD + IN_APPROVAL) & (InvoiceRow.phase != "void"),
    ),
    "issued": ("Issued", InvoiceRow.phase.in_(("issued", "posted"))),
    "disputed": ("Disputed", InvoiceRow.phase == "disputed"),
    "settled": ("Paid", InvoiceRow.phase == "settled"),
}
"""Where invoices stand, as the list's filters call it: words and condition."""


def invoice_list(
    tx: Tx, *, group: str = "", customer_id: UUID | None = None, cursor: str | None = None
) -> Slice[AnyRow]:
    """Invoices and drafts, the one changed last on top; one query. An unknown ``group`` is all of them.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = (
        select(InvoiceRow, CustomerRow.name.label("customer"), ProjectRow.name.label("project"))
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceRow.project_id)
        .order_by(InvoiceRow.updated_at.desc(), InvoiceRow.id.desc())
        .limit(ROWS + 1)
    )
    if group in GROUPS:
        query = query.where(GROUPS[group][1])
    if customer_id is not None:
        query = query.where(InvoiceRow.customer_id == customer_id)
    if cursor:
        query = query.where(tuple_(InvoiceRow.updated_at, InvoiceRow.id) < tuple_(*read_cursor(cursor, datetime, UUID)))
    rows = list(tx.session.execute(query))
    return cut_page(rows, ROWS, lambda row: (row.InvoiceRow.updated_at, row.InvoiceRow.id))


def invoice_counts(tx: Tx, *, customer_id: UUID | None = None) -> list[tuple[str, str, int]]:
    """(group, words, how many) for each filter; one query."""
    query = select(*(func.count().filter(condition) for _, condition in GROUPS.values())).select_from(InvoiceRow)
    if customer_id is not None:
        query = query.where(InvoiceRow.customer_id == customer_id)
    counted = tx.session.execute(query).one()
    return [(name, text, count) for (name, (text, _)), count in zip(GROUPS.items(), counted, strict=True)]


def unbilled(tx: Tx, *, reason: str | None = None, cursor: str | None = None) -> Slice[AnyRow]:
    """Items that wait or are ready, the one that waits longest on top; one query.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = (
        select(
            BillableItemRow,
            CustomerRow.name.label("customer"),
            ContractRow.number.label("contract"),
            ProjectRow.name.label("project"),
        )
        .outerjoin(ContractRow, ContractRow.id == BillableItemRow.contract_id)
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == BillableItemRow.project_id)
        .where(BillableItemRow.state.in_(("waiting", "ready")))
        .order_by(BillableItemRow.id)
        .limit(ROWS + 1)
    )
    if reason:
        query = query.where(BillableItemRow.reasons.contains([reason]))
    if cursor:
        query = query.where(BillableItemRow.id > read_cursor(cursor, UUID)[0])
    return cut_page(list(tx.session.execute(query)), ROWS, lambda row: (row.BillableItemRow.id,))


def unbilled_sums(tx: Tx) -> list[AnyRow]:
    """Per first reason and currency: ``reason`` (null: ready), ``currency``, ``items``, ``minor``; largest first; one query."""
    reason = BillableItemRow.reasons[1].label("reason")
    minor = cast(func.coalesce(func.sum(BillableItemRow.amount_minor), 0), BigInteger).label("minor")
    query = (
        select(reason, BillableItemRow.currency, func.count().label("items"), minor)
        .where(BillableItemRow.state.in_(("waiting", "ready")))
        .group_by(reason, BillableItemRow.currency)
        .order_by(minor.desc(), reason)
    )
    return list(tx.session.execute(query))
