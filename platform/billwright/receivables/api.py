"""Receivables and payments over HTTP."""

from datetime import date, datetime
from typing import Annotated, Final

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.money import Money, parse_amount
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.receivables import queries
from billwright.receivables.apply_payment import apply_payment
from billwright.receivables.receive_payments import Incoming, record_payment
from billwright.receivables.tables import PaymentRow
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

CustomerId = Annotated[str | None, QueryParameter(max_length=60, description="Only of this customer: `cus_...`.")]
Text = Annotated[str, Meta(max_length=300)]


class Amount(Struct, frozen=True, forbid_unknown_fields=True):
    """Major units as a decimal string, with an ISO 4217 code."""

    amount: Annotated[str, Meta(max_length=40, examples=["1234.50"])]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", examples=["EUR"])]


def amount_out(minor: int, currency: str) -> Amount:
    return Amount(str(Money(minor, currency).decimal), currency)


class PaymentIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Money received. ``ref`` is the bank's or the source's own key: the same one again changes nothing."""

    ref: Annotated[str, Meta(min_length=1, max_length=200)]
    amount: Amount
    paid_on: date
    customer: (
        Annotated[str, Meta(max_length=60, description="Who paid, as `cus_...`; leave out if not known.")] | None
    ) = None
    invoice_number: Text = ""
    remittance: Annotated[str, Meta(max_length=2_000)] = ""


class PaymentRecorded(Struct, frozen=True):
    """``created`` is false when the same payment was known already."""

    id: str
    applied: Amount
    unapplied: Amount
    created: bool


class PaymentOut(Struct, frozen=True):
    id: str
    ref: str
    customer: str | None
    amount: Amount
    unapplied: Amount
    paid_on: date
    invoice_number: str
    remittance: str
    received_at: datetime


class ApplyIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Without ``amount``: as much as is left of the payment and open on the receivable."""

    receivable: Annotated[str, Meta(max_length=60)]
    amount: Amount | None = None


class Applied(Struct, frozen=True):
    unapplied: Amount


class ReceivableOut(Struct, frozen=True):
    """``days_overdue`` counts in the legal entity's time zone; 0 when nothing is late."""

    id: str
    invoice: str
    number: str
    customer: str
    customer_name: str
    gross: Amount
    open: Amount
    issued_on: date
    due_on: date
    days_overdue: int
    settled_at: datetime | None

    @classmethod
    def of(cls, item: queries.OpenItem) -> "ReceivableOut":
        row = item.receivable
        return cls(
            id=show("rcv", row.id),
            invoice=show("inv", row.invoice_id),
            number=item.number,
            customer=show("cus", row.customer_id),
            customer_name=item.customer,
            gross=amount_out(row.gross_minor, row.currency),
            open=amount_out(row.open_minor, row.currency),
            issued_on=row.issued_on,
            due_on=row.due_on,
            days_overdue=max(item.days_overdue, 0) if row.open_minor else 0,
            settled_at=row.settled_at,
        )


class PartPaid(Struct, frozen=True):
    """What a receivable took of a payment."""

    payment: str
    ref: str
    paid_on: date
    amount: Amount
    matched_by: str


class ReceivableDetail(Struct, frozen=True):
    receivable: ReceivableOut
    payments: list[PartPaid]


def _payment_out(row: PaymentRow) -> PaymentOut:
    return PaymentOut(
        id=show("pay", row.id),
        ref=row.ref,
        customer=show("cus", row.customer_id) if row.customer_id else None,
        amount=amount_out(row.amount_minor, row.currency),
        unapplied=amount_out(row.unapplied_minor, row.currency),
        paid_on=row.paid_on,
        invoice_number=row.invoice_number,
        remittance=row.remittance,
        received_at=row.received_at,
    )


class PaymentsController(Controller):
    path = "/v1/payments"
    tags = ("Payments",)

    @post(
        operation_id="recordPayment", summary="Record a payment", responses=refusals(404, 409, 422), sync_to_thread=True
    )
    def record(
        self,
        data: JSONBody[PaymentIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> PaymentRecorded:
        """Record money received and apply it where it is certain what it is for."""
        incoming = Incoming(
            ref=data.ref,
            customer_id=read("cus", data.customer) if data.customer else None,
            amount=parse_amount(data.amount.amount, data.amount.currency),
            paid_on=data.paid_on,
            invoice_number=data.invoice_number,
            remittance=data.remittance,
        )
        done = record_payment(database, tenant, actor, incoming)
        currency = incoming.amount.currency
        return PaymentRecorded(
            id=show("pay", done.payment_id),
            applied=amount_out(done.applied_minor, currency),
            unapplied=amount_out(done.unapplied_minor, currency),
            created=done.created,
        )

    @get(operation_id="listPayments", summary="List payments", responses=refusals(422), sync_to_thread=True)
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        unapplied: FromQuery[bool | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[PaymentOut]:
        """Payments, the latest first; ``unapplied=true``: those with money left."""
        actor.require("receivable:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = queries.list_payments(tx, unapplied=unapplied, limit=limit, cursor=cursor)
        return Page([_payment_out(row) for row in found.rows], found.next_cursor)

    @post(
        "/{payment_id:str}/apply",
        operation_id="applyPayment",
        summary="Apply a payment",
        responses=refusals(404, 409, 422),
        status_code=200,
        sync_to_thread=True,
    )
    def apply(
        self,
        payment_id: FromPath[str],
        data: JSONBody[ApplyIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Applied:
        """Apply money that waits to a receivable."""
        amount = parse_amount(data.amount.amount, data.amount.currency) if data.amount else None
        left = apply_payment(
            database,
            tenant,
            actor,
            read("pay", payment_id),
            receivable_id=read("rcv", data.receivable),
            amount=amount,
        )
        return Applied(amount_out(left.minor, left.currency))


class ReceivablesController(Controller):
    path = "/v1/receivables"
    tags = ("Receivables",)

    @get(operation_id="listReceivables", summary="List receivables", responses=refusals(404, 422), sync_to_thread=True)
    def list_all(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        customer: CustomerId = None,
        overdue: FromQuery[bool | None] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[ReceivableOut]:
        """Receivables by due date; ``overdue=true``: those that are open and late."""
        actor.require("receivable:read")
        customer_id = read("cus", customer) if customer else None
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = queries.list_receivables(tx, customer_id=customer_id, overdue=overdue, limit=limit, cursor=cursor)
        return Page([ReceivableOut.of(item) for item in found.rows], found.next_cursor)

    @get(
        "/{receivable_id:str}",
        operation_id="showReceivable",
        summary="Show a receivable",
        responses=refusals(404),
        sync_to_thread=True,
    )
    def show_one(
        self,
        receivable_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> ReceivableDetail:
        """One receivable and what was paid on it."""
        actor.require("receivable:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            item = queries.get_receivable(tx, read("rcv", receivable_id))
            paid = queries.payments_of(tx, item.receivable.invoice_id)
        parts = [
            PartPaid(
                show("pay", each.payment_id),
                each.ref,
                each.paid_on,
                amount_out(each.amount_minor, each.currency),
                each.matched_by,
            )
            for each in paid
        ]
        return ReceivableDetail(ReceivableOut.of(item), parts)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (PaymentsController, ReceivablesController)
