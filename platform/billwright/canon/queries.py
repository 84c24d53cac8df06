"""Reads of canon: contracts as plugins see them, a constant number of statements for any number of contracts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, ScalarSelect, Select, false, func, literal, select

from billwright.canon.contract_view import Facts, build_view
from billwright.canon.schedule_views import scheduled
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    ContractVersionRow,
    CustomerRow,
    EvidenceRow,
    ExpenseRow,
    ExternalReferenceRow,
    LegalEntityRow,
    MilestoneRow,
    ProjectRow,
    RateCardRow,
    TimeEntryRow,
)
from billwright.extension.views import ContractView
from billwright.tenancy.base import TenantBase
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx


def contract_views(tx: Tx, contract_ids: Iterable[UUID]) -> dict[UUID, ContractView]:
    """Each contract with all facts that may make something billable, as of ``tx.now``; identifiers as ``str(UUID)``.

    A contract that facts name but that never arrived is there too, with ``known=False``; an identifier that nothing ever
    named is left out. Thirteen statements at most (twelve where no bill is shared), whatever the number of contracts.
    """
    wanted = sorted(set(contract_ids))
    if not wanted:
        return {}
    rows = {row.id: row for row in tx.session.execute(_contracts(wanted))}
    refs = _refs_of_unknown(tx, [contract_id for contract_id in wanted if contract_id not in rows])
    found = [contract_id for contract_id in wanted if contract_id in rows or contract_id in refs]
    milestones = _by_contract(tx, MilestoneRow, found)
    acceptances = _by_contract(tx, AcceptanceRow, found)
    evidence = _by_contract(tx, EvidenceRow, found)
    change_orders = _by_contract(tx, ChangeOrderRow, found)
    versions = _by_contract(tx, ContractVersionRow, found)
    rate_cards = _by_contract(tx, RateCardRow, found)
    time_entries = _by_contract(tx, TimeEntryRow, found)
    expenses = _by_contract(tx, ExpenseRow, found)
    schedules = scheduled(tx, found)
    payers = _known_customers(tx, {each for row in rows.values() for each in row.bill_to_ids})
    settlement = {each.unit: (each.rate, each.currency, each.source) for each in read_configuration(tx).settlement}
    return {
        contract_id: build_view(
            Facts(
                id=contract_id,
                ref=refs.get(contract_id, ""),
                contract=rows.get(contract_id),
                milestones=milestones[contract_id],
                acceptances=acceptances[contract_id],
                evidence=evidence[contract_id],
                change_orders=change_orders[contract_id],
                versions=versions[contract_id],
                rate_cards=rate_cards[contract_id],
                time_entries=time_entries[contract_id],
                expenses=expenses[contract_id],
                settlement=settlement,
                now=tx.now,
                scheduled=schedules[contract_id],
                payers=payers,
            )
        )
        for contract_id in found
    }


def _contracts(contract_ids: Sequence[UUID]) -> Select[Any]:
    """Contracts with whether their customer has arrived, and their project's name."""
    return (
        select(
            *table_of(ContractRow).columns,
            CustomerRow.id.is_not(None).label("customer_known"),
            ProjectRow.name.label("project_name"),
            zone_of_contract().label("time_zone"),
        )
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
        .where(ContractRow.id.in_(contract_ids))
    )


def zone_of_contract() -> ScalarSelect[str]:
    """The zone of the contract's legal entity, or of the tenant's default one when the contract names none."""
    default = func.coalesce(LegalEntityRow.profile["default"].astext == literal("true"), false())
    return (
        select(LegalEntityRow.time_zone)
        .where((ContractRow.legal_entity == literal("")) | (LegalEntityRow.code == ContractRow.legal_entity))
        .order_by(default.desc(), LegalEntityRow.id)
        .limit(1)
        .correlate(ContractRow)
        .scalar_subquery()
    )


def _known_customers(tx: Tx, customer_ids: set[UUID]) -> set[UUID]:
    """Those that have arrived; no statement where no bill is shared."""
    if not customer_ids:
        return set()
    return {*tx.session.scalars(select(CustomerRow.id).where(CustomerRow.id.in_(customer_ids)))}


def _refs_of_unknown(tx: Tx, contract_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not contract_ids:
        return {}
    query = select(ExternalReferenceRow.object_id, ExternalReferenceRow.ref).where(
        ExternalReferenceRow.object_id.in_(contract_ids), ExternalReferenceRow.kind == literal("contract")
    )
    return {row.object_id: row.ref for row in tx.session.execute(query)}


def _by_contract(tx: Tx, row_type: type[TenantBase], contract_ids: Sequence[UUID]) -> defaultdict[UUID, list[Row[Any]]]:
    """Rows of one table as plain values, by contract: no mapped object per row."""
    table = table_of(row_type)
    grouped: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    if contract_ids:
        for row in tx.session.execute(select(table).where(table.c.contract_id.in_(contract_ids))):
            grouped[row.contract_id].append(row)
    return grouped
