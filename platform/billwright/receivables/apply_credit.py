"""Use cases: what is left of a credit note is taken off another invoice by a person, or was paid back."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import insert, select

from billwright.audit.record import record
from billwright.documents.after_issue import tell
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables import queries
from billwright.receivables.accounts import Books, read_books
from billwright.receivables.apply_payments import settle
from billwright.receivables.credits import Application, write_applications
from billwright.receivables.errors import AmountNotOpenError, CurrencyDiffersError, PaymentKnownError
from billwright.receivables.journal import Entry, Line, book
from billwright.receivables.receive_payments import AHEAD_MAX
from billwright.receivables.tables import ReceivableRow, RefundRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction


def apply_credit(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    credit_id: UUID,
    *,
    receivable_id: UUID,
    amount: Money | None = None,
    trace_id: str | None = None,
) -> Money:
    """Take ``amount`` (default: as much as possible) of the credit off what is owed; return what is left of it.

    Raises:
        PermissionDeniedError: without ``payment:write``.
        NotFoundError: no such credit or receivable here.
        CurrencyDiffersError: credit, receivable and amount are not in one currency.
        AmountNotOpenError: more than is open or left, or nothing; or they are of different customers or entities.
    """
    actor.require("payment:write")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        rows = {row.id: row for row in queries.lock_receivables(tx, {credit_id, receivable_id})}
        credit, owed = rows.get(credit_id), rows.get(receivable_id)
        if credit is None or owed is None:
            raise NotFoundError("There is no such credit, or no such receivable, here.")
        if len({credit.currency, owed.currency, amount.currency if amount else owed.currency}) > 1:
            raise CurrencyDiffersError(
                f"The credit is in {credit.currency}, the receivable in {owed.currency}; apply like to like.",
                field="amount",
            )
        if (credit.customer_id, credit.legal_entity_id) != (owed.customer_id, owed.legal_entity_id):
            raise AmountNotOpenError(
                "The credit is of another customer or legal entity; choose an invoice of the same two.",
                field="receivable",
            )
        wanted = _within(credit, amount, max(0, owed.open_minor))
        credit.open_minor += wanted
        _book(tx, credit, owed, wanted)
        given = Application(note_id=credit.invoice_id, credit_id=credit.id, owed=owed, amount_minor=wanted)
        write_applications(tx, [given], "person")
        _used(tx, credit, f"{Money(wanted, credit.currency)} taken off another invoice.")
        return Money(-credit.open_minor, credit.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money paid back on ``paid_on``. ``ref`` is our bank's own key: the same one is the same refund."""

    ref: str
    amount: Money
    paid_on: date


def record_refund(
    database: Database, tenant: Tenant, actor: Actor, credit_id: UUID, refund: Refund, *, trace_id: str | None = None
) -> Money:
    """Note that what is left of the credit was paid back; return what is left of it then.

    Raises:
        PermissionDeniedError: without ``payment:write``.
        NotFoundError: no such credit here.
        InputInvalidError: paid later than tomorrow.
        PaymentKnownError: another refund has this ``ref``.
        CurrencyDiffersError, AmountNotOpenError: another currency, nothing, or more than is left.
    """
    actor.require("payment:write")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        if refund.paid_on > tx.now.date() + AHEAD_MAX:
            raise InputInvalidError(f"{refund.paid_on} lies ahead; send the day of the payment.", field="paid_on")
        found = queries.lock_receivables(tx, [credit_id])
        if not found:
            raise NotFoundError("There is no such credit here.")
        credit = found[0]
        known = tx.session.scalars(select(RefundRow).where(RefundRow.ref == refund.ref)).one_or_none()
        if known is not None:
            if (known.credit_id, known.amount_minor, known.paid_on) == (credit_id, refund.amount.minor, refund.paid_on):
                return Money(-credit.open_minor, credit.currency)
            raise PaymentKnownError(
                f"Refund {refund.ref} is known with another amount, day or credit; use a reference of its own.",
                ref=refund.ref,
            )
        if refund.amount.currency != credit.currency:
            raise CurrencyDiffersError(f"The credit is in {credit.currency}; refund it in that.", field="amount")
        wanted = _within(credit, refund.amount, -credit.open_minor)
        _pay_back(tx, credit, refund, wanted)
        _used(tx, credit, f"{refund.amount} paid back on {refund.paid_on.isoformat()} ({refund.ref}).")
        return Money(-credit.open_minor, credit.currency)


def _within(credit: ReceivableRow, amount: Money | None, open_minor: int) -> int:
    possible = min(max(0, -credit.open_minor), open_minor)
    wanted = possible if amount is None else amount.minor
    if not 0 < wanted <= possible:
        raise AmountNotOpenError(
            f"{Money(max(0, -credit.open_minor), credit.currency)} is left of the credit and "
            f"{Money(open_minor, credit.currency)} can be taken; choose an amount within both.",
            field="amount",
        )
    return wanted


def _lines(books: Books, credit: ReceivableRow, wanted: int, other: Line) -> tuple[Line, Line]:
    own = Line(
        account=books.receivable,
        currency=credit.currency,
        amount_minor=wanted,
        receivable_id=credit.id,
        role="receivable",
    )
    return own, other


def _book(tx: Tx, credit: ReceivableRow, owed: ReceivableRow, wanted: int) -> None:
    books = read_books(tx)[credit.legal_entity_id]
    taken = Line(
        account=books.receivable, currency=owed.currency, amount_minor=-wanted, receivable_id=owed.id, role="receivable"
    )
    lines = _lines(books, credit, wanted, taken)
    today = books.today(tx.now)
    book(tx, [Entry(legal_entity_id=credit.legal_entity_id, kind="application", subject_id=credit.invoice_id,
                    booked_on=today, lines=lines)])  # fmt: skip


def _pay_back(tx: Tx, credit: ReceivableRow, refund: Refund, wanted: int) -> None:
    books = read_books(tx)[credit.legal_entity_id]
    credit.open_minor += wanted
    refund_id = new_id()
    row = {
        "id": refund_id, "ref": refund.ref, "credit_id": credit.id, "amount_minor": wanted, "paid_on": refund.paid_on,
        "made_by": tx.actor.name, "made_at": tx.now,
    }  # fmt: skip
    tx.session.execute(insert(RefundRow), [row])
    bank = Line(account=books.bank_of(credit.currency), currency=credit.currency, amount_minor=-wanted, role="bank")
    lines = _lines(books, credit, wanted, bank)
    book(tx, [Entry(legal_entity_id=credit.legal_entity_id, kind="refund", subject_id=refund_id,
                    booked_on=refund.paid_on, lines=lines)])  # fmt: skip
    facts = {"ref": refund.ref, "amount_minor": wanted, "currency": credit.currency, "paid_on": refund.paid_on}
    record(tx, "credit.refunded", "receivable", credit.id, after=facts)


def _used(tx: Tx, credit: ReceivableRow, sentence: str) -> None:
    """On the credit note's time line; with the last of it, it is settled."""
    tell(tx, credit.invoice_id, "credit.used", sentence)
    if not credit.open_minor:
        credit.settled_at = tx.now
        tx.session.flush()
        settle(tx, [credit.invoice_id], detail="applied")
