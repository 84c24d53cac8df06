"""Credit notes over HTTP: what may be credited, asking for it, giving it up, correcting; voids, refunds, billing again."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from sqlalchemy import select

from billwright.billing.credit_drafts import lines_left
from billwright.billing.reads import invoices
from billwright.billing.rebill_item import decide_released
from billwright.billing.schemas import InvoiceOut, invoice_out
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.reads import one
from billwright.issuing.credit_invoice import CreditLine, CreditRequest, credit_invoice
from billwright.issuing.drop_credit_note import drop_credit_note
from billwright.kernel.actor import Actor
from billwright.kernel.amount_out import DecimalText, decimal_out
from billwright.kernel.ids import read, show
from billwright.kernel.money import parse_amount
from billwright.receivables.api import Amount, amount_out
from billwright.receivables.apply_credit import Refund, apply_credit, record_refund
from billwright.receivables.void_invoice import ask_void, decide_void
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Then = Literal["release", "rebill", "write_off"]
ReasonCode = Literal[
    "disputed", "not_delivered", "wrong_price", "wrong_party", "duplicate", "goodwill", "other"
]  # fmt: skip
Words = Annotated[str, Meta(min_length=1, max_length=500, description="Printed on the credit note.")]


class CreditLineIn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that is left of the line, or a quantity, or a net amount of it; of one billable item of it if ``item`` is given.

    Without ``item``, whole items are taken, the latest service first.
    """

    line: Annotated[int, Meta(ge=1)]
    item: Annotated[str, Meta(max_length=60)] | None = None
    quantity: Annotated[str, Meta(max_length=40, pattern=r"^\d{1,12}(\.\d{1,12})?$")] | None = None
    amount: Amount | None = None


class CreditIn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without ``lines``: all that is left of the invoice. ``then`` says what becomes of what is credited: it waits for a
    decision, is billed again in a draft of its own, or is never billed again."""

    reason_code: ReasonCode
    reason: Words
    then: Then
    lines: Annotated[list[CreditLineIn], Meta(max_length=500)] = []


class CorrectIn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Credit all that is left and bill it again, by what contracts and facts say when the credit note is issued."""

    reason_code: ReasonCode
    reason: Words


class CreditableLine(Struct, frozen=True, kw_only=True):
    """What credit notes, also those on their way, left of a line."""

    line: int
    description: str
    quantity: DecimalText
    net: Amount
    quantity_left: DecimalText
    net_left: Amount
    items: list[str]


class Creditable(Struct, frozen=True, kw_only=True):
    lines: list[CreditableLine]
    credit_notes: list[InvoiceOut]


class GivenUpIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=500)] = ""


class VoidIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class VoidDecisionIn(Struct, frozen=True, forbid_unknown_fields=True):
    decision: Literal["void", "refuse"]


class RebillIn(Struct, frozen=True, forbid_unknown_fields=True):
    decision: Literal["rebill", "write_off"]
    reason: Annotated[str, Meta(max_length=500)] = ""


class Decided(Struct, frozen=True):
    state: str


class TakeIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Without ``amount``: as much as is left of the credit and open on the receivable."""

    receivable: Annotated[str, Meta(max_length=60)]
    amount: Amount | None = None


class RefundIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Money paid back. ``ref`` is the bank's own key: the same one again changes nothing."""

    ref: Annotated[str, Meta(min_length=1, max_length=200)]
    amount: Amount
    paid_on: date


class CreditLeft(Struct, frozen=True):
    left: Amount


def _line(given: CreditLineIn) -> CreditLine:
    amount = parse_amount(given.amount.amount, given.amount.currency) if given.amount else None
    return CreditLine(
        position=given.line,
        item_id=read("bil", given.item) if given.item else None,
        quantity=Decimal(given.quantity) if given.quantity else None,
        amount=amount,
    )


def _shown(database: Database, tenant: Tenant, actor: Actor, invoice_id: UUID) -> InvoiceOut:
    with transaction(database, tenant, actor, read_only=True) as tx:
        found = one(tx, invoices().where(InvoiceRow.id == invoice_id), f"invoice {show('inv', invoice_id)}")
        return invoice_out(found)


