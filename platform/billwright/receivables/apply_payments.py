"""Applying money to receivables, in the caller's transaction. A constant number of statements for any number of payments."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, DateTime, Uuid, bindparam, case, column, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.jobs.enqueue import publish
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.receivables import queries
from billwright.receivables.accounts import read_books
from billwright.receivables.events import ReceivablesSettled
from billwright.receivables.journal import Entry, book
from billwright.receivables.matching import Application, Unapplied, match
from billwright.receivables.payment_entries import Receipt, Taken, book_payment
from billwright.receivables.tables import PaymentApplicationRow, PaymentRow, ReceivableRow
from billwright.tenancy.recordset import insert_many, parameters, recordset, table_of
from billwright.tenancy.transaction import Tx

_ID, _TAKEN, _ENTITY = column("id", Uuid()), column("taken_minor", BigInteger()), column("legal_entity_id", Uuid())
_RECEIVABLE: Final = table_of(ReceivableRow)
_PAYMENT: Final = table_of(PaymentRow)
_LOWERED: Final = recordset([_ID, _TAKEN])
_LOWER: Final = (
    update(_RECEIVABLE)
    .where(_RECEIVABLE.c.id == _LOWERED.c.id)
    .values(
        open_minor=_RECEIVABLE.c.open_minor - _LOWERED.c.taken_minor,
        settled_at=case(
            (_RECEIVABLE.c.open_minor == _LOWERED.c.taken_minor, bindparam("now", type_=DateTime(timezone=True))),
            else_=_RECEIVABLE.c.settled_at,
        ),
    )
)
_MONEY: Final = recordset([_ID, _TAKEN, _ENTITY])
_TAKE: Final = (
    update(_PAYMENT)
    .where(_PAYMENT.c.id == _MONEY.c.id)
    .values(unapplied_minor=_PAYMENT.c.unapplied_minor - _MONEY.c.taken_minor, legal_entity_id=_MONEY.c.legal_entity_id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Locked rows, and what of which payment goes to which receivable."""

    payments: Mapping[UUID, PaymentRow]
    receivables: Mapping[UUID, ReceivableRow]
    applications: Sequence[Application]


def match_payments(tx: Tx, which: ColumnElement[bool]) -> Sequence[Application]:
    """Match the payments that fit ``which``, apply what is certain and book what is not booked yet.

    Safe to call twice and at the same time: payments and receivables are locked, always in the same order.
    """
    payments = {row.id: row for row in queries.lock_payments(tx, which)}
    waiting = [_unapplied(row) for row in payments.values() if row.unapplied_minor]
    candidate_ids = queries.find_candidates(tx, waiting) if waiting else []
    locked = queries.lock_receivables(tx, candidate_ids) if candidate_ids else []
    candidates = {each.receivable_id: each for each in queries.to_candidates(tx, locked)}
    applications: list[Application] = []
    for each in waiting:
        found = match(each, candidates.values())
        for one in found:
            candidate = candidates[one.receivable_id]
            candidates[one.receivable_id] = replace(candidate, open_minor=candidate.open_minor - one.amount_minor)
        applications.extend(found)
    apply(tx, Work(payments=payments, receivables={row.id: row for row in locked}, applications=applications))
    return applications


def apply(tx: Tx, work: Work) -> None:
    """Write ``work``: applications, balances, entries, audit, time lines; settled invoices change their phase."""
    _book(tx, work)
    if not work.applications:
        return
    rows = [
        {
            "id": new_id(),
            "payment_id": each.payment_id,
            "receivable_id": each.receivable_id,
            "amount_minor": each.amount_minor,
            "matched_by": each.matched_by,
            "applied_at": tx.now,
        }
        for each in work.applications
    ]
    insert_many(tx.session, PaymentApplicationRow, rows)
    taken = _sums((each.receivable_id, each.amount_minor) for each in work.applications)
    lowered = [{"id": key, "taken_minor": amount} for key, amount in sorted(taken.items())]
    tx.session.execute(_LOWER, parameters(lowered) | {"now": tx.now})
    _tell(tx, work, taken)
    settle(tx, [row.invoice_id for row in work.receivables.values() if taken.get(row.id) == row.open_minor != 0])


