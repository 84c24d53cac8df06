"""Use case: a dispute ends. The invoice stands (upheld) or the customer takes the objection back (withdrawn).

When the customer is right, a credit note says so; a dispute is not settled by forgetting the amount.
"""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from billwright.audit.record import entry_values, record, record_many
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import LegalEntityRow
from billwright.collections.errors import DisputeClosedError, DisputeReasonError
from billwright.collections.events import DisputesResolved
from billwright.collections.position import next_morning
from billwright.collections.remind import Debtor, policy_of, timer
from billwright.collections.tables import DisputeRow
from billwright.documents.after_issue import tell
from billwright.jobs.enqueue import enqueue, publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.money import Money
from billwright.posting.tables import PostingRow
from billwright.receivables.queries import lock_receivables
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

Resolution = Literal["upheld", "withdrawn"]
PAID: Final = "The invoice was paid in full."


def resolve_dispute(
    database: Database, tenant: Tenant, actor: Actor, dispute_id: UUID, *, resolution: Resolution, reason: str
) -> None:
    """End the dispute; its amount is asked for again from the next morning on.

    With the last dispute the invoice goes back to where it was: ``issued``, or ``posted`` if the ERP has it by now.

    Raises:
        PermissionDeniedError: without ``dispute:write``.
        NotFoundError: no such dispute.
        DisputeClosedError: it was resolved before.
        DisputeReasonError: no reason.
    """
    actor.require("dispute:write")
    if not reason.strip():
        raise DisputeReasonError("Say how it was settled: the customer may ask.", field="reason")
    with transaction(database, tenant, actor) as tx:
        owed = tx.session.scalars(select(DisputeRow.receivable_id).where(DisputeRow.id == dispute_id)).one_or_none()
        if owed is None:
            raise NotFoundError("There is no such dispute here.")
        receivable = lock_receivables(tx, [owed])[0]
        dispute = tx.session.scalars(select(DisputeRow).where(DisputeRow.id == dispute_id)).one()
        if dispute.state != "open":
            raise DisputeClosedError(f"This dispute was {dispute.state} before; open another one if need be.")
        dispute.state, dispute.resolution = resolution, reason.strip()
        dispute.resolved_at, dispute.resolved_by = tx.now, actor.name
        tx.session.flush()
        amount = Money(dispute.amount_minor, receivable.currency)
        record(
            tx, "dispute.resolved", "dispute", dispute_id,
            before={"state": "open"}, after={"state": resolution}, reason=reason.strip(),
        )  # fmt: skip
        tell(
            tx, dispute.invoice_id, f"dispute.{resolution}", f"Dispute over {amount} {resolution}: {reason.strip()}",
            dispute_id=dispute_id,
        )  # fmt: skip
        return_invoice(tx, dispute)
        _ask_again(tx, receivable)
        publish(tx, DisputesResolved(dispute_ids=(dispute_id,), invoice_ids=(dispute.invoice_id,)))


def return_invoice(tx: Tx, dispute: DisputeRow) -> None:
    """After the last dispute: back to where the invoice was, or on to where the ERP brought it meanwhile."""
    left = select(func.count()).where(DisputeRow.invoice_id == dispute.invoice_id, DisputeRow.state == "open")
    if tx.session.scalars(left).one():
        return
    states = set(tx.session.scalars(select(PostingRow.state).where(PostingRow.invoice_id == dispute.invoice_id)))
    posted = states == {"posted"}
    phase, detail = ("posted", "posted") if posted else (dispute.phase_before, dispute.detail_before)
    tx.session.execute(
        update(InvoiceRow)
        .where(InvoiceRow.id == dispute.invoice_id, InvoiceRow.phase == "disputed")
        .values(phase=phase, detail=detail, phase_since=tx.now, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )


def _ask_again(tx: Tx, receivable: ReceivableRow) -> None:
    if not policy_of(tx):
        return
    entity = tx.session.scalars(select(LegalEntityRow).where(LegalEntityRow.id == receivable.legal_entity_id)).one()
    debtor = Debtor(receivable.legal_entity_id, receivable.customer_id, receivable.currency)
    enqueue(tx, [timer(debtor, next_morning(ZoneInfo(entity.time_zone), tx.now))])


def close_paid(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Disputes about invoices that were paid in full end as withdrawn, in the caller's transaction."""
    closed = tx.session.execute(
        update(DisputeRow)
        .where(DisputeRow.invoice_id.in_(invoice_ids), DisputeRow.state == "open")
        .values(state="withdrawn", resolved_at=tx.now, resolved_by=tx.actor.name, resolution=PAID)
        .returning(DisputeRow.id, DisputeRow.invoice_id)
        .execution_options(synchronize_session=False)
    ).all()
    if not closed:
        return
    record_many(
        tx,
        [
            entry_values(
                tx, "dispute.resolved", "dispute", row.id,
                before={"state": "open"}, after={"state": "withdrawn"}, reason=PAID,
            )
            for row in closed
        ],
    )  # fmt: skip
    ids = tuple(sorted(row.id for row in closed))
    publish(tx, DisputesResolved(dispute_ids=ids, invoice_ids=tuple(sorted({row.invoice_id for row in closed}))))
