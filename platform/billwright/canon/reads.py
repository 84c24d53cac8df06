"""Reads of canon for the API: parties, work, and the terms of contracts, without the work done on them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from billwright.canon.contract_view import Facts, build_view
from billwright.canon.queries import zone_of_contract
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    ContractVersionRow,
    CustomerRow,
    EvidenceRow,
    ExpenseRow,
    MilestoneRow,
    ProjectRow,
    RateCardRow,
    TimeEntryRow,
)
from billwright.extension.views import ContractView
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.base import AnyRow, TenantBase
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx


def customers() -> Select[Any]:
    return select(*table_of(CustomerRow).columns)


def projects() -> Select[Any]:
    """Projects with ``customer_name``, which is null until the customer arrives."""
    return select(*table_of(ProjectRow).columns, CustomerRow.name.label("customer_name")).outerjoin(
        CustomerRow, CustomerRow.id == ProjectRow.customer_id
    )


def contracts() -> Select[Any]:
    """Contracts with ``customer_name``, ``project_name``, ``time_zone`` and whether the customer has arrived."""
    return (
        select(
            *table_of(ContractRow).columns,
            CustomerRow.name.label("customer_name"),
            CustomerRow.id.is_not(None).label("customer_known"),
            ProjectRow.name.label("project_name"),
            zone_of_contract().label("time_zone"),
        )
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
    )


def milestones() -> Select[Any]:
    return _work(MilestoneRow)


def time_entries() -> Select[Any]:
    return _work(TimeEntryRow)


def expenses() -> Select[Any]:
    return _work(ExpenseRow)


def _work(row_type: type[MilestoneRow | TimeEntryRow | ExpenseRow]) -> Select[Any]:
    """Rows with ``contract_number``, which is null until the contract arrives."""
    query = select(*table_of(row_type).columns, ContractRow.number.label("contract_number"))
    return query.outerjoin(ContractRow, ContractRow.id == row_type.contract_id)


def one(tx: Tx, query: Select[*tuple[Any, ...]], what: str) -> AnyRow:
    """The only row of ``query``.

    Raises:
        NotFoundError: there is none; ``what`` names it.
    """
    row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no {what} here.")
    return row


def terms(
    tx: Tx, contract_ids: Iterable[UUID], milestone_ids: Sequence[UUID] | None = None
) -> dict[UUID, tuple[AnyRow | None, ContractView]]:
    """Each contract's row (see ``contracts``) and terms as of ``tx.now``; no time entries and expenses in the view.

    The row is None of a contract that has not arrived: its milestones have terms all the same. With ``milestone_ids``
    only these milestones are surely in the views. Seven statements, whatever the number.
    """
    wanted = sorted(set(contract_ids))
    if not wanted:
        return {}
    rows = {row.id: row for row in tx.session.execute(contracts().where(ContractRow.id.in_(wanted)))}
    only = None if milestone_ids is None else MilestoneRow.id.in_(milestone_ids)
    milestones = _by_contract(tx, MilestoneRow, wanted, only)
    acceptances = _by_contract(tx, AcceptanceRow, wanted)
    evidence = _by_contract(tx, EvidenceRow, wanted)
    orders = _by_contract(tx, ChangeOrderRow, wanted)
    versions = _by_contract(tx, ContractVersionRow, wanted)
    cards = _by_contract(tx, RateCardRow, wanted)
    found: dict[UUID, tuple[AnyRow | None, ContractView]] = {}
    for contract_id in wanted:
        row = rows.get(contract_id)
        facts = Facts(
            id=contract_id,
            ref="" if row is None else row.ref,
            contract=row,
            milestones=milestones[contract_id],
            acceptances=acceptances[contract_id],
            evidence=evidence[contract_id],
            change_orders=orders[contract_id],
            versions=versions[contract_id],
            rate_cards=cards[contract_id],
            time_entries=(),
            expenses=(),
            settlement={},
            now=tx.now,
        )
        found[contract_id] = (row, build_view(facts))
    return found


def _by_contract(
    tx: Tx, row_type: type[TenantBase], contract_ids: Sequence[UUID], only: Any = None
) -> defaultdict[UUID, list[AnyRow]]:
    table = table_of(row_type)
    query = select(table).where(table.c.contract_id.in_(contract_ids))
    if only is not None:
        query = query.where(only)
    grouped: defaultdict[UUID, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query):
        grouped[row.contract_id].append(row)
    return grouped


def orders_and_versions(tx: Tx, contract_id: UUID) -> tuple[list[AnyRow], list[AnyRow]]:
    """Change orders and versions of a contract as they are kept, oldest first."""
    orders = table_of(ChangeOrderRow)
    versions = table_of(ContractVersionRow)
    by_signature = select(orders).where(orders.c.contract_id == contract_id)
    by_number = select(versions).where(versions.c.contract_id == contract_id)
    return (
        list(tx.session.execute(by_signature.order_by(orders.c.signed_at.nulls_last(), orders.c.id))),
        list(tx.session.execute(by_number.order_by(versions.c.number))),
    )