def settle(tx: Tx, invoice_ids: Sequence[UUID], detail: str = "paid") -> None:
    """Invoices whose balance is zero leave for ``settled``, also from a dispute: what was contested has been paid."""
    if not invoice_ids:
        return
    tx.session.execute(
        update(InvoiceRow)
        .where(InvoiceRow.id.in_(invoice_ids), InvoiceRow.phase.in_(("issued", "posted", "disputed")))
        .values(phase="settled", detail=detail, phase_since=tx.now, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    record_many(
        tx, [entry_values(tx, "invoice.settled", "invoice", each, after={"phase": "settled"}) for each in invoice_ids]
    )
    publish(tx, ReceivablesSettled(invoice_ids=tuple(sorted(invoice_ids))))


def _unapplied(row: PaymentRow) -> Unapplied:
    return Unapplied(
        payment_id=row.id,
        customer_id=row.customer_id,
        currency=row.currency,
        unapplied_minor=row.unapplied_minor,
        invoice_number=row.invoice_number,
        remittance=row.remittance,
        milestone_ids=frozenset(row.milestone_ids),
    )


def _sums(pairs: Iterable[tuple[UUID, int]]) -> dict[UUID, int]:
    sums: defaultdict[UUID, int] = defaultdict(int)
    for key, amount in pairs:
        sums[key] += amount
    return dict(sums)


def _book(tx: Tx, work: Work) -> None:
    """Entries of receipts that are not booked yet and of applications; a payment's first entry says whose books have it."""
    taken: defaultdict[UUID, list[Taken]] = defaultdict(list)
    for each in work.applications:
        entity = work.receivables[each.receivable_id].legal_entity_id
        taken[each.payment_id].append(
            Taken(receivable_id=each.receivable_id, legal_entity_id=entity, amount_minor=each.amount_minor)
        )
    moving = [row for row in work.payments.values() if row.legal_entity_id is None or row.id in taken]
    if not moving:
        return
    books = read_books(tx)
    entries: list[Entry] = []
    rows: list[dict[str, Any]] = []
    for row in moving:
        receipt = Receipt(
            payment_id=row.id,
            legal_entity_id=row.legal_entity_id,
            amount_minor=row.amount_minor,
            currency=row.currency,
            paid_on=row.paid_on,
        )
        booked = book_payment(receipt, taken[row.id], books, next(iter(books), None), tx.now)
        entries.extend(booked.entries)
        amount = sum(each.amount_minor for each in taken[row.id])
        rows.append({"id": row.id, "legal_entity_id": booked.legal_entity_id, "taken_minor": amount})
    book(tx, entries)
    tx.session.execute(_TAKE, parameters(rows))


def _tell(tx: Tx, work: Work, taken: Mapping[UUID, int]) -> None:
    """Audit entries and the time lines of the invoices."""
    entries, events = [], []
    for each in work.applications:
        payment, receivable = work.payments[each.payment_id], work.receivables[each.receivable_id]
        facts = {
            "receivable_id": each.receivable_id,
            "amount_minor": each.amount_minor,
            "currency": receivable.currency,
            "matched_by": each.matched_by,
        }
        entries.append(entry_values(tx, "payment.applied", "payment", each.payment_id, after=facts))
        left = Money(receivable.open_minor - taken[each.receivable_id], receivable.currency)
        amount = Money(each.amount_minor, receivable.currency)
        end = f"{left} still open." if left else "Nothing is open any more."
        events.append(
            {
                "id": new_id(),
                "invoice_id": receivable.invoice_id,
                "at": tx.now,
                "event": "payment.applied",
                "text": f"{amount} of payment {payment.ref} of {payment.paid_on.isoformat()} applied. {end}",
                "actor_name": tx.actor.name,
                "facts": plain({"payment_id": each.payment_id, "amount_minor": each.amount_minor}),
            }
        )
    insert_many(tx.session, InvoiceEventRow, events)
    record_many(tx, entries)
