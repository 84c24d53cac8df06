"""What of receivables is retained as holdback, and what of that was released and falls due on a day of its own.

Money that comes in takes what was due first, then what was released, the earliest first, then what is still retained.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Subquery, case, func, select, type_coerce

from billwright.billing.tables import HoldbackBalanceRow, HoldbackEntryRow, InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import ContractRow, CustomerRow, LegalEntityRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """``withheld_minor`` of one receivable, net of credits, and what of it was released: (due on, minor units)."""

    withheld_minor: int
    releases: tuple[tuple[date, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An open amount by when it is due: at the invoice's due date, at that of a release, or not yet."""

    due_minor: int
    released: tuple[tuple[date, int], ...]
    retained_minor: int


def split_open(open_minor: int, retained: Retained) -> Parts:
    """The parts of ``open_minor``; together they are exactly it. Pure."""
    held = min(max(open_minor, 0), retained.withheld_minor)
    freed = sum(minor for _, minor in retained.releases)
    still = min(held, max(retained.withheld_minor - freed, 0))
    left, released = held - still, []
    for due_on, minor in sorted(retained.releases, reverse=True):
        part = min(left, minor)
        left -= part
        if part:
            released.append((due_on, part))
    return Parts(due_minor=open_minor - held, released=tuple(reversed(released)), retained_minor=still + left)


def retained_of(tx: Tx, invoice_ids: Collection[UUID]) -> dict[UUID, Retained]:
    """What of these invoices' receivables is holdback. One statement, none without invoices."""
    if not invoice_ids:
        return {}
    query = (
        select(
            HoldbackEntryRow.invoice_id,
            HoldbackEntryRow.kind,
            HoldbackEntryRow.due_on,
            func.sum(HoldbackEntryRow.amount_minor),
        )
        .join(HoldbackBalanceRow, HoldbackBalanceRow.id == HoldbackEntryRow.balance_id)
        .where(HoldbackEntryRow.invoice_id.in_(list(invoice_ids)), HoldbackBalanceRow.mode == "receivable")
        .group_by(HoldbackEntryRow.invoice_id, HoldbackEntryRow.kind, HoldbackEntryRow.due_on)
    )
    withheld: dict[UUID, int] = {}
    releases: dict[UUID, list[tuple[date, int]]] = {}
    for invoice_id, kind, due_on, minor in tx.session.execute(query):
        if kind == "released":
            assert due_on is not None, invoice_id
            releases.setdefault(invoice_id, []).append((due_on, int(minor)))
        else:
            sign = 1 if kind == "withheld" else -1
            withheld[invoice_id] = withheld.get(invoice_id, 0) + sign * int(minor)
    return {
        each: Retained(withheld_minor=minor, releases=tuple(sorted(releases.get(each, ()))))
        for each, minor in withheld.items()
    }


def holdback_of_receivables(today: ColumnElement[Any]) -> Subquery:
    """By ``invoice_id``: ``withheld_minor`` net of credits, ``not_due_minor`` of it on ``today``, the last ``due_on`` that came."""
    entry, minor = HoldbackEntryRow, HoldbackEntryRow.amount_minor
    came = (entry.kind == "released") & (entry.due_on <= today)
    withheld = case((entry.kind == "withheld", minor), (entry.kind == "withheld_reversed", -minor), else_=0)
    return (
        select(
            entry.invoice_id,
            func.sum(withheld).label("withheld_minor"),
            func.greatest(func.sum(withheld - case((came, minor), else_=0)), 0).label("not_due_minor"),
            func.max(entry.due_on).filter(came).label("due_on"),
        )
        .join(HoldbackBalanceRow, HoldbackBalanceRow.id == entry.balance_id)
        .join(LegalEntityRow, LegalEntityRow.id == HoldbackBalanceRow.legal_entity_id)
        .where(HoldbackBalanceRow.mode == "receivable")
        .group_by(entry.invoice_id)
        .subquery()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldbackItem:
    """What is outstanding of one invoice's holdback. ``age_days`` since it was issued, where the legal entity is."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    customer: str
    contract_id: UUID
    contract: str
    mode: str
    currency: str
    outstanding_minor: int
    age_days: int


def list_holdbacks(
    tx: Tx, *, customer_id: UUID | None = None, contract_id: UUID | None = None, limit: int = 200
) -> Sequence[HoldbackItem]:
    """Outstanding holdback by contract and invoice, the oldest first; of a customer or contract, or of all. One statement.

    Where lines withhold, a release bills a contract's money as a whole: it is taken off the oldest invoices first.
    """
    gained = HoldbackEntryRow.kind.in_(("withheld", "released_reversed"))
    signed = case((gained, HoldbackEntryRow.amount_minor), else_=-HoldbackEntryRow.amount_minor)
    query = (
        select(
            HoldbackBalanceRow.id,
            HoldbackBalanceRow.contract_id,
            HoldbackBalanceRow.mode,
            HoldbackBalanceRow.currency,
            ContractRow.number.label("contract"),
            InvoiceRow.id.label("invoice_id"),
            InvoiceRow.number,
            InvoiceRow.customer_id,
            CustomerRow.name.label("customer"),
            type_coerce(today_of_entity(tx) - InvoiceRow.issued_on, Integer).label("age_days"),
            func.sum(signed).label("minor"),
        )
        .join(HoldbackEntryRow, HoldbackEntryRow.balance_id == HoldbackBalanceRow.id)
        .join(ContractRow, ContractRow.id == HoldbackBalanceRow.contract_id)
        .join(InvoiceRow, InvoiceRow.id == HoldbackEntryRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == HoldbackBalanceRow.legal_entity_id)
        .where(HoldbackBalanceRow.outstanding_minor > 0)
        .group_by(HoldbackBalanceRow.id, ContractRow.number, InvoiceRow.id, CustomerRow.name, LegalEntityRow.time_zone)
        .order_by(InvoiceRow.issued_on, InvoiceRow.id)
    )
    if customer_id is not None:
        query = query.where(InvoiceRow.customer_id == customer_id)
    if contract_id is not None:
        query = query.where(HoldbackBalanceRow.contract_id == contract_id)
    return _outstanding(list(tx.session.execute(query)))[:limit]


def _outstanding(rows: Sequence[AnyRow]) -> list[HoldbackItem]:
    freed: dict[Any, int] = {}
    for row in rows:
        if row.minor < 0:
            freed[row.id] = freed.get(row.id, 0) - int(row.minor)
    items = []
    for row in rows:
        taken = min(freed.get(row.id, 0), max(int(row.minor), 0))
        freed[row.id] = freed.get(row.id, 0) - taken
        if int(row.minor) > taken:
            items.append(
                HoldbackItem(
                    invoice_id=row.invoice_id,
                    number=row.number or "",
                    customer_id=row.customer_id,
                    customer=row.customer,
                    contract_id=row.contract_id,
                    contract=row.contract,
                    mode=row.mode,
                    currency=row.currency,
                    outstanding_minor=int(row.minor) - taken,
                    age_days=row.age_days,
                )
            )
    return items
