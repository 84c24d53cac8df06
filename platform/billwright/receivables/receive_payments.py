"""Payments come in: from sources inside the transaction that applies their messages, from people at once."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billwright.audit.record import record
from billwright.canon.events import PaymentReceived
from billwright.canon.tables import CustomerRow
from billwright.documents.after_issue import open_exception
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import Actor
from billwright.kernel.errors import DomainError, InputInvalidError, NotFoundError
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money, is_currency, parse_amount, quantize
from billwright.receivables.apply_payments import match_payments
from billwright.receivables.errors import PaymentKnownError
from billwright.receivables.tables import PaymentRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

AHEAD_MAX = timedelta(days=1)  # somewhere it is tomorrow already


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A payment to be kept. ``ref`` is the payer's bank's or the source's own key: the same one is the same payment."""

    ref: str
    customer_id: UUID | None
    amount: Money
    paid_on: date
    invoice_number: str = ""
    remittance: str = ""
    milestone_ids: tuple[UUID, ...] = ()
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """``created`` is false when the same payment was known already."""

    payment_id: UUID
    applied_minor: int
    unapplied_minor: int
    created: bool


def store_payment(tx: Tx, event: PaymentReceived) -> None:
    """Keep the payment with its job, in the publisher's transaction. What cannot be kept goes to the desk, never lost.

    Refuses nothing: it must not harm the other messages of the batch.
    """
    payment = event.payment
    try:
        amount = _in_money(tx, event)
    except DomainError as refusal:
        _to_desk(tx, event, code="payment_not_bookable", reason=str(refusal))
        return
    incoming = Incoming(
        ref=payment.ref,
        customer_id=event.customer_id,
        amount=amount,
        paid_on=payment.paid_on,
        invoice_number=payment.invoice_number,
        remittance=payment.remittance,
        milestone_ids=event.milestone_ids,
        message_id=event.message_id,
    )
    row, created = _keep(tx, incoming)
    if created:
        spec = JobSpec(kind="collections.apply_payment", key=f"payment:{row.id}", payload={"payment_id": row.id})
        enqueue(tx, [spec])
    elif _differs(row, incoming):
        known = Money(row.amount_minor, row.currency)
        _to_desk(
            tx,
            event,
            code="payment_differs",
            reason=f"Payment {payment.ref} of {known} is known already; now it is said to be {amount}. The first is kept.",
        )


def record_payment(database: Database, tenant: Tenant, actor: Actor, incoming: Incoming) -> Recorded:
    """Keep and apply a payment that a person or a system tells us of. The same ``ref`` again changes nothing.

    Raises:
        PermissionDeniedError: without ``payment:write``.
        InputInvalidError: not above zero, or paid later than tomorrow.
        NotFoundError: no such customer here.
        PaymentKnownError: another payment has this ``ref``.
    """
    actor.require("payment:write")
    if incoming.amount.minor <= 0:
        raise InputInvalidError("A payment is above zero; a refund is not recorded here.", field="amount")
    with transaction(database, tenant, actor) as tx:
        if incoming.paid_on > tx.now.date() + AHEAD_MAX:
            raise InputInvalidError(f"{incoming.paid_on} lies ahead; send the day of the payment.", field="paid_on")
        _check_customer(tx, incoming.customer_id)
        row, created = _keep(tx, incoming)
        if not created and _differs(row, incoming):
            raise PaymentKnownError(
                f"Payment {incoming.ref} is known with another amount, day or payer; use a reference of its own.",
                ref=incoming.ref,
            )
        if created:
            match_payments(tx, PaymentRow.id == row.id)
        left = tx.session.scalars(select(PaymentRow.unapplied_minor).where(PaymentRow.id == row.id)).one()
        return Recorded(payment_id=row.id, applied_minor=row.amount_minor - left, unapplied_minor=left, created=created)


def _check_customer(tx: Tx, customer_id: UUID | None) -> None:
    if customer_id is None:
        return
    if tx.session.scalars(select(CustomerRow.id).where(CustomerRow.id == customer_id)).one_or_none() is None:
        raise NotFoundError("There is no such customer here.", field="customer")


def _in_money(tx: Tx, event: PaymentReceived) -> Money:
    """The amount; a unit that is no currency is converted where the tenant declared how, rounded half-up once."""
    payment = event.payment
    if is_currency(payment.currency):
        return parse_amount(payment.amount, payment.currency)
    declared = {each.unit: each for each in read_configuration(tx).settlement}
    if payment.currency not in declared:
        raise InputInvalidError(f"{payment.currency} is no ISO 4217 currency and the firm declared no rate for it.")
    settlement = declared[payment.currency]
    digits = -Money(0, settlement.currency).decimal.as_tuple().exponent  # type: ignore[operator]  # finite, so an int
    return parse_amount(quantize(payment.amount * settlement.rate, digits), settlement.currency)


def _keep(tx: Tx, incoming: Incoming) -> tuple[PaymentRow, bool]:
    """The payment's row, made unless its ``ref`` is known. Two at once make one."""
    values = {
        "id": new_id(),
        "ref": incoming.ref,
        "customer_id": incoming.customer_id,
        "amount_minor": incoming.amount.minor,
        "unapplied_minor": incoming.amount.minor,
        "currency": incoming.amount.currency,
        "paid_on": incoming.paid_on,
        "invoice_number": incoming.invoice_number,
        "remittance": incoming.remittance,
        "milestone_ids": list(incoming.milestone_ids),
        "message_id": incoming.message_id,
        "received_at": tx.now,
    }
    statement = insert(PaymentRow).values(values).on_conflict_do_nothing(index_elements=["ref"]).returning(PaymentRow)
    row = tx.session.scalars(statement).one_or_none()
    if row is None:
        return tx.session.scalars(select(PaymentRow).where(PaymentRow.ref == incoming.ref)).one(), False
    after = {"ref": row.ref, "amount_minor": row.amount_minor, "currency": row.currency, "paid_on": row.paid_on}
    record(tx, "payment.received", "payment", row.id, after=after)
    return row, True


def _differs(row: PaymentRow, incoming: Incoming) -> bool:
    known = (row.amount_minor, row.currency, row.paid_on, row.customer_id)
    return known != (incoming.amount.minor, incoming.amount.currency, incoming.paid_on, incoming.customer_id)


def _to_desk(tx: Tx, event: PaymentReceived, *, code: str, reason: str) -> None:
    open_exception(
        tx,
        subject_kind="message",
        subject_id=event.message_id or new_id(),
        code=code,
        title="A payment needs a look",
        reason=reason,
        remedy="Compare it with the bank statement, then record what is right under a reference of its own.",
    )
