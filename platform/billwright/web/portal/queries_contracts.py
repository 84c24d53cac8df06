"""Contracts with what is billed and what is not: the list, and everything about one of them. Each function is one query."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, cast, func, literal, select, union, union_all
from sqlalchemy.dialects.postgresql import aggregate_order_by

from billwright.billing.credit_drafts import OPEN_MINOR
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
from billwright.tenancy.base import AnyRow, TenantBase
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing import ALL

ROWS: Final = 50
STATES: Final = {"active": "Active", "completed": "Completed", "terminated": "Terminated"}
UNBILLED: Final = ("ready", "waiting")


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


def which_contracts() -> Mapping[str, ColumnElement[bool]]:
    """Conditions of the list's filter: something waits on the contract, or its state."""
    waits = ContractRow.id.in_(select(BillableItemRow.contract_id).where(BillableItemRow.state == "waiting"))
    return {"waiting": waits, **{name: ContractRow.status == name for name in STATES}}


def contract_counts(tx: Tx) -> dict[str, int]:
    """How many contracts each value of the filter finds; all of them under ``all``."""
    conditions = which_contracts()
    query = select(func.count(), *(func.count().filter(each) for each in conditions.values())).select_from(ContractRow)
    return dict(zip((ALL, *conditions), tx.session.execute(query).one(), strict=True))


def contracts_of(tx: Tx, customer_id: UUID) -> list[AnyRow]:
    """Contracts of a customer, newest first, at most ``ROWS``: ``ContractRow``, ``project``, ``value_now``,
    ``currency_now``, ``standing`` (for ``read_standing``).
    """
    query = select(
        ContractRow,
        ProjectRow.name.label("project"),
        value_now(tx).label("value_now"),
        currency_now(tx).label("currency_now"),
        standing_now().label("standing"),
    )
    query = query.outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
    query = query.where(ContractRow.customer_id == customer_id).order_by(ContractRow.id.desc()).limit(ROWS)
    return list(tx.session.execute(query))


def standing_now() -> ScalarSelect[Any]:
    """Billed (lines of issued invoices), drafted (lines of drafts), ready and waiting (billable items) of the contract
    of the query around this, by currency, for ``read_standing``.

    Net of tax. A thing counts once: an item in a draft or invoice by its line only. JSON, because a list has one row per
    contract, in one statement for any number of rows and currencies.
    """
    line, item, amount = InvoiceLineRow, BillableItemRow, OPEN_MINOR
    lines = (
        select(
            InvoiceRow.currency,
            func.sum(line.net_minor).filter(InvoiceRow.number.is_not(None)).label("billed"),
            func.sum(line.net_minor).filter(InvoiceRow.number.is_(None)).label("drafted"),
            literal(0).label("ready"),
            literal(0).label("waiting"),
            literal(0).label("items"),
        )
        .select_from(line)
        .join(InvoiceRow, InvoiceRow.id == line.invoice_id)
        .where(line.contract_id == ContractRow.id, InvoiceRow.phase != "void")
        .group_by(InvoiceRow.currency)
        .correlate(ContractRow)
    )
    items = (
        select(
            item.currency,
            literal(0),
            literal(0),
            func.sum(amount).filter(item.state == "ready"),
            func.sum(amount).filter(item.state == "waiting"),
            func.count().filter(item.state == "waiting"),
        )
        .where(item.contract_id == ContractRow.id, item.state.in_(UNBILLED))
        .group_by(item.currency)
        .correlate(ContractRow)
    )
    both = union_all(lines, items).subquery()
    names = ("billed", "drafted", "ready", "waiting", "items")
    totals = [func.coalesce(func.sum(both.c[name]), 0).label(name) for name in names]
    sums = select(both.c.currency, *totals).group_by(both.c.currency).subquery()
    parts = func.jsonb_build_array(*(sums.c[name] for name in ("currency", *names)))
    return select(func.jsonb_agg(aggregate_order_by(parts, sums.c.currency))).scalar_subquery()


def read_standing(found: Sequence[Sequence[Any]] | None) -> Standing:
    """``standing_now`` of a row. Items whose amount is not known yet have no currency: they are counted only."""
    rows = found or ()
    return Standing(
        sums=tuple(
            Sums(currency=currency, billed=billed, drafted=drafted, ready=ready, waiting=waiting)
            for currency, billed, drafted, ready, waiting, _ in rows
            if currency is not None
        ),
        waiting_items=sum(row[-1] for row in rows),
    )


def standing_of(tx: Tx, contract_id: UUID) -> Standing:
    """How one contract stands; empty for one that is not there."""
    return read_standing(tx.session.scalar(select(standing_now()).where(ContractRow.id == contract_id)))


def billed_currencies(_tx: Tx) -> ColumnElement[Any]:
    """The currencies in which anything is billed or unbilled, as an array."""
    item = BillableItemRow
    items = select(item.currency).where(item.state.in_(UNBILLED), item.currency.is_not(None))
    both = union(select(InvoiceRow.currency).where(InvoiceRow.phase != "void"), items).subquery()
    return select(func.array_agg(aggregate_order_by(both.c.currency, both.c.currency))).scalar_subquery()


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
    minor = cast(func.coalesce(func.sum(OPEN_MINOR), 0), BigInteger).label("minor")
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
