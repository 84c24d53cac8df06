"""Use case: an issued invoice that nobody else has yet is voided by two people. Its number stays used.

What was delivered, posted, paid, credited or contested is known to others: it is credited instead.
"""

from typing import Final, Literal
from uuid import UUID

from sqlalchemy import exists, insert, select

from billwright.approvals.duties import identities
from billwright.audit.record import record
from billwright.billing.credit_drafts import CREDIT_NOTE
from billwright.billing.credit_release import release_voided
from billwright.billing.queries import lock_billing
from billwright.billing.tables import InvoiceLineRow, InvoiceRow, VoidRequestRow
from billwright.delivery.tables import DeliveryRow
from billwright.documents.after_issue import tell
from billwright.issuing.errors import CreditReasonError, NotVoidableError
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, NotFoundError, SelfApprovalError
from billwright.kernel.ids import new_id
from billwright.posting.tables import PostingRow
from billwright.receivables.accounts import read_books
from billwright.receivables.journal import Entry, Line, book
from billwright.receivables.queries import lock_receivables, receivable_of
from billwright.receivables.tables import JournalEntryRow, JournalLineRow, ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

Decision = Literal["void", "refuse"]
MAY_DECIDE: Final = "invoice:approve_finance"


def ask_void(
    database: Database, tenant: Tenant, actor: Actor, invoice_id: UUID, *, reason: str, trace_id: str | None = None
) -> UUID:
    """Ask that the invoice is voided; another person decides. Nothing moves until then.

    Raises:
        PermissionDeniedError: without ``invoice:write``.
        NotFoundError: no such issued invoice here.
        NotVoidableError: others have it already.
        CreditReasonError: no reason.
        SelfApprovalError: asked by nobody in person.
        ConflictError: somebody asked already.
    """
    actor.require("invoice:write")
    if not reason.strip():
        raise CreditReasonError("Say why the invoice is to be voided: whoever decides has to know.", field="reason")
    if actor.person_id is None:
        raise SelfApprovalError("Only a person can ask for it; log in, or use a token that was made by a person.")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        invoice, _ = _lock(tx, invoice_id)
        _refuse_known(tx, invoice)
        if _asked(tx, invoice_id) is not None:
            raise ConflictError(f"Invoice {invoice.number} is asked to be voided already; somebody else has to decide.")
        request_id = new_id()
        row = {
            "id": request_id, "invoice_id": invoice_id, "state": "asked", "reason": reason.strip(), "asked_at": tx.now,
            "asked_by": actor.person_id, "asked_by_name": actor.name, "asked_by_email": (actor.email or "").lower() or None,
        }  # fmt: skip
        tx.session.execute(insert(VoidRequestRow), [row])
        record(tx, "void.asked", "invoice", invoice_id, after={"request": request_id}, reason=reason.strip())
        tell(tx, invoice_id, "void.asked", f"Asked to be voided: {reason.strip()}")
        return request_id


def decide_void(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    invoice_id: UUID,
    *,
    decision: Decision,
    trace_id: str | None = None,
) -> None:
    """Void the invoice, or refuse that. Its items are released, its receivable closed, its entry reversed.

    Raises:
        PermissionDeniedError: without ``invoice:approve_finance``.
        NotFoundError: no such issued invoice here.
        ConflictError: nobody asked.
        SelfApprovalError: decided by nobody in person, or by who asked.
        NotVoidableError: others have it by now.
    """
    actor.require(MAY_DECIDE)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        contracts = select(InvoiceLineRow.contract_id).where(InvoiceLineRow.invoice_id == invoice_id).distinct()
        lock_billing(tx, tx.session.scalars(contracts).all())
        invoice, receivable = _lock(tx, invoice_id)
        request = _asked(tx, invoice_id)
        if request is None:
            raise ConflictError(f"Nobody asked that invoice {invoice.number} is voided.")
        own = {str(request.asked_by), request.asked_by_email} & identities(actor)
        if actor.person_id is None or own:
            raise SelfApprovalError("You asked that this invoice is voided; somebody else has to decide.")
        request.state = "done" if decision == "void" else "refused"
        request.decided_at, request.decided_by, request.decided_by_name = tx.now, actor.person_id, actor.name
        if decision == "refuse":
            record(tx, "void.refused", "invoice", invoice_id, after={"request": request.id})
            tell(tx, invoice_id, "void.refused", "It is not voided.")
            return
        _refuse_known(tx, invoice)
        _void(tx, invoice, receivable, request.reason)


