"""Use case: part of an invoice is contested. Only that amount leaves the reminders; the rest is asked for."""

from uuid import UUID

from sqlalchemy import func, insert, select, update

from billwright.audit.record import record
from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.collections.errors import DisputeAmountError, DisputeReasonError, InvoiceNotOpenError
from billwright.collections.events import DisputeOpened
from billwright.collections.tables import DisputeRow
from billwright.documents.after_issue import tell
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money, tax_amount
from billwright.receivables.queries import lock_receivables, receivable_of
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

DISPUTABLE = ("issued", "posted", "disputed")


def open_dispute(
    database: Database, tenant: Tenant, actor: Actor, invoice_id: UUID, *, line: int, amount: Money | None, reason: str
) -> UUID:
    """Contest ``amount`` (gross; default: all that can be) of the line at position ``line``; return the dispute.

    Raises:
        PermissionDeniedError: without ``dispute:write``.
        NotFoundError: no such invoice, or no such line on it.
        InvoiceNotOpenError: it is a draft, or nothing is open on it.
        DisputeReasonError: no reason.
        DisputeAmountError: not above zero, more than the line's gross or than what is open, or another currency.
    """
    actor.require("dispute:write")
    if not reason.strip():
        raise DisputeReasonError("Say what is contested: whoever settles it has to know.", field="reason")
    with transaction(database, tenant, actor) as tx:
        receivable = _lock(tx, invoice_id)
        invoice = tx.session.scalars(select(InvoiceRow).where(InvoiceRow.id == invoice_id)).one()
        if invoice.phase not in DISPUTABLE or receivable.open_minor <= 0:
            raise InvoiceNotOpenError(f"Invoice {invoice.number} is {invoice.phase}; nothing on it can be disputed.")
        contested = _line(tx, invoice_id, line)
        wanted = _amount(tx, receivable, contested, amount)
        phase, detail = _phase_before(tx, invoice)
        dispute_id = new_id()
        row = {
            "id": dispute_id,
            "receivable_id": receivable.id,
            "invoice_id": invoice_id,
            "line_id": contested.id,
            "amount_minor": wanted.minor,
            "reason": reason.strip(),
            "state": "open",
            "opened_at": tx.now,
            "opened_by": actor.name,
            "phase_before": phase,
            "detail_before": detail,
        }
        tx.session.execute(insert(DisputeRow), [row])
        _dispute_invoice(tx, invoice_id)
        after = {"invoice_id": invoice_id, "line": line, "amount_minor": wanted.minor, "currency": wanted.currency}
        record(tx, "dispute.opened", "dispute", dispute_id, after=after, reason=reason.strip())
        tell(
            tx,
            invoice_id,
            "dispute.opened",
            f"{wanted} of line {line} contested: {reason.strip()}",
            dispute_id=dispute_id,
        )
        publish(tx, DisputeOpened(dispute_id=dispute_id, invoice_id=invoice_id))
        return dispute_id


def _lock(tx: Tx, invoice_id: UUID) -> ReceivableRow:
    """The receivable, locked: payments and other disputes of it wait."""
    found = receivable_of(tx, invoice_id)
    if found is None:
        known = tx.session.scalars(select(InvoiceRow.id).where(InvoiceRow.id == invoice_id)).one_or_none()
        if known is None:
            raise NotFoundError("There is no such invoice here.")
        raise InvoiceNotOpenError("This is a draft; return it with a reason instead of disputing it.")
    return lock_receivables(tx, [found.id])[0]


def _line(tx: Tx, invoice_id: UUID, position: int) -> InvoiceLineRow:
    query = select(InvoiceLineRow).where(InvoiceLineRow.invoice_id == invoice_id, InvoiceLineRow.position == position)
    row = tx.session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError(f"The invoice has no line {position}.", field="line")
    return row


def _amount(tx: Tx, receivable: ReceivableRow, line: InvoiceLineRow, amount: Money | None) -> Money:
    """What is contested, within the line's gross and what is open, both less what is contested already."""
    currency = receivable.currency
    net = Money(line.net_minor, currency)
    gross = net + tax_amount(net, line.tax_rate_basis_points)
    query = select(
        func.coalesce(func.sum(DisputeRow.amount_minor).filter(DisputeRow.line_id == line.id), 0),
        func.coalesce(func.sum(DisputeRow.amount_minor), 0),
    ).where(DisputeRow.receivable_id == receivable.id, DisputeRow.state == "open")
    of_line, of_all = (int(each) for each in tx.session.execute(query).one())
    possible = Money(max(0, min(gross.minor - of_line, receivable.open_minor - of_all)), currency)
    wanted = amount if amount is not None else possible
    if wanted.currency != currency or not 0 < wanted.minor <= possible.minor:
        raise DisputeAmountError(
            f"Line {line.position} comes to {gross} with tax; {possible} of it is open and not contested yet. "
            "Contest an amount above zero within that.",
            field="amount",
        )
    return wanted


def _phase_before(tx: Tx, invoice: InvoiceRow) -> tuple[str, str]:
    """Where the invoice goes back to; another open dispute knows it already."""
    query = select(DisputeRow.phase_before, DisputeRow.detail_before).where(
        DisputeRow.invoice_id == invoice.id, DisputeRow.state == "open"
    )
    known = tx.session.execute(query.limit(1)).one_or_none()
    return (known.phase_before, known.detail_before) if known else (invoice.phase, invoice.detail)


def _dispute_invoice(tx: Tx, invoice_id: UUID) -> None:
    tx.session.execute(
        update(InvoiceRow)
        .where(InvoiceRow.id == invoice_id, InvoiceRow.phase != "disputed")
        .values(phase="disputed", detail="awaiting_resolution", phase_since=tx.now, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )
