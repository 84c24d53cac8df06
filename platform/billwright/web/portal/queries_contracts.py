"""Contracts with what is billed and what is not: the list, and everything about one of them. Each function is one query."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, cast, func, literal, select, union_all

from billwright.billing.tables import BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.contract_view import Facts, build_view
from billwright.canon.queries import zone_of_contract
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    ContractVersionRow,
    CustomerRow,
    EvidenceRow,
    MilestoneRow,
    ProjectRow,
    RateCardRow,
)
from billwright.extension.views import ContractView
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow, TenantBase
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

ROWS: Final = 50
STATES: Final = {"active": "Active", "completed": "Completed", "terminated": "Terminated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Net amounts of one contract in one currency, minor units."""

    currency: str
    billed: int = 0
    drafted: int = 0
    ready: int = 0
    waiting: int = 0

    @property
    def unbilled(self) -> int:
        """Earned and on no invoice yet: ready, or in a draft."""
        return self.ready + self.drafted


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``sums`` by currency code; ``waiting_items`` wait, whether an amount is known or not."""

    sums: tuple[Sums, ...] = ()
    waiting_items: int = 0


def value_now(tx: Tx) -> ScalarSelect[Any]:
    """Value after the change order that was signed last, else as signed first: what the contract is worth now."""
    changed = (
        select(ChangeOrderRow.value_after)
        .where(
            ChangeOrderRow.contract_id == ContractRow.id,
            ChangeOrderRow.signed_at <= tx.now,
            ChangeOrderRow.value_after.is_not(None),
        )
        .order_by(ChangeOrderRow.signed_at.desc(), ChangeOrderRow.id.desc())
        .limit(1)
        .correlate(ContractRow)
        .scalar_subquery()
    )
    return select(func.coalesce(changed, ContractRow.value)).correlate(ContractRow).scalar_subquery()


def currency_now(tx: Tx) -> ScalarSelect[Any]:
    changed = (
        select(ChangeOrderRow.currency_after)
        .where(
            ChangeOrderRow.contract_id == ContractRow.id,
            ChangeOrderRow.signed_at <= tx.now,
            ChangeOrderRow.currency_after.is_not(None),
        )
        .order_by(ChangeOrderRow.signed_at.desc(), ChangeOrderRow.id.desc())
        .limit(1)
        .correlate(ContractRow)
        .scalar_subquery()
    )
    return select(func.coalesce(changed, ContractRow.currency)).correlate(ContractRow).scalar_subquery()


def _waits() -> ColumnElement[bool]:
    return ContractRow.id.in_(select(BillableItemRow.contract_id).where(BillableItemRow.state == "waiting"))


def contract_list(
    tx: Tx, *, state: str = "", customer_id: UUID | None = None, cursor: str | None = None
) -> Slice[AnyRow]:
    """Contracts, newest first: ``ContractRow``, ``customer``, ``project``, ``value_now``, ``currency_now``.

    ``state`` is a state of the contract, or ``waiting`` for those on which something waits; else all.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = (
        select(
            ContractRow,
            CustomerRow.name.label("customer"),
            ProjectRow.name.label("project"),
            value_now(tx).label("value_now"),
            currency_now(tx).label("currency_now"),
        )
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
        .order_by(ContractRow.id.desc())
        .limit(ROWS + 1)
    )
    if state in STATES:
        query = query.where(ContractRow.status == state)
    elif state == "waiting":
        query = query.where(_waits())
    if customer_id is not None:
        query = query.where(ContractRow.customer_id == customer_id)
    if cursor:
        query = query.where(ContractRow.id < read_cursor(cursor, UUID)[0])
    return cut_page(list(tx.session.execute(query)), ROWS, lambda row: (row.ContractRow.id,))


def contract_counts(tx: Tx, *, customer_id: UUID | None = None) -> dict[str, int]:
    """How many contracts each value of the filter finds; all of them under the empty name."""
    conditions = {"waiting": _waits(), **{name: ContractRow.status == name for name in STATES}}
    query = select(func.count(), *(func.count().filter(each) for each in conditions.values())).select_from(ContractRow)
    if customer_id is not None:
        query = query.where(ContractRow.customer_id == customer_id)
    return dict(zip(("", *conditions), tx.session.execute(query).one(), strict=True))