class CreditController(Controller):
    path = "/v1/invoices/{invoice_id:str}"
    tags = ("Credit notes",)

    @get(
        "/creditable",
        operation_id="getCreditable",
        summary="Show what of an invoice may be credited",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def creditable(
        self,
        invoice_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Creditable:
        """Line by line what is left, and the credit notes so far. Five statements."""
        actor.require("invoice:read")
        identifier = read("inv", invoice_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            row = one(tx, select(InvoiceRow.currency).where(InvoiceRow.id == identifier), f"invoice {invoice_id}")
            lines = [
                CreditableLine(
                    line=each.line.position,
                    description=each.line.description,
                    quantity=decimal_out(each.line.quantity),
                    net=amount_out(each.line.net_minor, row.currency),
                    quantity_left=decimal_out(each.quantity),
                    net_left=amount_out(each.net_minor, row.currency),
                    items=[show("bil", left.item_id) for left in each.lefts],
                )
                for each in lines_left(tx, identifier)
            ]
            notes = invoices().where(InvoiceRow.credits_invoice_id == identifier).order_by(InvoiceRow.id)
            return Creditable(lines=lines, credit_notes=[invoice_out(note) for note in tx.session.execute(notes)])

    @post(
        "/credit",
        operation_id="creditInvoice",
        summary="Ask for a credit note",
        status_code=201,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def credit(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[CreditIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceOut:
        """The draft of a credit note. It takes the same way as an invoice; who asks for it does not approve it."""
        actor.require("invoice:write")
        lines = tuple(_line(each) for each in data.lines)
        request = CreditRequest(reason_code=data.reason_code, reason=data.reason, outcome=data.then, lines=lines)
        note_id = credit_invoice(database, tenant, actor, read("inv", invoice_id), request, trace_id=trace_id)
        return _shown(database, tenant, actor, note_id)

    @post(
        "/correct",
        operation_id="correctInvoice",
        summary="Credit an invoice and bill it again",
        status_code=201,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def correct(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[CorrectIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceOut:
        """One deed, two documents: this credit note, and when it is issued, a draft that names the invoice it replaces."""
        actor.require("invoice:write")
        request = CreditRequest(reason_code=data.reason_code, reason=data.reason, outcome="rebill")
        note_id = credit_invoice(database, tenant, actor, read("inv", invoice_id), request, trace_id=trace_id)
        return _shown(database, tenant, actor, note_id)

    @post(
        "/drop",
        operation_id="dropCreditNote",
        summary="Give up the draft of a credit note",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def drop(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[GivenUpIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceOut:
        """What it would have taken back may be credited again."""
        actor.require("invoice:write")
        identifier = read("inv", invoice_id)
        drop_credit_note(database, tenant, actor, identifier, reason=data.reason, trace_id=trace_id)
        return _shown(database, tenant, actor, identifier)

    @post(
        "/void",
        operation_id="askVoid",
        summary="Ask that an invoice is voided",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def void(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[VoidIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceOut:
        """Only for an issued invoice that nobody else has yet. Another person decides; nothing moves until then."""
        actor.require("invoice:write")
        identifier = read("inv", invoice_id)
        ask_void(database, tenant, actor, identifier, reason=data.reason, trace_id=trace_id)
        return _shown(database, tenant, actor, identifier)

    @post(
        "/void/decide",
        operation_id="decideVoid",
        summary="Void an invoice, or refuse that",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def decide_void(
        self,
        invoice_id: FromPath[str],
        data: JSONBody[VoidDecisionIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> InvoiceOut:
        """Not by who asked. The number stays used; what the invoice billed is open again."""
        actor.require("invoice:approve_finance")
        identifier = read("inv", invoice_id)
        decide_void(database, tenant, actor, identifier, decision=data.decision, trace_id=trace_id)
        return _shown(database, tenant, actor, identifier)


class ReleasedItemController(Controller):
    path = "/v1/items/{item_id:str}"
    tags = ("Credit notes",)

    @post(
        "/rebill",
        operation_id="decideReleasedItem",
        summary="Bill again what a credit note released, or write it off",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def rebill(
        self,
        item_id: FromPath[str],
        data: JSONBody[RebillIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> Decided:
        """The open part of the item, by what its facts say now."""
        actor.require("invoice:write")
        identifier = read("bil", item_id)
        with transaction(database, tenant, actor, read_only=True) as tx:
            one(tx, select(BillableItemRow.id).where(BillableItemRow.id == identifier), f"item {item_id}")
        state = decide_released(
            database, tenant, actor, identifier, decision=data.decision, reason=data.reason, trace_id=trace_id
        )
        return Decided(state)


class CreditLeftController(Controller):
    path = "/v1/receivables/{receivable_id:str}"
    tags = ("Credit notes",)

    @post(
        "/apply-credit",
        operation_id="applyCredit",
        summary="Take what is left of a credit note off an invoice",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def apply(
        self,
        receivable_id: FromPath[str],
        data: JSONBody[TakeIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CreditLeft:
        """The receivable in the path is the credit note's. Customer, legal entity and currency are the same."""
        actor.require("payment:write")
        amount = parse_amount(data.amount.amount, data.amount.currency) if data.amount else None
        left = apply_credit(
            database,
            tenant,
            actor,
            read("rcv", receivable_id),
            receivable_id=read("rcv", data.receivable),
            amount=amount,
            trace_id=trace_id,
        )
        return CreditLeft(amount_out(left.minor, left.currency))

    @post(
        "/refund",
        operation_id="recordRefund",
        summary="Note that a credit was paid back",
        status_code=200,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def refund(
        self,
        receivable_id: FromPath[str],
        data: JSONBody[RefundIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CreditLeft:
        """The receivable in the path is the credit note's. Nothing is paid by this; it says that it was."""
        actor.require("payment:write")
        given = Refund(
            ref=data.ref, amount=parse_amount(data.amount.amount, data.amount.currency), paid_on=data.paid_on
        )
        left = record_refund(database, tenant, actor, read("rcv", receivable_id), given, trace_id=trace_id)
        return CreditLeft(amount_out(left.minor, left.currency))


CONTROLLERS: Final[tuple[type[Controller], ...]] = (CreditController, ReleasedItemController, CreditLeftController)
