"""Use cases: a second person approves or rejects a correction of a held message; who proposed it takes it back."""

from typing import Final, Literal
from uuid import UUID

from sqlalchemy import select, update

from billwright.audit.record import record
from billwright.intake.lock_held import check_reason, desk_row, lock_message
from billwright.intake.mapping import Stored
from billwright.intake.propose_correction import hash_of
from billwright.intake.retry_messages import PEOPLE_FIRST, retry_job
from billwright.intake.tables import CorrectionDecisionRow, HeldMessageRow, MessageCorrectionRow, SourceMessageRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError, NotFoundError, SelfApprovalError
from billwright.kernel.ids import show
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

CorrectionDecision = Literal["approve", "reject"]
_PAST: Final = {"approve": "approved", "reject": "rejected"}
OWN: Final = "You proposed this correction; somebody else has to decide about it."


def decide_correction(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    correction_id: UUID,
    *,
    decision: CorrectionDecision,
    reason: str,
    trace_id: str | None = None,
) -> UUID:
    """Approve or reject; return the message's identifier. Approved, a job maps the corrected content at once.

    It is applied like any message, in the place of the one that it corrects: newer facts stand.

    Raises:
        PermissionDeniedError: without ``message:decide``.
        SelfApprovalError: the actor proposed it, or is nobody in person.
        NotFoundError: no such correction here.
        ConflictError: it is decided already, or the message is no longer what was corrected.
        InputInvalidError: no reason.
    """
    actor.require("message:decide")
    if actor.kind == "system" or actor.person_id is None:
        raise SelfApprovalError("Only a person can decide; log in, or use a token that was made by a person.")
    why = check_reason(reason, "why; it stays with the correction")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        correction = _find(tx, correction_id)
        if _is_own(actor, correction):
            raise SelfApprovalError(OWN)
        message, desk = _open(tx, correction)
        _decide(tx, correction, desk, _PAST[decision], why)
        if decision == "approve":
            if hash_of(message) != correction.before_sha256:
                raise ConflictError("The message's content was corrected otherwise meanwhile; propose it anew.")
            statement = update(SourceMessageRow).where(SourceMessageRow.id == message.id)
            tx.session.execute(statement.values(correction_id=correction.id))
            enqueue(tx, [retry_job([message.id], priority=PEOPLE_FIRST)])
    return correction.message_id


def withdraw_correction(
    database: Database, tenant: Tenant, actor: Actor, correction_id: UUID, *, reason: str, trace_id: str | None = None
) -> UUID:
    """Take one's own correction back before it is decided; return the message's identifier.

    Raises:
        PermissionDeniedError: without ``message:correct``.
        NotFoundError: no such correction here.
        ConflictError: somebody else proposed it, or it is decided already.
        InputInvalidError: no reason.
    """
    actor.require("message:correct")
    why = check_reason(reason, "why; it stays with the correction")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        correction = _find(tx, correction_id)
        if actor.person_id is None or actor.person_id != correction.proposed_by:
            raise ConflictError(
                f"{correction.proposed_by_name} proposed this; only they can take it back. Reject it instead."
            )
        _, desk = _open(tx, correction)
        _decide(tx, correction, desk, "withdrawn", why)
    return correction.message_id


def _find(tx: Tx, correction_id: UUID) -> MessageCorrectionRow:
    row = tx.session.get(MessageCorrectionRow, correction_id)
    if row is None:
        raise NotFoundError(f"There is no correction {show('cor', correction_id)} here.")
    return row


def _is_own(actor: Actor, correction: MessageCorrectionRow) -> bool:
    """By person, and by e-mail: a person of the partner may be known under two identifiers."""
    same_mail = actor.email is not None and actor.email.lower() == correction.proposed_by_email
    return actor.person_id == correction.proposed_by or same_mail


def _open(tx: Tx, correction: MessageCorrectionRow) -> tuple[Stored, HeldMessageRow]:
    """The message whose correction waits and its row on the desk, locked: the second to decide sees the first decision."""
    message = lock_message(tx, correction.message_id)
    query = select(CorrectionDecisionRow).where(CorrectionDecisionRow.correction_id == correction.id)
    decided = tx.session.scalars(query).one_or_none()
    if decided is not None:
        raise ConflictError(f"This correction is {decided.decision} already, by {decided.decided_by_name}.")
    desk = desk_row(tx, message)
    if message.state != "held" or desk.proposal_id != correction.id:
        raise ConflictError(f"The message is {message.state} by now; there is nothing to correct.")
    return message, desk


def _decide(tx: Tx, correction: MessageCorrectionRow, desk: HeldMessageRow, decision: str, reason: str) -> None:
    row = {
        "correction_id": correction.id,
        "decision": decision,
        "reason": reason,
        "decided_at": tx.now,
        "decided_by": tx.actor.person_id,
        "decided_by_name": tx.actor.name,
        "proposed_by": correction.proposed_by,
    }
    insert_many(tx.session, CorrectionDecisionRow, [row])
    desk.proposal_id = None
    record(
        tx, f"correction.{decision}", "message", correction.message_id, reason=reason,
        before={"sha256": correction.before_sha256, "proposed_by": correction.proposed_by_name},
        after={"sha256": correction.after_sha256, "correction": show("cor", correction.id)},
    )  # fmt: skip
