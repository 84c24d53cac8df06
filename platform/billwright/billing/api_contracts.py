"""``/v1/contracts`` and ``/v1/milestones``: the terms that hold now, and what became of the work, read only."""

from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from billwright.billing import reads
from billwright.billing.contract_schemas import (
    ContractDetail,
    ContractOut,
    MilestoneOut,
    contract_detail,
    contract_out,
    milestone_out,
)
from billwright.canon import reads as canon
from billwright.canon.api import READ, ContractId, CustomerId, ProjectId, SourceRef
from billwright.canon.schemas import named
from billwright.canon.tables import ContractRow, MilestoneRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import read
from billwright.kernel.paging import LIMIT_DEFAULT, Page, Slice
from billwright.tenancy.answers import Cursor, Limit, equal, newest_first, refusals
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

Status = Literal["active", "completed", "terminated"]
ContractNumber = Annotated[str | None, QueryParameter(max_length=200, description="Only contracts with this number.")]


def _milestones(tx: Tx, rows: list[AnyRow]) -> list[MilestoneOut]:
    """Milestones with their terms and items, a constant number of statements for all. The contract may not have come."""
    ids = [row.id for row in rows]
    terms = canon.terms(tx, {row.contract_id for row in rows}, ids)
    items = reads.items_of_subjects(tx, ids)
    views = {UUID(each.id): each for _, view in terms.values() for each in view.milestones}
    return [
        milestone_out(views[row.id], named("ctr", row.contract_id, row.contract_number), tx.now, items.get(row.id, ()))
        for row in rows
    ]


class ContractController(Controller):
    path = "/v1/contracts"
    tags = ("Contracts",)

    @get(operation_id="listContracts", summary="List contracts", sync_to_thread=True, responses=refusals(404, 422))
    def list_contracts(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        customer: CustomerId = None,
        project: ProjectId = None,
        status: FromQuery[Status | None] = None,
        number: ContractNumber = None,
        ref: SourceRef = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ContractOut]:
        """Contracts, newest first."""
        actor.require(READ)
        query = equal(
            canon.contracts(),
            (ContractRow.customer_id, read("cus", customer) if customer is not None else None),
            (ContractRow.project_id, read("prj", project) if project is not None else None),
            (ContractRow.status, status),
            (ContractRow.number, number),
            (ContractRow.ref, ref),
        )
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, ContractRow.id, limit=limit, cursor=cursor)
        return Page([contract_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{contract_id:str}",
        operation_id="getContract",
        summary="Show a contract with its terms",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_contract(
        self,
        contract_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ContractDetail:
        """One contract with versions, change orders, rates, and milestones with the prices that hold now."""
        actor.require(READ)
        identifier = read("ctr", contract_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            row, view = canon.terms(tx, [identifier])[identifier]
            if row is None:
                raise NotFoundError(f"There is no contract {contract_id} here.")
            orders, versions = canon.orders_and_versions(tx, identifier)
            items = reads.items_of_subjects(tx, [UUID(each.id) for each in view.milestones])
        return contract_detail(row, view, orders, versions, items)


class MilestoneController(Controller):
    path = "/v1/milestones"
    tags = ("Contracts",)

    @get(operation_id="listMilestones", summary="List milestones", sync_to_thread=True, responses=refusals(404, 422))
    def list_milestones(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        contract: ContractId = None,
        ref: SourceRef = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[MilestoneOut]:
        """Milestones that came in messages, newest first, each with its price now and what became of it."""
        actor.require(READ)
        contract_id = read("ctr", contract) if contract is not None else None
        query = equal(canon.milestones(), (MilestoneRow.contract_id, contract_id), (MilestoneRow.ref, ref))
        with transaction(database, tenant, actor, read_only=True) as tx:
            found: Slice[AnyRow] = newest_first(tx, query, MilestoneRow.id, limit=limit, cursor=cursor)
            return Page(_milestones(tx, list(found.rows)), found.next_cursor)

    @get(
        "/{milestone_id:str}",
        operation_id="getMilestone",
        summary="Show a milestone",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_milestone(
        self,
        milestone_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> MilestoneOut:
        """One milestone with its prices, the customer's decisions, and what became of it."""
        actor.require(READ)
        query = canon.milestones().where(MilestoneRow.id == read("mil", milestone_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            return _milestones(tx, [canon.one(tx, query, f"milestone {milestone_id}")])[0]


CONTROLLERS: Final[tuple[type[Controller], ...]] = (ContractController, MilestoneController)
