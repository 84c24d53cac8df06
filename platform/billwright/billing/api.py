"""``/v1/items`` and the list of ``/v1/invoices``: what may be billed, what waits and why, and what became an invoice.

One invoice with all that it rests on is shown by approvals, whose people look at it before they decide.
"""

from datetime import date
from typing import Annotated, Final, Literal

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from billwright.audit.subjects import read_subject
from billwright.billing import reads
from billwright.billing.api_adjust import CONTROLLERS as ADJUSTING
from billwright.billing.api_contracts import CONTROLLERS as CONTRACTS
from billwright.billing.schemas import InvoiceOut, ItemOut, invoice_out, item_out
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.api import ContractId, CustomerId
from billwright.canon.reads import one
from billwright.canon.tables import LegalEntityRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, equal, newest_first, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

ItemState = Literal["waiting", "ready", "drafted", "billed", "written_down", "written_off", "cancelled"]
InState = Annotated[ItemState | None, QueryParameter(name="state")]
Reason = Annotated[
    str | None, QueryParameter(max_length=100, description="Only what waits for this, such as `no_acceptance`.")
]
SubjectId = Annotated[
    str | None, QueryParameter(max_length=60, description="Only of this milestone, time entry or expense: `mil_...`.")
]
Phase = Annotated[str | None, QueryParameter(max_length=40, description="Only in this phase, such as `issued`.")]
Detail = Annotated[str | None, QueryParameter(max_length=40, description="Only with this detail, such as `blocked`.")]
Number = Annotated[str | None, QueryParameter(max_length=100, description="Only the invoice with this number.")]
EntityCode = Annotated[str | None, QueryParameter(max_length=100, description="Only of the legal entity of this code.")]


class ItemController(Controller):
    path = "/v1/items"
    tags = ("Billing",)

    @get(operation_id="listItems", summary="List billable items", sync_to_thread=True, responses=refusals(404, 422))
    def list_items(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: InState = None,
        reason: Reason = None,
        contract: ContractId = None,
        customer: CustomerId = None,
        subject: SubjectId = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ItemOut]:
        """Billable items, newest first: each with its state, and for what waits, the reasons and remedies."""
        actor.require("item:read")
        query = equal(
            reads.items(),
            (BillableItemRow.state, in_state),
            (BillableItemRow.contract_id, read("ctr", contract) if contract is not None else None),
            (BillableItemRow.customer_id, read("cus", customer) if customer is not None else None),
            (BillableItemRow.subject_id, read_subject(subject) if subject is not None else None),
        )
        if reason is not None:
            query = query.where(reads.has_reason(reason))
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, BillableItemRow.id, limit=limit, cursor=cursor)
        return Page([item_out(row) for row in found.rows], found.next_cursor)

    @get(
        "/{item_id:str}",
        operation_id="getItem",
        summary="Show a billable item",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def show_item(
        self,
        item_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ItemOut:
        """One billable item."""
        actor.require("item:read")
        query = reads.items().where(BillableItemRow.id == read("bil", item_id))
        with transaction(database, tenant, actor, read_only=True) as tx:
            return item_out(one(tx, query, f"item {item_id}"))


class InvoiceListController(Controller):
    path = "/v1/invoices"
    tags = ("Invoices",)

    @get(operation_id="listInvoices", summary="List invoices", sync_to_thread=True, responses=refusals(404, 422))
    def list_invoices(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        phase: Phase = None,
        detail: Detail = None,
        customer: CustomerId = None,
        number: Number = None,
        legal_entity: EntityCode = None,
        issued_from: FromQuery[date | None] = None,
        issued_to: FromQuery[date | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[InvoiceOut]:
        """Drafts and invoices, newest first; issued from `issued_from` to `issued_to`, both included."""
        actor.require("invoice:read")
        query = equal(
            reads.invoices(),
            (InvoiceRow.phase, phase),
            (InvoiceRow.detail, detail),
            (InvoiceRow.customer_id, read("cus", customer) if customer is not None else None),
            (InvoiceRow.number, number),
            (LegalEntityRow.code, legal_entity),
        )
        if issued_from is not None:
            query = query.where(InvoiceRow.issued_on >= issued_from)
        if issued_to is not None:
            query = query.where(InvoiceRow.issued_on <= issued_to)
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = newest_first(tx, query, InvoiceRow.id, limit=limit, cursor=cursor)
        return Page([invoice_out(row) for row in found.rows], found.next_cursor)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (ItemController, InvoiceListController, *ADJUSTING, *CONTRACTS)
