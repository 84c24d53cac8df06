"""Customers, projects, time entries and expenses over HTTP, read only: what is true about them comes in as messages.

Contracts and milestones answer in billing's API, because people ask there for what became of them.
"""

from datetime import date
from typing import Annotated, Final, Literal

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from billwright.canon import reads
from billwright.canon.api_rates import ExchangeRateController
from billwright.canon.schemas import (
    CustomerOut,
    ExpenseOut,
    ProjectOut,
    TimeEntryOut,
    customer_out,
    expense_out,
    project_out,
    time_entry_out,
)
from billwright.canon.tables import CustomerRow, ExpenseRow, ProjectRow, TimeEntryRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, equal, newest_first, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

READ: Final = "contract:read"
CustomerId = Annotated[str | None, QueryParameter(max_length=60, description="Only of this customer: `cus_...`.")]
ProjectId = Annotated[str | None, QueryParameter(max_length=60, description="Only of this project: `prj_...`.")]
ContractId = Annotated[str | None, QueryParameter(max_length=60, description="Only of this contract: `ctr_...`.")]
SourceRef = Annotated[
    str | None, QueryParameter(max_length=500, description="Only the one with this key of its source.")
]
PartOfName = Annotated[
    str | None, QueryParameter(max_length=200, description="Only names that contain this, in any case.")
]
Approval = Literal["submitted", "approved", "rejected"]


class CustomerController(Controller):
    path = "/v1/customers"
    tags = ("Parties",)

    @get(operation_id="listCustomers", summary="List customers", sync_to_thread=True, responses=refusals(422))
    def list_customers(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        ref: SourceRef = None,
        name: PartOfName = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[CustomerOut]:
        """Customers, newest first."""
        actor.require(READ)
        query = equal(reads.customers(), (CustomerRow.ref, ref))
        if name is not None:
            query = query.where(CustomerRow.name.icontains(name, autoescape=True))
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, CustomerRow.id, limit=limit, cursor=cursor)
        return Page([customer_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{customer_id:str}",
        operation_id="getCustomer",
        summary="Show a customer",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_customer(
        self,
        customer_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> CustomerOut:
        """One customer."""
        actor.require(READ)
        query = reads.customers().where(CustomerRow.id == read("cus", customer_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            return customer_out(reads.one(tx, query, f"customer {customer_id}"))


class ProjectController(Controller):
    path = "/v1/projects"
    tags = ("Parties",)

    @get(operation_id="listProjects", summary="List projects", sync_to_thread=True, responses=refusals(404, 422))
    def list_projects(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        customer: CustomerId = None,
        ref: SourceRef = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ProjectOut]:
        """Projects, newest first."""
        actor.require(READ)
        customer_id = read("cus", customer) if customer is not None else None
        query = equal(reads.projects(), (ProjectRow.ref, ref), (ProjectRow.customer_id, customer_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, ProjectRow.id, limit=limit, cursor=cursor)
        return Page([project_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{project_id:str}",
        operation_id="getProject",
        summary="Show a project",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_project(
        self,
        project_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ProjectOut:
        """One project."""
        actor.require(READ)
        query = reads.projects().where(ProjectRow.id == read("prj", project_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            return project_out(reads.one(tx, query, f"project {project_id}"))


class TimeEntryController(Controller):
    path = "/v1/time-entries"
    tags = ("Work",)

    @get(operation_id="listTimeEntries", summary="List time entries", sync_to_thread=True, responses=refusals(404, 422))
    def list_time_entries(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        contract: ContractId = None,
        project: ProjectId = None,
        status: FromQuery[Approval | None] = None,
        worked_from: FromQuery[date | None] = None,
        worked_to: FromQuery[date | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[TimeEntryOut]:
        """Time entries, newest first; days from `worked_from` to `worked_to`, both included."""
        actor.require(READ)
        contract_id = read("ctr", contract) if contract is not None else None
        project_id = read("prj", project) if project is not None else None
        query = equal(
            reads.time_entries(),
            (TimeEntryRow.contract_id, contract_id),
            (TimeEntryRow.project_id, project_id),
            (TimeEntryRow.status, status),
        )
        if worked_from is not None:
            query = query.where(TimeEntryRow.worked_on >= worked_from)
        if worked_to is not None:
            query = query.where(TimeEntryRow.worked_on <= worked_to)
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, TimeEntryRow.id, limit=limit, cursor=cursor)
        return Page([time_entry_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{entry_id:str}",
        operation_id="getTimeEntry",
        summary="Show a time entry",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_time_entry(
        self,
        entry_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> TimeEntryOut:
        """One time entry."""
        actor.require(READ)
        query = reads.time_entries().where(TimeEntryRow.id == read("tim", entry_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            return time_entry_out(reads.one(tx, query, f"time entry {entry_id}"))


class ExpenseController(Controller):
    path = "/v1/expenses"
    tags = ("Work",)

    @get(operation_id="listExpenses", summary="List expenses", sync_to_thread=True, responses=refusals(404, 422))
    def list_expenses(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        contract: ContractId = None,
        project: ProjectId = None,
        status: FromQuery[Approval | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ExpenseOut]:
        """Expenses, newest first."""
        actor.require(READ)
        contract_id = read("ctr", contract) if contract is not None else None
        project_id = read("prj", project) if project is not None else None
        query = equal(
            reads.expenses(),
            (ExpenseRow.contract_id, contract_id),
            (ExpenseRow.project_id, project_id),
            (ExpenseRow.status, status),
        )
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, ExpenseRow.id, limit=limit, cursor=cursor)
        return Page([expense_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{expense_id:str}",
        operation_id="getExpense",
        summary="Show an expense",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_expense(
        self,
        expense_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ExpenseOut:
        """One expense."""
        actor.require(READ)
        query = reads.expenses().where(ExpenseRow.id == read("exp", expense_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            return expense_out(reads.one(tx, query, f"expense {expense_id}"))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    CustomerController,
    ProjectController,
    TimeEntryController,
    ExpenseController,
    ExchangeRateController,
)
