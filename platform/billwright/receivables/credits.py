"""Credit notes among the receivables: what they take off what is owed. Helpers inside the caller's transaction.

A credit note has a receivable of its own, below zero: what it takes of its invoice at the issue is off at once, the rest is
credit of the customer, for other invoices or to be paid back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.issuing.events import InvoicesIssued
from billwright.jobs.enqueue import publish
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id, read
from billwright.kernel.money import Money
from billwright.receivables import queries
from billwright.receivables.events import CreditsApplied, InvoicesCredited
from billwright.receivables.journal import Line
from billwright.receivables.tables import CreditApplicationRow, ReceivableRow
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

CREDITED = "credited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """``amount_minor`` (above zero where something is owed) of a credit note, taken by what is owed."""

    note_id: UUID
    credit_id: UUID
    owed: ReceivableRow
    amount_minor: int


def applied_at_issue(tx: Tx, event: InvoicesIssued, receivable_ids: Mapping[UUID, UUID]) -> dict[UUID, Application]:
    """What each credit note of the event takes of its invoice, by credit note. No statement without any.

    Never beyond what is open: what was paid already stays the customer's credit. ``receivable_ids``: of the credit notes.
    """
    credited = {
        each.invoice_id: read("inv", each.content.credit.preceding.invoice_id)
        for each in event.invoices
        if each.content.credit is not None
    }
    if not credited:
        return {}
    ids = tx.session.scalars(select(ReceivableRow.id).where(ReceivableRow.invoice_id.in_(set(credited.values()))))
    owed = {row.invoice_id: row for row in queries.lock_receivables(tx, ids.all())}
    left = {invoice_id: row.open_minor for invoice_id, row in owed.items()}
    taken = {}
    for each in event.invoices:
        invoice_id = credited.get(each.invoice_id)
        if invoice_id is None or invoice_id not in owed:
            continue
        amount = taken_of(left[invoice_id], each.content.gross_minor)
        if amount:
            left[invoice_id] -= amount
            taken[each.invoice_id] = Application(
                note_id=each.invoice_id,
                credit_id=receivable_ids[each.invoice_id],
                owed=owed[invoice_id],
                amount_minor=amount,
            )
    return taken


def taken_of(open_minor: int, credit_minor: int) -> int:
    """How much of a credit, which has the other sign, is taken of what is open."""
    if open_minor * credit_minor >= 0:
        return 0
    return min(abs(open_minor), abs(credit_minor)) * (1 if open_minor > 0 else -1)


def split_line(lines: Sequence[Line], receivable_id: UUID, taken: Application | None) -> tuple[Line, ...]:
    """The entry's lines with what the credit takes of its invoice on the invoice's receivable."""
    if taken is None:
        return tuple(lines)
    split: list[Line] = []
    for line in lines:
        if line.receivable_id != receivable_id:
            split.append(line)
            continue
        split.append(replace(line, receivable_id=taken.owed.id, amount_minor=-taken.amount_minor))
        split.append(replace(line, amount_minor=line.amount_minor + taken.amount_minor))
    return tuple(split)


def write_applications(tx: Tx, applications: Sequence[Application], applied_by: str) -> None:
    """Keep the applications, lower what is owed, and say so; invoices that nothing is owed on any more are credited.

    The credits' own balances are the caller's.
    """
    if not applications:
        return
    rows = [
        {
            "id": new_id(),
            "credit_id": each.credit_id,
            "receivable_id": each.owed.id,
            "amount_minor": each.amount_minor,
            "applied_by": applied_by,
            "applied_at": tx.now,
        }
        for each in applications
    ]
    insert_many(tx.session, CreditApplicationRow, rows)
    for each in applications:
        each.owed.open_minor -= each.amount_minor
        if not each.owed.open_minor:
            each.owed.settled_at = tx.now
    tx.session.flush()
    _tell(tx, applications)
    settled = {each.owed.invoice_id for each in applications if not each.owed.open_minor}
    pairs = tuple((each.note_id, each.owed.invoice_id) for each in applications)
    publish(tx, CreditsApplied(pairs=pairs, settled=frozenset(settled)))
    credited(tx, sorted(settled))


def credited(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Invoices whose balance is zero because of credits leave for ``credited``, also from a dispute."""
    if not invoice_ids:
        return
    moved = tx.session.scalars(
        update(InvoiceRow)
        .where(InvoiceRow.id.in_(invoice_ids), InvoiceRow.phase.in_(("issued", "posted", "disputed")))
        .values(phase=CREDITED, detail=CREDITED, phase_since=tx.now, updated_at=tx.now)
        .returning(InvoiceRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    record_many(
        tx, [entry_values(tx, "invoice.credited", "invoice", each, after={"phase": CREDITED}) for each in moved]
    )
    if moved:
        publish(tx, InvoicesCredited(invoice_ids=tuple(sorted(moved))))


def _tell(tx: Tx, applications: Sequence[Application]) -> None:
    entries, events = [], []
    for each in applications:
        amount, left = Money(each.amount_minor, each.owed.currency), Money(each.owed.open_minor, each.owed.currency)
        facts: dict[str, Any] = {
            "receivable_id": each.owed.id,
            "credit_note_id": each.note_id,
            "amount_minor": each.amount_minor,
            "currency": each.owed.currency,
        }
        entries.append(entry_values(tx, "credit.applied", "receivable", each.owed.id, after=facts))
        end = f"{left} still open." if left else "Nothing is open any more."
        events.append(
            {
                "id": new_id(),
                "invoice_id": each.owed.invoice_id,
                "at": tx.now,
                "event": "credit.applied",
                "text": f"{amount} of a credit note taken off. {end}",
                "actor_name": tx.actor.name,
                "facts": plain({"credit_note_id": each.note_id, "amount_minor": each.amount_minor}),
            }
        )
    insert_many(tx.session, InvoiceEventRow, events)
    record_many(tx, entries)