def _lock(tx: Tx, invoice_id: UUID) -> tuple[InvoiceRow, ReceivableRow]:
    """Receivable, then invoice, as payments do; deliveries and postings wait for the invoice."""
    found = receivable_of(tx, invoice_id)
    if found is None:
        raise NotFoundError("There is no such issued invoice here.")
    receivable = lock_receivables(tx, [found.id])[0]
    query = select(InvoiceRow).where(InvoiceRow.id == invoice_id).with_for_update()
    return tx.session.scalars(query.execution_options(populate_existing=True)).one(), receivable


def _asked(tx: Tx, invoice_id: UUID) -> VoidRequestRow | None:
    query = select(VoidRequestRow).where(VoidRequestRow.invoice_id == invoice_id, VoidRequestRow.state == "asked")
    return tx.session.scalars(query).one_or_none()


def _refuse_known(tx: Tx, invoice: InvoiceRow) -> None:
    if invoice.document_type == CREDIT_NOTE:
        raise NotVoidableError("A credit note is not voided; bill again what it took back.")
    if invoice.phase != "issued":
        raise NotVoidableError(f"Invoice {invoice.number} is {invoice.phase}; credit it instead.")
    known = {
        "sent to the customer": exists().where(
            DeliveryRow.subject_id == invoice.id, DeliveryRow.state.not_in(("refused",))
        ),
        "posted": exists().where(PostingRow.invoice_id == invoice.id, PostingRow.state != "rejected"),
        "paid in part": exists().where(
            ReceivableRow.invoice_id == invoice.id, ReceivableRow.open_minor != ReceivableRow.gross_minor
        ),
        "credited": exists().where(InvoiceRow.credits_invoice_id == invoice.id, InvoiceRow.phase != "void"),
    }
    answers = tx.session.execute(select(*(each.label(f"a{n}") for n, each in enumerate(known.values())))).one()
    told = [what for what, holds in zip(known, answers, strict=True) if holds]
    if told:
        raise NotVoidableError(
            f"Invoice {invoice.number} is {' and '.join(told)}, or that is on its way; credit it instead."
        )


def _void(tx: Tx, invoice: InvoiceRow, receivable: ReceivableRow, reason: str) -> None:
    before = {"phase": invoice.phase, "number": invoice.number}
    invoice.phase, invoice.detail, invoice.phase_since, invoice.updated_at = "void", "voided", tx.now, tx.now
    receivable.open_minor, receivable.settled_at = 0, tx.now
    tx.session.flush()
    release_voided(tx, invoice)
    query = (
        select(JournalLineRow)
        .join(JournalEntryRow, JournalEntryRow.id == JournalLineRow.entry_id)
        .where(JournalEntryRow.subject_id == invoice.id)
        .order_by(JournalLineRow.id)
    )
    lines = tuple(
        Line(
            account=row.account,
            currency=row.currency,
            amount_minor=-row.amount_minor,
            receivable_id=row.receivable_id,
            role=row.role,
        )
        for row in tx.session.scalars(query)
    )
    today = read_books(tx)[invoice.legal_entity_id].today(tx.now)
    entry = Entry(
        legal_entity_id=invoice.legal_entity_id, kind="void", subject_id=invoice.id, booked_on=today, lines=lines
    )
    book(tx, [entry])
    record(tx, "invoice.void", "invoice", invoice.id, before=before, after={"phase": "void"}, reason=reason)
    tell(tx, invoice.id, "invoice.void", f"Voided; its number stays used. {reason}")
