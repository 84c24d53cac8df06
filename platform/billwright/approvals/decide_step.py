"""A person approves a draft or returns it. Nobody decides about what they made or changed: no exemption for anyone."""

from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import select

from billwright.approvals.duties import HAND_IN_WAIVER, TWICE, had_a_hand, lock_invoice, refuse_own_work
from billwright.approvals.errors import ContentChangedError, ReasonMissingError, StepNotOpenError
from billwright.approvals.events import InvoicesApproved
from billwright.approvals.route_drafts import drop_steps, position_of
from billwright.approvals.tables import ApprovalStepRow
from billwright.audit.record import record
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.canon.due import due_after
from billwright.checks.tables import ExceptionRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import SelfApprovalError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

Decision = Literal["approve", "return"]
PERMISSIONS: Final = {"manager": "invoice:approve_manager", "finance": "invoice:approve_finance"}


@dataclass(frozen=True, slots=True)
class Decided:
    """Where the draft stands after the decision."""

    invoice_id: UUID
    phase: str
    detail: str


def decide_step(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    invoice_id: UUID,
    *,
    decision: Decision,
    content_sha256: str,
    reason: str = "",
    trace_id: str | None = None,
) -> Decided:
    """Decide the step that waits on the draft.

    ``content_sha256`` is the hash of what the person looked at; the decision is bound to it.

    Raises:
        NotFoundError: no such invoice here.
        StepNotOpenError: nothing waits for a decision.
        ContentChangedError: the draft is no longer what the person saw.
        PermissionDeniedError: the actor's role does not decide this step.
        SelfApprovalError: the actor made or changed what is billed, decided another step of it, or had a hand in a waiver
            that it passes by.
        ReasonMissingError: a return without a reason.
    """
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        invoice = lock_invoice(tx, invoice_id)
        steps = _steps(tx, invoice_id)
        waiting = [step for step in steps if step.state == "waiting"]
        if invoice.issued_at is not None or not waiting or not invoice.detail.startswith("awaiting_"):
            raise StepNotOpenError("No decision waits on this invoice; open it to see where it stands.")
        step = waiting[0]
        actor.require(PERMISSIONS[step.role])
        _refuse_own_work(tx, actor, invoice_id, steps)
        if content_sha256 != invoice.content_sha256 or step.content_sha256 != invoice.content_sha256:
            raise ContentChangedError("The draft changed since you opened it; look at it again, then decide.")
        if decision == "return":
            return _return(tx, invoice, step, steps, reason.strip())
        return _approve(tx, invoice, step, steps)


def _steps(tx: Tx, invoice_id: UUID) -> list[ApprovalStepRow]:
    query = (
        select(ApprovalStepRow)
        .where(ApprovalStepRow.invoice_id == invoice_id, ApprovalStepRow.state.in_(("waiting", "approved")))
        .order_by(ApprovalStepRow.position)
    )
    return list(tx.session.scalars(query))


def _refuse_own_work(tx: Tx, actor: Actor, invoice_id: UUID, steps: list[ApprovalStepRow]) -> None:
    refuse_own_work(tx, invoice_id)
    if any(step.state == "approved" and step.decided_by == actor.person_id for step in steps):
        raise SelfApprovalError(TWICE)
    if tx.session.scalars(select(had_a_hand(actor, InvoiceRow.id)).where(InvoiceRow.id == invoice_id)).one():
        raise SelfApprovalError(HAND_IN_WAIVER)


def _approve(tx: Tx, invoice: InvoiceRow, step: ApprovalStepRow, steps: list[ApprovalStepRow]) -> Decided:
    _close(tx, step, "approved", None)
    decided = {s.role for s in steps if s.state == "approved"}
    phase, detail = position_of([s.role for s in steps], decided)
    _move(tx, invoice, phase, detail)
    _say(tx, invoice.id, f"approval.{step.role}", f"Approved as {step.role} by {tx.actor.name}.")
    record(
        tx, "invoice.approved", "invoice", invoice.id,
        after={"role": step.role, "content_sha256": step.content_sha256, "phase": phase},
    )  # fmt: skip
    if detail == "approved":
        publish(tx, InvoicesApproved(invoice_ids=(invoice.id,)))
    return Decided(invoice.id, phase, detail)


def _return(tx: Tx, invoice: InvoiceRow, step: ApprovalStepRow, steps: list[ApprovalStepRow], reason: str) -> Decided:
    """Back to the billing clerk with the reason; what others approved of this content is dropped with it."""
    if not reason:
        raise ReasonMissingError("Say why you return the draft: the billing clerk has to mend it.", field="reason")
    _close(tx, step, "returned", reason)
    others = [each for each in steps if each is not step]
    if others:
        drop_steps(tx, others, "returned by another step")
    _move(tx, invoice, "validation_pending", "returned")
    _say(tx, invoice.id, "approval.returned", f"Returned by {tx.actor.name}: {reason}")
    hours = read_configuration(tx).exception_hours
    row: dict[str, Any] = {
        "id": new_id(),
        "subject_kind": "invoice",
        "subject_id": invoice.id,
        "code": "returned",
        "title": "Returned by an approver",
        "reason": reason,
        "remedy": "Mend what the approver names, then submit the draft again.",
        "owner_role": "billing_clerk",
        "amount_minor": invoice.net_minor,
        "currency": invoice.currency,
        "customer_id": invoice.customer_id,
        "technical": False,
        "opened_at": tx.now,
        "due_at": due_after(tx, hours, invoice.legal_entity_id),
    }
    insert_many(tx.session, ExceptionRow, [row])
    record(tx, "exception.opened", "invoice", invoice.id, after={"code": "returned"}, reason=reason)
    record(tx, "invoice.returned", "invoice", invoice.id, after={"role": step.role}, reason=reason)
    return Decided(invoice.id, "validation_pending", "returned")


def _close(tx: Tx, step: ApprovalStepRow, state: str, reason: str | None) -> None:
    step.state, step.reason = state, reason
    step.decided_at, step.decided_by, step.decided_by_name = tx.now, tx.actor.person_id, tx.actor.name
    step.decided_by_email = tx.actor.email.lower() if tx.actor.email else None


def _move(tx: Tx, invoice: InvoiceRow, phase: str, detail: str) -> None:
    if phase != invoice.phase:
        invoice.phase_since = tx.now
    invoice.phase, invoice.detail, invoice.updated_at = phase, detail, tx.now


def _say(tx: Tx, invoice_id: UUID, event: str, text: str) -> None:
    row = {
        "id": new_id(),
        "invoice_id": invoice_id,
        "at": tx.now,
        "event": event,
        "text": text,
        "actor_name": tx.actor.name,
        "facts": {},
    }
    insert_many(tx.session, InvoiceEventRow, [row])
