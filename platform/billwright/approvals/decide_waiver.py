"""A second person lets a blocking finding pass, or does not. Nobody decides about their own wish or their own work."""

from typing import Literal
from uuid import UUID

from sqlalchemy import select

from billwright.approvals.ask_waiver import event
from billwright.approvals.duties import identities, lock_invoice
from billwright.approvals.errors import ContentChangedError, ReasonMissingError, WaiverNotOpenError
from billwright.approvals.tables import ApprovalStepRow
from billwright.approvals.waivers import hindrance_of_waiver
from billwright.audit.record import record
from billwright.billing.events import DraftsChanged
from billwright.billing.tables import ContributorRow, InvoiceEventRow, InvoiceRow
from billwright.checks.tables import WaiverRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError, SelfApprovalError
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

WaiverDecision = Literal["grant", "refuse"]


def decide_waiver(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    waiver_id: UUID,
    *,
    decision: WaiverDecision,
    reason: str,
    trace_id: str | None = None,
) -> None:
    """Grant or refuse a waiver. Granted, the draft is checked again at once, and the finding no longer holds it.

    Raises:
        NotFoundError: no such waiver here.
        ReasonMissingError: there is no reason.
        WaiverNotOpenError: it is decided or dropped already.
        ContentChangedError: the draft changed since it was asked for.
        SelfApprovalError: the actor asked for it, made or changed what is billed, approved a step of the draft, or is not
            a person of this firm.
        PermissionDeniedError: needs ``waiver:decide``.
    """
    actor.require("waiver:decide")
    if not reason.strip():
        raise ReasonMissingError("Say why: the reason stays with the finding.", field="reason")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        invoice, waiver = _locked(tx, waiver_id)
        if waiver.state != "waiting":
            raise WaiverNotOpenError(f"This waiver is {waiver.state} already; look at the invoice again.")
        if invoice.content_sha256 != waiver.content_sha256:
            raise ContentChangedError("The draft changed since the waiver was asked for; it has to be asked for again.")
        _refuse_own(tx, waiver)
        waiver.state = "granted" if decision == "grant" else "refused"
        waiver.decided_at, waiver.decided_by, waiver.decided_by_name = tx.now, actor.person_id, actor.name
        waiver.decided_by_email = actor.email.lower() if actor.email else None
        waiver.decision_reason = reason.strip()
        verb = "lets pass" if decision == "grant" else "does not let pass"
        text = f"{actor.name} {verb}: {waiver.message} Reason: {reason.strip()}"
        name = f"waiver.{waiver.state}"
        insert_many(tx.session, InvoiceEventRow, [event(tx, invoice.id, name, text, waiver_id)])
        record(
            tx, name, "invoice", invoice.id, before={"state": "waiting", "asked_by": waiver.asked_by_name},
            reason=reason.strip(),
            after={"state": waiver.state, "code": waiver.code, "content_sha256": waiver.content_sha256, "waiver": str(waiver_id)},
        )  # fmt: skip
        if decision == "grant":
            publish(tx, DraftsChanged(invoice_ids=(invoice.id,)))


def _locked(tx: Tx, waiver_id: UUID) -> tuple[InvoiceRow, WaiverRow]:
    """Both as they stand once the invoice is locked: checks and other decisions lock the invoice first, too."""
    found = tx.session.scalars(select(WaiverRow.invoice_id).where(WaiverRow.id == waiver_id)).one_or_none()
    if found is None:
        raise NotFoundError("There is no such waiver here.")
    invoice = lock_invoice(tx, found)
    return invoice, tx.session.scalars(select(WaiverRow).where(WaiverRow.id == waiver_id).with_for_update()).one()


def _refuse_own(tx: Tx, waiver: WaiverRow) -> None:
    actor = tx.actor
    own = select(ContributorRow.why).where(
        ContributorRow.invoice_id == waiver.invoice_id, ContributorRow.identity.in_(identities(actor))
    )
    approved = select(ApprovalStepRow.id).where(
        ApprovalStepRow.invoice_id == waiver.invoice_id,
        ApprovalStepRow.state == "approved",
        ApprovalStepRow.decided_by == actor.person_id,
    )
    hindrance = hindrance_of_waiver(
        actor, waiver, tx.session.scalars(own).first(), approved=tx.session.scalars(approved).first() is not None
    )
    if hindrance:
        raise SelfApprovalError(hindrance)
