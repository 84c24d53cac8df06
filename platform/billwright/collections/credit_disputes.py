"""Disputes that credit notes settle: the customer was right, and the credit note says so."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import func, select, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import AllocationRow, InvoiceLineRow
from billwright.collections.events import DisputesResolved
from billwright.collections.resolve_dispute import return_invoice
from billwright.collections.tables import DisputeRow
from billwright.jobs.enqueue import publish
from billwright.kernel.money import Money, tax_amount
from billwright.receivables.events import CreditsApplied
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

BY_CREDIT = "A credit note settled it."


def close_credited(tx: Tx, event: CreditsApplied) -> None:
    """End the open disputes about lines of which as much was credited as is contested, and all where nothing is owed."""
    invoice_ids = {invoice_id for _, invoice_id in event.pairs}
    query = select(DisputeRow).where(DisputeRow.invoice_id.in_(invoice_ids), DisputeRow.state == "open")
    disputes = list(tx.session.scalars(query.order_by(DisputeRow.id)))
    if not disputes:
        return
    credited = _credited(tx, [note_id for note_id, _ in event.pairs])
    latest = {invoice_id: note_id for note_id, invoice_id in event.pairs}
    closed = [
        (dispute, note_id)
        for dispute in disputes
        if (note_id := latest[dispute.invoice_id])
        and (dispute.invoice_id in event.settled or credited[note_id, dispute.line_id] >= dispute.amount_minor)
    ]
    for dispute, note_id in closed:
        tx.session.execute(
            update(DisputeRow)
            .where(DisputeRow.id == dispute.id)
            .values(
                state="credited",
                resolved_at=tx.now,
                resolved_by=tx.actor.name,
                resolution=BY_CREDIT,
                credit_note_id=note_id,
            )
            .execution_options(synchronize_session=False)
        )
    entries = [
        entry_values(
            tx, "dispute.resolved", "dispute", dispute.id,
            before={"state": "open"}, after={"state": "credited", "credit_note_id": note_id}, reason=BY_CREDIT,
        )
        for dispute, note_id in closed
    ]  # fmt: skip
    record_many(tx, entries)
    for dispute in {dispute.invoice_id: dispute for dispute, _ in closed}.values():
        return_invoice(tx, dispute)
    if closed:
        ids = tuple(sorted(dispute.id for dispute, _ in closed))
        publish(tx, DisputesResolved(dispute_ids=ids, invoice_ids=tuple(sorted({d.invoice_id for d, _ in closed}))))


def _credited(tx: Tx, note_ids: list[UUID]) -> defaultdict[tuple[UUID, UUID], int]:
    """Gross of each credit note per credited line. One statement."""
    taken, original = table_of(AllocationRow), table_of(AllocationRow).alias("original")
    query = (
        select(
            taken.c.invoice_id,
            original.c.line_id,
            InvoiceLineRow.tax_rate_basis_points.label("rate"),
            (-func.sum(taken.c.amount_minor)).label("minor"),
        )
        .join(original, original.c.id == taken.c.credits_id)
        .join(InvoiceLineRow, InvoiceLineRow.id == original.c.line_id)
        .where(taken.c.invoice_id.in_(note_ids))
        .group_by(taken.c.invoice_id, original.c.line_id, InvoiceLineRow.tax_rate_basis_points)
    )
    found: defaultdict[tuple[UUID, UUID], int] = defaultdict(int)
    for row in tx.session.execute(query):
        net = Money(int(row.minor), "EUR")  # minor units: the currency plays no part in a rate
        found[row.invoice_id, row.line_id] = net.minor + tax_amount(net, row.rate).minor
    return found
