"""Giving up money: up to the firm's limit by one person, above it asked for by one and decided by another."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import func, insert, select, update

from billwright.audit.record import entry_values, record, record_many
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.canonical_json import plain
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables import queries
from billwright.receivables.accounts import read_books
from billwright.receivables.errors import (
    AmountNotOpenError,
    CurrencyDiffersError,
    OwnWriteOffError,
    WriteOffDecidedError,
)
from billwright.receivables.events import ReceivablesSettled
from billwright.receivables.journal import Entry, Line, book
from billwright.receivables.tables import ReceivableRow, WriteOffRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

Reason = Literal["uncollectable", "insolvent", "small_balance", "goodwill", "other"]
PERMISSION: Final = "receivable:write_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOff:
    """``state``: booked, or asked while another person has to decide."""

    id: UUID
    state: str
    amount: Money


def ask_write_off(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    receivable_id: UUID,
    *,
    reason: Reason,
    note: str,
    amount: Money | None = None,
) -> WriteOff:
    """Write off ``amount``, gross, of the receivable; without it, all that is open. Booked at once within the firm's limit.

    Raises:
        PermissionDeniedError: without ``receivable:write_off``.
        NotFoundError: no such receivable here.
        CurrencyDiffersError: the amount is in another currency than the receivable.
        AmountNotOpenError: nothing is open, more than is, or more than is left beside what was asked for already.
        InputInvalidError: no words why.
    """
    actor.require(PERMISSION)
    if not note.strip():
        raise InputInvalidError("Say in a sentence why this money is given up.", field="note")
    with transaction(database, tenant, actor) as tx:
        receivable = _locked(tx, receivable_id)
        wanted = Money(receivable.open_minor, receivable.currency) if amount is None else amount
        if wanted.currency != receivable.currency:
            raise CurrencyDiffersError(f"The receivable is in {receivable.currency}.", field="amount")
        possible = receivable.open_minor - _asked_for(tx, receivable_id)
        if not 0 < wanted.minor <= possible:
            raise AmountNotOpenError(
                f"{Money(max(possible, 0), receivable.currency)} can be written off; choose an amount within it.",
                field="amount",
            )
        alone = Fraction(wanted.decimal) <= Fraction(read_configuration(tx).ledger.write_off_alone)
        row = _row(tx, receivable, wanted, reason, note.strip(), booked=alone)
        tx.session.execute(insert(WriteOffRow), [row])
        record(tx, f"write_off.{row['state']}", "write_off", row["id"], after=row, reason=row["note"])
        if alone:
            _book(tx, receivable, row["id"], wanted)
        return WriteOff(id=row["id"], state=row["state"], amount=wanted)


def decide_write_off(
    database: Database, tenant: Tenant, actor: Actor, write_off_id: UUID, *, decision: Literal["book", "refuse"]
) -> WriteOff:
    """Book or refuse a write-off that another person asked for.

    Raises:
        PermissionDeniedError: without ``receivable:write_off``.
        NotFoundError: no such write-off here.
        WriteOffDecidedError: it was decided already.
        OwnWriteOffError: the caller asked for it, or is nobody in person.
        AmountNotOpenError: less is open by now; refuse it and ask anew.
    """
    actor.require(PERMISSION)
    with transaction(database, tenant, actor) as tx:
        row = tx.session.scalars(select(WriteOffRow).where(WriteOffRow.id == write_off_id)).one_or_none()
        if row is None:
            raise NotFoundError("There is no such write-off here.")
        receivable = _locked(tx, row.receivable_id)
        tx.session.refresh(row)
        if row.state != "asked":
            raise WriteOffDecidedError(f"This write-off is {row.state} already.")
        if actor.person_id is None or actor.person_id == row.asked_by:
            raise OwnWriteOffError("Another person than the one who asked has to decide about this write-off.")
        amount = Money(row.amount_minor, row.currency)
        if decision == "book" and amount.minor > receivable.open_minor:
            raise AmountNotOpenError(
                f"Only {Money(receivable.open_minor, row.currency)} is open by now; refuse this and ask anew.",
                field="amount",
            )
        state = "booked" if decision == "book" else "refused"
        decided = {"state": state, "decided_by": actor.person_id, "decided_by_name": actor.name, "decided_at": tx.now}
        tx.session.execute(update(WriteOffRow).where(WriteOffRow.id == row.id).values(decided))
        record(tx, f"write_off.{state}", "write_off", row.id, before={"state": "asked"}, after=decided)
        if state == "booked":
            _book(tx, receivable, row.id, amount)
        return WriteOff(id=row.id, state=state, amount=amount)


def _locked(tx: Tx, receivable_id: UUID) -> ReceivableRow:
    rows = queries.lock_receivables(tx, [receivable_id])
    if not rows:
        raise NotFoundError("There is no such receivable here.")
    return rows[0]


def _asked_for(tx: Tx, receivable_id: UUID) -> int:
    query = select(func.coalesce(func.sum(WriteOffRow.amount_minor), 0))
    found = tx.session.scalars(query.where(WriteOffRow.receivable_id == receivable_id, WriteOffRow.state == "asked"))
    return int(found.one())


def _row(tx: Tx, receivable: ReceivableRow, amount: Money, reason: str, note: str, *, booked: bool) -> dict[str, Any]:
    return {
        "id": new_id(),
        "receivable_id": receivable.id,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "state": "booked" if booked else "asked",
        "reason": reason,
        "note": note,
        "asked_by": tx.actor.person_id,
        "asked_by_name": tx.actor.name,
        "asked_at": tx.now,
        "decided_by": None,
        "decided_by_name": "",
        "decided_at": tx.now if booked else None,
    }


def _book(tx: Tx, receivable: ReceivableRow, write_off_id: UUID, amount: Money) -> None:
    """Lower the receivable and say so; an invoice of which nothing is open any more is written off."""
    books = read_books(tx)[receivable.legal_entity_id]
    lost = Line(account=books.write_off, currency=amount.currency, amount_minor=amount.minor, role="write_off")
    owed = Line(
        account=books.receivable,
        currency=amount.currency,
        amount_minor=-amount.minor,
        receivable_id=receivable.id,
        role="receivable",
    )
    entry = Entry(
        legal_entity_id=receivable.legal_entity_id,
        kind="write_off",
        subject_id=write_off_id,
        booked_on=books.today(tx.now),
        lines=(lost, owed),
    )
    book(tx, [entry])
    left = Money(receivable.open_minor - amount.minor, amount.currency)
    settled = {"settled_at": tx.now} if not left else {}
    tx.session.execute(
        update(ReceivableRow).where(ReceivableRow.id == receivable.id).values(open_minor=left.minor, **settled)
    )
    end = f"{left} still open." if left else "Nothing is open any more."
    _tell(tx, receivable.invoice_id, f"{amount} written off. {end}", {"write_off_id": write_off_id})
    if not left:
        _leave(tx, receivable.invoice_id)


def _tell(tx: Tx, invoice_id: UUID, text: str, facts: dict[str, Any]) -> None:
    event = {
        "id": new_id(),
        "invoice_id": invoice_id,
        "at": tx.now,
        "event": "invoice.written_off",
        "text": text,
        "actor_name": tx.actor.name,
        "facts": plain(facts),
    }
    tx.session.execute(insert(InvoiceEventRow), [event])


def _leave(tx: Tx, invoice_id: UUID) -> None:
    """Also from a dispute: what was contested is not asked for any more."""
    moved = tx.session.scalars(
        update(InvoiceRow)
        .where(InvoiceRow.id == invoice_id, InvoiceRow.phase.in_(("issued", "posted", "disputed")))
        .values(phase="written_off", detail="written_off", phase_since=tx.now, updated_at=tx.now)
        .returning(InvoiceRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    after = {"phase": "written_off"}
    record_many(tx, [entry_values(tx, "invoice.written_off", "invoice", each, after=after) for each in moved])
    publish(tx, ReceivablesSettled(invoice_ids=(invoice_id,)))
