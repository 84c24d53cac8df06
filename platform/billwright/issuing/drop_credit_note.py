"""Use case: the draft of a credit note is given up. What it would have taken back may be credited again."""

from uuid import UUID

from sqlalchemy import delete, select

from billwright.audit.record import record
from billwright.billing.credit_drafts import CREDIT_NOTE
from billwright.billing.events import DraftsEmptied
from billwright.billing.tables import AllocationRow, InvoiceEventRow, InvoiceLineRow, InvoiceRow
from billwright.issuing.errors import NotCreditableError
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, transaction


def drop_credit_note(
    database: Database, tenant: Tenant, actor: Actor, note_id: UUID, *, reason: str, trace_id: str | None = None
) -> None:
    """Give the draft up; it never had a number, so none is missing.

    Raises:
        PermissionDeniedError: without ``invoice:write``.
        NotFoundError: no such credit note here.
        NotCreditableError: it is issued, or given up already.
    """
    actor.require("invoice:write")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        query = select(InvoiceRow).where(InvoiceRow.id == note_id, InvoiceRow.document_type == CREDIT_NOTE)
        note = tx.session.scalars(query.with_for_update()).one_or_none()
        if note is None:
            raise NotFoundError("There is no such credit note here.")
        if note.issued_at is not None or note.phase == "void":
            raise NotCreditableError("Only the draft of a credit note can be given up; this one is issued or void.")
        before = {"phase": note.phase, "gross_minor": note.gross_minor}
        tx.session.execute(delete(AllocationRow).where(AllocationRow.invoice_id == note_id))
        tx.session.execute(delete(InvoiceLineRow).where(InvoiceLineRow.invoice_id == note_id))
        note.phase, note.detail, note.phase_since, note.updated_at = "void", "dropped", tx.now, tx.now
        note.net_minor = note.tax_minor = note.gross_minor = 0
        said = {"id": new_id(), "invoice_id": note_id, "at": tx.now, "event": "draft.void", "actor_name": actor.name}
        text = f"The draft was given up: {reason.strip()}" if reason.strip() else "The draft was given up."
        insert_many(tx.session, InvoiceEventRow, [{**said, "text": text, "facts": {}}])
        record(tx, "invoice.void", "invoice", note_id, before=before, after={"phase": "void"}, reason=reason.strip())
        publish(tx, DraftsEmptied(invoice_ids=(note_id,)))
