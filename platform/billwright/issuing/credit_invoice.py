"""Use case: a person asks for a credit note. Its draft goes through checks and approvals as an invoice does.

An issued document is never edited: the credit note takes back exactly what it names, and says what becomes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.approvals.duties import identities
from billwright.audit.record import record
from billwright.billing.content import VERSION
from billwright.billing.credit_amounts import Part, take_all, take_amount, take_quantity
from billwright.billing.credit_drafts import (
    CREDIT_NOTE,
    LineLeft,
    Outcome,
    Taken,
    allocation_rows,
    line_rows,
    lines_left,
    notes_of,
    taxes_of,
)
from billwright.billing.events import DraftsChanged
from billwright.billing.tables import (
    AllocationRow,
    ContributorRow,
    CreditNoteRow,
    InvoiceEventRow,
    InvoiceLineRow,
    InvoiceRow,
)
from billwright.issuing.errors import CreditAmountError, CreditReasonError, NotCreditableError, SeriesMissingError
from billwright.issuing.queries import series_years
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

REASONS: Final = {
    "disputed": "The customer contests it, and is right",
    "not_delivered": "It was not delivered or not accepted",
    "wrong_price": "Price, quantity or tax was wrong",
    "wrong_party": "It went to the wrong customer or entity",
    "duplicate": "It was billed twice",
    "goodwill": "Goodwill",
    "other": "Something else",
}
OUTCOMES: Final[dict[str, str]] = {
    "release": "What is credited waits until it is decided to bill it again.",
    "rebill": "What is credited is billed again, in a draft of its own.",
    "write_off": "What is credited is not billed again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """What to credit of the line at ``position``: all that is left of it, or a quantity, or a net amount.

    ``item_id``: of this billable item of the line alone. Without it, whole items are taken, the latest service first.
    """

    position: int
    item_id: UUID | None = None
    quantity: Decimal | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRequest:
    """``lines`` empty: all that is left of the invoice. ``reason`` is printed on the credit note."""

    reason_code: str
    reason: str
    outcome: Outcome
    lines: Sequence[CreditLine] = field(default_factory=tuple)


def credit_invoice(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    invoice_id: UUID,
    request: CreditRequest,
    *,
    trace_id: str | None = None,
) -> UUID:
    """Make the draft of a credit note; return its identifier. Who asks for it may not approve it.

    Raises:
        PermissionDeniedError: without ``invoice:write``.
        NotFoundError: no such invoice, line or item of the line.
        NotCreditableError: a draft, void, a credit note itself, or credited in full.
        CreditAmountError: nothing, or more than is left of a line.
        CreditReasonError: no reason, or an unknown code.
        SeriesMissingError: its legal entity has no number series for credit notes.
    """
    actor.require("invoice:write")
    if request.reason_code not in REASONS or not request.reason.strip():
        raise CreditReasonError(
            f"Say why it is credited: a text for the customer, and one of {', '.join(REASONS)}.", field="reason"
        )
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        invoice = _lock(tx, invoice_id)
        if not series_years(tx, [invoice.legal_entity_id]).get((invoice.legal_entity_id, CREDIT_NOTE)):
            raise SeriesMissingError(
                "The legal entity has no number series for credit notes; add one to its blueprint and apply it."
            )
        lines = lines_left(tx, invoice_id)
        if not any(each.lefts for each in lines):
            raise NotCreditableError(
                f"Invoice {invoice.number} is credited in full, or the rest is on its way; nothing is left."
            )
        taken = _taken(lines, request.lines, invoice.currency)
        return _write(tx, invoice, lines, taken, request)


def _lock(tx: Tx, invoice_id: UUID) -> InvoiceRow:
    """The invoice, locked: two who credit it queue, so that never more is taken than there is."""
    row = tx.session.scalars(select(InvoiceRow).where(InvoiceRow.id == invoice_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError("There is no such invoice here.")
    if row.document_type == CREDIT_NOTE:
        raise NotCreditableError("This is a credit note; bill again what it took back instead of crediting it.")
    if row.issued_at is None:
        raise NotCreditableError("This is a draft; return it with a reason instead of crediting it.")
    if row.phase == "void":
        raise NotCreditableError(f"Invoice {row.number} is void; nobody owes it.")
    return row


def _taken(lines: Sequence[LineLeft], wanted: Sequence[CreditLine], currency: str) -> list[Taken]:
    if not wanted:
        return [Taken(each.line, tuple(take_all(each.lefts))) for each in lines if each.lefts]
    by_position = {each.line.position: each for each in lines}
    taken: dict[int, dict[UUID, Part]] = {}
    for one in wanted:
        line = by_position.get(one.position)
        if line is None:
            raise NotFoundError(f"The invoice has no line {one.position}.", field="lines")
        mine = taken.setdefault(one.position, {})
        for part in _parts(line, one, currency):
            if part.left.allocation_id in mine:
                raise CreditAmountError(
                    f"Line {one.position} is asked for twice; name each line, or each item of it, once.", field="lines"
                )
            mine[part.left.allocation_id] = part
    return [Taken(by_position[position].line, tuple(parts.values())) for position, parts in sorted(taken.items())]


def _parts(line: LineLeft, wanted: CreditLine, currency: str) -> list[Part]:
    lefts = [each for each in line.lefts if wanted.item_id in (None, each.item_id)]
    if not lefts and wanted.item_id is not None:
        raise NotFoundError(f"Nothing of that item is left on line {wanted.position}.", field="lines")
    price = line.line.unit_price
    if wanted.quantity is not None and wanted.amount is not None:
        raise CreditAmountError(f"Line {wanted.position}: give a quantity or an amount, not both.", field="lines")
    if wanted.quantity is not None:
        parts = take_quantity(lefts, wanted.quantity, price, currency)
    elif wanted.amount is not None:
        minor = wanted.amount.minor if wanted.amount.currency == currency else 0
        parts = take_amount(lefts, minor, price, currency)
    else:
        parts = take_all(lefts)
    if not parts:
        net = Money(sum(each.amount_minor for each in lefts), currency)
        quantity = sum((each.quantity for each in lefts), start=Decimal(0))
        raise CreditAmountError(
            f"{quantity.normalize():f} or {net} is left to be credited of line {wanted.position}; credit more than nothing "
            f"and no more than that, in {currency}.",
            field="lines",
        )
    return parts


def _write(
    tx: Tx, invoice: InvoiceRow, lines: Sequence[LineLeft], taken: Sequence[Taken], request: CreditRequest
) -> UUID:
    note_id, actor = new_id(), tx.actor
    taxes = taxes_of(tx, invoice, lines, taken)
    net = -sum(each.net_minor for each in taken)
    tax = sum(row["tax_minor"] for row in taxes)
    row = _invoice_row(tx, invoice, note_id) | {"net_minor": net, "tax_minor": tax, "gross_minor": net + tax}
    insert_many(tx.session, InvoiceRow, [row])
    note: dict[str, Any] = {
        "invoice_id": note_id,
        "credits_invoice_id": invoice.id,
        "reason_code": request.reason_code,
        "reason": request.reason.strip(),
        "outcome": request.outcome,
        "taxes": taxes,
        "asked_by_name": actor.name,
        "made_at": tx.now,
    }
    insert_many(tx.session, CreditNoteRow, [note])
    rows = line_rows(note_id, invoice.currency, taken)
    insert_many(tx.session, InvoiceLineRow, rows)
    insert_many(tx.session, AllocationRow, allocation_rows(tx, note_id, taken, rows))
    made = tx.session.get_one(InvoiceRow, note_id)
    made.content_sha256 = notes_of(tx, [note_id])[note_id].digest
    _tell(tx, invoice, made, request)
    publish(tx, DraftsChanged(invoice_ids=(note_id,)))
    return note_id


def _invoice_row(tx: Tx, invoice: InvoiceRow, note_id: UUID) -> dict[str, Any]:
    """A draft of the same parties; nothing is paid within a term."""
    return {
        "id": note_id,
        "document_type": CREDIT_NOTE,
        "legal_entity_id": invoice.legal_entity_id,
        "customer_id": invoice.customer_id,
        "project_id": invoice.project_id,
        "group_key": f"credit:{note_id}",
        "currency": invoice.currency,
        "phase": "validation_pending",
        "detail": "submitted",
        "content_sha256": "",
        "content_version": VERSION,
        "payment_terms_days": 0,
        "created_at": tx.now,
        "updated_at": tx.now,
        "phase_since": tx.now,
        "credits_invoice_id": invoice.id,
    }


def _tell(tx: Tx, invoice: InvoiceRow, note: InvoiceRow, request: CreditRequest) -> None:
    """Who asked may not approve; both time lines and the audit say what was asked."""
    gross = Money(-note.gross_minor, note.currency)
    why = "asked for the credit"
    made_by = [{"invoice_id": note.id, "identity": each, "why": why} for each in sorted(identities(tx.actor))]
    if made_by:
        tx.session.execute(upsert(ContributorRow).values(made_by).on_conflict_do_nothing())
    said = (
        (note.id, "draft.made", f"Credit of {gross} on invoice {invoice.number}: {request.reason.strip()}"),
        (invoice.id, "credit.asked", f"A credit note of {gross} was asked for: {request.reason.strip()}"),
    )
    insert_many(
        tx.session,
        InvoiceEventRow,
        [
            {
                "id": new_id(),
                "invoice_id": about,
                "at": tx.now,
                "event": event,
                "text": text,
                "actor_name": tx.actor.name,
                "facts": {"credit_note": str(note.id)},
            }
            for about, event, text in said
        ],
    )
    after = {
        "credits_invoice_id": invoice.id,
        "gross_minor": note.gross_minor,
        "currency": note.currency,
        "reason_code": request.reason_code,
        "outcome": request.outcome,
        "content_sha256": note.content_sha256,
    }
    record(tx, "credit_note.asked", "invoice", note.id, after=after, reason=request.reason.strip())
