"""What billing's pages count: invoices by where they stand, and what is not billed yet by reason."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, cast, func, select

from billwright.billing.credit_drafts import OPEN_MINOR
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

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


def invoice_counts(tx: Tx, *, customer_id: UUID | None = None) -> list[tuple[str, str, int]]:
    """(group, words, how many) for each filter; one query."""
    query = select(*(func.count().filter(condition) for _, condition in GROUPS.values())).select_from(InvoiceRow)
    if customer_id is not None:
        query = query.where(InvoiceRow.customer_id == customer_id)
    counted = tx.session.execute(query).one()
    return [(name, text, count) for (name, (text, _)), count in zip(GROUPS.items(), counted, strict=True)]


def unbilled_sums(tx: Tx) -> list[AnyRow]:
    """Per first reason and currency: ``reason`` (null: ready), ``currency``, ``items``, ``minor``; largest first; one query."""
    reason = BillableItemRow.reasons[1].label("reason")
    minor = cast(func.coalesce(func.sum(OPEN_MINOR), 0), BigInteger).label("minor")
    query = (
        select(reason, BillableItemRow.currency, func.count().label("items"), minor)
        .where(BillableItemRow.state.in_(("waiting", "ready")))
        .group_by(reason, BillableItemRow.currency)
        .order_by(minor.desc(), reason)
    )
    return list(tx.session.execute(query))