def standings(tx: Tx, contract_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Billed (lines of issued invoices), drafted (lines of drafts), ready and waiting (billable items), per contract.

    Net of tax; every contract asked for is there. A line counts once: an item in a draft or invoice is counted by its line only.
    """
    lines = (
        select(
            InvoiceLineRow.contract_id,
            InvoiceRow.currency,
            func.sum(InvoiceLineRow.net_minor).filter(InvoiceRow.number.is_not(None)).label("billed"),
            func.sum(InvoiceLineRow.net_minor).filter(InvoiceRow.number.is_(None)).label("drafted"),
            literal(0).label("ready"),
            literal(0).label("waiting"),
            literal(0).label("items"),
        )
        .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
        .where(InvoiceLineRow.contract_id.in_(contract_ids), InvoiceRow.phase != "void")
        .group_by(InvoiceLineRow.contract_id, InvoiceRow.currency)
    )
    item, amount = BillableItemRow, BillableItemRow.amount_minor
    items = (
        select(
            item.contract_id,
            item.currency,
            literal(0),
            literal(0),
            func.sum(amount).filter(item.state == "ready"),
            func.sum(amount).filter(item.state == "waiting"),
            func.count().filter(item.state == "waiting"),
        )
        .where(item.contract_id.in_(contract_ids), item.state.in_(("ready", "waiting")))
        .group_by(item.contract_id, item.currency)
    )
    both = union_all(lines, items).subquery()
    names = ("billed", "drafted", "ready", "waiting", "items")
    totals = [cast(func.coalesce(func.sum(both.c[name]), 0), BigInteger).label(name) for name in names]
    query = select(both.c.contract_id, both.c.currency, *totals).group_by(both.c.contract_id, both.c.currency)
    sums: defaultdict[UUID, list[Sums]] = defaultdict(list)
    waiting: defaultdict[UUID, int] = defaultdict(int)
    for row in tx.session.execute(query.order_by(both.c.currency)):
        waiting[row.contract_id] += row.items
        if row.currency is not None:
            sums[row.contract_id].append(
                Sums(
                    currency=row.currency,
                    billed=row.billed,
                    drafted=row.drafted,
                    ready=row.ready,
                    waiting=row.waiting,
                )
            )
    return {key: Standing(sums=tuple(sums[key]), waiting_items=waiting[key]) for key in contract_ids}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """One contract as it is stored, and ``view``: its terms as they hold now."""

    head: AnyRow
    view: ContractView
    orders: Sequence[AnyRow]
    versions: Sequence[AnyRow]
    milestones: Mapping[UUID, AnyRow]
    acceptances: Sequence[AnyRow]
    evidence: Mapping[UUID, AnyRow]
    rate_cards: Sequence[AnyRow]


def get_contract(tx: Tx, contract_id: UUID) -> AnyRow:
    """The contract's columns with ``customer_name``, ``customer_known``, ``project_name``, ``time_zone``, what it is worth
    now, and the message that last changed it (``source_message_id``, ``source``, ``received_at`` may be null).

    Raises:
        NotFoundError: there is no such contract here.
    """
    query = (
        select(
            *table_of(ContractRow).columns,
            CustomerRow.name.label("customer_name"),
            CustomerRow.id.is_not(None).label("customer_known"),
            ProjectRow.name.label("project_name"),
            zone_of_contract().label("time_zone"),
            value_now(tx).label("value_now"),
            currency_now(tx).label("currency_now"),
            SourceMessageRow.message_id.label("source_message_id"),
            SourceMessageRow.source,
            SourceMessageRow.received_at,
        )
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
        .outerjoin(SourceMessageRow, SourceMessageRow.id == ContractRow.message_id)
        .where(ContractRow.id == contract_id)
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such contract here.")
    return row


def read_facts(tx: Tx, contract_id: UUID) -> ContractFacts:
    """One contract with all that was agreed, accepted and proved. Seven queries.

    Raises:
        NotFoundError: there is no such contract here.
    """
    head = get_contract(tx, contract_id)
    milestones = _rows(tx, MilestoneRow, contract_id)
    acceptances = _rows(tx, AcceptanceRow, contract_id)
    evidence = _rows(tx, EvidenceRow, contract_id)
    orders = _rows(tx, ChangeOrderRow, contract_id)
    versions = _rows(tx, ContractVersionRow, contract_id)
    cards = _rows(tx, RateCardRow, contract_id)
    facts = Facts(
        id=contract_id,
        ref=head.ref,
        contract=head,
        milestones=milestones,
        acceptances=acceptances,
        evidence=evidence,
        change_orders=orders,
        versions=versions,
        rate_cards=cards,
        time_entries=(),
        expenses=(),
        settlement={},
        now=tx.now,
    )
    return ContractFacts(
        head=head,
        view=build_view(facts),
        orders=sorted(orders, key=lambda row: (row.signed_at is None, row.signed_at or row.updated_at, row.id)),
        versions=sorted(versions, key=lambda row: row.number),
        milestones={row.id: row for row in milestones},
        acceptances=acceptances,
        evidence={row.id: row for row in evidence},
        rate_cards=cards,
    )


def _rows(tx: Tx, row_type: type[TenantBase], contract_id: UUID) -> list[AnyRow]:
    table = table_of(row_type)
    return list(tx.session.execute(select(table).where(table.c.contract_id == contract_id).order_by(table.c.id)))


def milestone_items(tx: Tx, contract_id: UUID) -> dict[UUID, list[AnyRow]]:
    """What became of each milestone: its items with number, currency and line of their invoice, by milestone."""
    position = (
        select(func.min(InvoiceLineRow.position))
        .where(
            InvoiceLineRow.invoice_id == BillableItemRow.invoice_id,
            InvoiceLineRow.milestone_id == BillableItemRow.subject_id,
        )
        .correlate(BillableItemRow)
        .scalar_subquery()
    )
    query = (
        select(
            *table_of(BillableItemRow).columns, InvoiceRow.number.label("invoice_number"), position.label("position")
        )
        .outerjoin(InvoiceRow, InvoiceRow.id == BillableItemRow.invoice_id)
        .where(BillableItemRow.contract_id == contract_id, BillableItemRow.kind == "milestone")
        .order_by(BillableItemRow.id)
    )
    found: defaultdict[UUID, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query):
        found[row.subject_id].append(row)
    return found


def work_sums(tx: Tx, contract_id: UUID) -> list[AnyRow]:
    """Time and expenses by kind, state, first reason and currency: ``items``, ``minor``."""
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
        )
        .where(BillableItemRow.contract_id == contract_id, BillableItemRow.kind != "milestone")
        .group_by(BillableItemRow.kind, BillableItemRow.state, reason, BillableItemRow.currency)
        .order_by(BillableItemRow.kind, BillableItemRow.state, reason, BillableItemRow.currency)
    )
    return list(tx.session.execute(query))


def invoices_on(tx: Tx, contract_id: UUID) -> list[AnyRow]:
    """Drafts and invoices with lines of this contract, newest first: ``InvoiceRow``, ``lines``, ``net_minor`` of these."""
    lines = (
        select(
            InvoiceLineRow.invoice_id,
            func.count().label("lines"),
            cast(func.sum(InvoiceLineRow.net_minor), BigInteger).label("net_minor"),
        )
        .where(InvoiceLineRow.contract_id == contract_id)
        .group_by(InvoiceLineRow.invoice_id)
        .subquery()
    )
    query = (
        select(InvoiceRow, lines.c.lines, lines.c.net_minor)
        .join(lines, lines.c.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.phase != "void")
        .order_by(InvoiceRow.id.desc())
        .limit(ROWS)
    )
    return list(tx.session.execute(query))
