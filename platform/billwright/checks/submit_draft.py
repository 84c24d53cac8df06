"""Submitting a draft to the checks again, by a person."""

from uuid import UUID

from sqlalchemy import select, update

from billwright.audit.record import record
from billwright.billing.events import DraftsChanged
from billwright.billing.tables import InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def submit_draft(
    database: Database, tenant: Tenant, actor: Actor, invoice_id: UUID, *, trace_id: str | None = None
) -> None:
    """Send a held or returned draft, or one that could not be issued, through the checks again.

    Raises:
        NotFoundError: no such invoice here.
        ConflictError: it is issued, void, or already on its way.
        PermissionDeniedError: needs ``invoice:submit``.
    """
    actor.require("invoice:submit")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        query = select(InvoiceRow).where(InvoiceRow.id == invoice_id).with_for_update()
        row = tx.session.scalars(query).one_or_none()
        if row is None:
            raise NotFoundError("There is no such invoice here.")
        if row.detail not in ("blocked", "returned", "issue_failed"):
            raise ConflictError(f"This invoice is {row.phase.replace('_', ' ')}; only a held draft can be submitted.")
        before = row.detail
        if row.phase != "validation_pending":
            row.phase_since = tx.now
        row.phase, row.detail, row.updated_at = "validation_pending", "submitted", tx.now
        closing = update(ExceptionRow).where(
            ExceptionRow.subject_id == invoice_id, ExceptionRow.code == "returned", ExceptionRow.closed_at.is_(None)
        )
        closing = closing.values(closed_at=tx.now, closed_how=f"submitted again by {actor.name}")
        for code in tx.session.scalars(closing.returning(ExceptionRow.code)):
            record(tx, "exception.closed", "invoice", invoice_id, after={"code": code})
        record(tx, "invoice.submitted", "invoice", invoice_id, before={"detail": before}, after={"detail": "submitted"})
        publish(tx, DraftsChanged(invoice_ids=(invoice_id,)))
