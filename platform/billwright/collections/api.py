"""Disputes, reminders and the worklist over HTTP."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from billwright.collections import queries
from billwright.collections.open_dispute import open_dispute
from billwright.collections.resolve_dispute import resolve_dispute
from billwright.collections.send_reminder_now import send_reminder_now
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.money import parse_amount
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.receivables.api import Amount, CustomerId, amount_out
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

InvoiceId = Annotated[str | None, QueryParameter(max_length=60, description="Only of this invoice: `inv_...`.")]
Identifier = Annotated[str, Meta(max_length=60)]
Reason = Annotated[str, Meta(max_length=2_000)]
# Named by its mark, because Litestar keeps the parameter name "state" for itself.
DisputeState = Annotated[
    Literal["open", "upheld", "withdrawn"] | None, QueryParameter(name="state", description="Only in this state.")
]


class DisputeIn(Struct, frozen=True, forbid_unknown_fields=True):
    """``line`` is the line's position on the invoice; ``amount`` is gross; without it, all of the line that can be."""

    line: Annotated[int, Meta(ge=1, le=100_000)]
    reason: Reason
    amount: Amount | None = None


class DisputeMade(Struct, frozen=True):
    id: str


class ResolveIn(Struct, frozen=True, forbid_unknown_fields=True):
    """``upheld``: the invoice stands. ``withdrawn``: the customer takes the objection back."""

    resolution: Literal["upheld", "withdrawn"]
    reason: Reason


class Resolved(Struct, frozen=True):
    id: str
    state: str


class DisputeOut(Struct, frozen=True):
    id: str
    invoice: str
    number: str
    line: int
    amount: Amount
    reason: str
    state: str
    opened_at: datetime
    opened_by: str
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None

    @classmethod
    def of(cls, item: queries.DisputeItem) -> "DisputeOut":
        row = item.dispute
        return cls(
            id=show("dis", row.id),
            invoice=show("inv", row.invoice_id),
            number=item.number,
            line=item.position,
            amount=amount_out(row.amount_minor, item.currency),
            reason=row.reason,
            state=row.state,
            opened_at=row.opened_at,
            opened_by=row.opened_by,
            resolved_at=row.resolved_at,
            resolved_by=row.resolved_by,
            resolution=row.resolution,
        )


class ReminderIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to remind, for which legal entity, in which currency."""

    customer: Identifier
    legal_entity: Identifier
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]


class ReminderMade(Struct, frozen=True):
    id: str
    step: int
    total: Amount


class ReminderOut(Struct, frozen=True):
    """``receivables`` are those that the mail named."""

    id: str
    customer: str
    customer_name: str
    legal_entity: str
    step: int
    tone: str
    language: str
    total: Amount
    receivables: list[str]
    made_at: datetime

    @classmethod
    def of(cls, item: queries.ReminderItem) -> "ReminderOut":
        row = item.reminder
        return cls(
            id=show("rem", row.id),
            customer=show("cus", row.customer_id),
            customer_name=item.customer,
            legal_entity=show("led", row.legal_entity_id),
            step=row.step,
            tone=row.tone,
            language=row.language,
            total=amount_out(row.total_minor, row.currency),
            receivables=[show("rcv", UUID(each["receivable_id"])) for each in row.positions],
            made_at=row.made_at,
        )


class WorklistOut(Struct, frozen=True):
    """A customer with something overdue; the first of the list is the most urgent: overdue amount times days."""

    customer: str
    customer_name: str
    open: Amount
    overdue: Amount
    disputed: Amount
    days_overdue: int
    reminded_at: datetime | None

    @classmethod
    def of(cls, item: queries.WorklistItem) -> "WorklistOut":
        return cls(
            customer=show("cus", item.customer_id),
            customer_name=item.customer,
            open=amount_out(item.open_minor, item.currency),
            overdue=amount_out(item.overdue_minor, item.currency),
            disputed=amount_out(item.disputed_minor, item.currency),
            days_overdue=item.days_overdue,
            reminded_at=item.reminded_at,
        )


class InvoiceDisputesController(Controller):
    path = "/v1/invoices"
    tags = ("Disputes",)

    @post(
        "/{invoice_id:str}/disputes",
        operation_id="openDispute",
        summary="Dispute part of an invoice",
        responses=refusals(404, 409, 422),
        sync_to_thread=True,
    )
    def open(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[DisputeIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> DisputeMade:
        """Contest part of a line; reminders leave out that amount only."""
        amount = parse_amount(data.amount.amount, data.amount.currency) if data.amount else None
        dispute_id = open_dispute(
            database, tenant, actor, read("inv", invoice_id), line=data.line, amount=amount, reason=data.reason
        )
        return DisputeMade(show("dis", dispute_id))


class DisputesController(Controller):
    path = "/v1/disputes"
    tags = ("Disputes",)

    @post(
        "/{dispute_id:str}/resolve",
        operation_id="resolveDispute",
        summary="Resolve a dispute",
        responses=refusals(404, 409, 422),
        status_code=200,
        sync_to_thread=True,
    )
    def resolve(
        self,
        dispute_id: FromPath[str],
        data: JSONBody[ResolveIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Resolved:
        """End a dispute; its amount is asked for again."""
        identifier = read("dis", dispute_id)
        resolve_dispute(database, tenant, actor, identifier, resolution=data.resolution, reason=data.reason)
        return Resolved(dispute_id, data.resolution)

    @get(operation_id="listDisputes", summary="List disputes", responses=refusals(404, 422), sync_to_thread=True)
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: DisputeState = None,
        invoice: InvoiceId = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[DisputeOut]:
        """Disputes, the latest first."""
        actor.require("receivable:read")
        invoice_id = read("inv", invoice) if invoice else None
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = queries.list_disputes(tx, state=in_state, invoice_id=invoice_id, limit=limit, cursor=cursor)
        return Page([DisputeOut.of(item) for item in found.rows], found.next_cursor)


class RemindersController(Controller):
    path = "/v1/reminders"
    tags = ("Reminders",)

    @post(
        operation_id="sendReminder",
        summary="Send a reminder now",
        responses=refusals(404, 409, 422),
        sync_to_thread=True,
    )
    def send(
        self,
        data: JSONBody[ReminderIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ReminderMade:
        """Remind a customer now of all that is overdue."""
        decided = send_reminder_now(
            database,
            tenant,
            actor,
            legal_entity_id=read("led", data.legal_entity),
            customer_id=read("cus", data.customer),
            currency=data.currency,
        )
        total = amount_out(decided.total_minor, data.currency)
        return ReminderMade(show("rem", decided.reminder_id), decided.step, total)

    @get(operation_id="listReminders", summary="List reminders", responses=refusals(404, 422), sync_to_thread=True)
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        customer: CustomerId = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ReminderOut]:
        """Reminders, the latest first."""
        actor.require("receivable:read")
        customer_id = read("cus", customer) if customer else None
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = queries.list_reminders(tx, customer_id=customer_id, limit=limit, cursor=cursor)
        return Page([ReminderOut.of(item) for item in found.rows], found.next_cursor)


class WorklistController(Controller):
    path = "/v1/worklist"
    tags = ("Reminders",)

    @get(operation_id="showWorklist", summary="Show the worklist", responses=refusals(422), sync_to_thread=True)
    def show(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
    ) -> list[WorklistOut]:
        """Customers with something overdue, the most urgent first."""
        actor.require("receivable:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            return [WorklistOut.of(item) for item in queries.worklist(tx, limit=limit)]


CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    InvoiceDisputesController,
    DisputesController,
    RemindersController,
    WorklistController,
)
