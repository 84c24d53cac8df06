"""A person asks to let one blocking finding pass, with the reason; a second person decides (``decide_waiver``)."""

from uuid import UUID

from sqlalchemy import select

from billwright.approvals.duties import lock_invoice
from billwright.approvals.errors import ContentChangedError, ReasonMissingError, WaiverNotPossibleError
from billwright.audit.record import record
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.checks.tables import FindingRow, WaiverRow
from billwright.checks.waivers import OPEN, may_be_waived
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction


def ask_waiver(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    invoice_id: UUID,
    *,
    finding_id: UUID,
    content_sha256: str,
    reason: str,
    evidence: str = "",
    trace_id: str | None = None,
) -> UUID:
    """Ask that a finding no longer holds the draft, and return the waiver's identifier.

    ``content_sha256`` is the hash of what the person looked at; the waiver is bound to it and to the finding's words.
    ``evidence`` says where the proof is: a letter, a mail, a link.

    Raises:
        NotFoundError: no such invoice here, or no such finding of it.
        ReasonMissingError: there is no reason.
        ContentChangedError: the draft is no longer what the person saw.
        WaiverNotPossibleError: the draft is not held, the finding is gone or cannot be waived, or it is asked already.
        PermissionDeniedError: needs ``waiver:request``, and a person.
    """
    actor.require("waiver:request")
    if actor.kind == "system" or actor.person_id is None:
        raise PermissionDeniedError("Only a person can ask for a waiver: somebody has to answer for the reason.")
    if not reason.strip():
        raise ReasonMissingError("Say why the finding may pass: a second person decides by it.", field="reason")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        invoice = lock_invoice(tx, invoice_id)
        finding = _finding(tx, invoice_id, finding_id)
        if content_sha256 != invoice.content_sha256:
            raise ContentChangedError("The draft changed since you opened it; look at it again, then ask.")
        _refuse(tx, invoice, finding)
        waiver_id = _store(tx, finding, content_sha256, reason=reason.strip(), evidence=evidence.strip())
        text = f"{actor.name} asks to let pass: {finding.message} Reason: {reason.strip()}"
        insert_many(tx.session, InvoiceEventRow, [event(tx, invoice_id, "waiver.asked", text, waiver_id)])
        record(
            tx, "waiver.asked", "invoice", invoice_id, reason=reason.strip(),
            after={"rule": finding.rule, "code": finding.code, "content_sha256": content_sha256, "waiver": str(waiver_id)},
        )  # fmt: skip
    return waiver_id


def event(tx: Tx, invoice_id: UUID, name: str, text: str, waiver_id: UUID) -> dict[str, object]:
    """A row of the time line."""
    return {
        "id": new_id(),
        "invoice_id": invoice_id,
        "at": tx.now,
        "event": name,
        "text": text,
        "actor_name": tx.actor.name,
        "facts": {"waiver": str(waiver_id)},
    }


def _finding(tx: Tx, invoice_id: UUID, finding_id: UUID) -> FindingRow:
    query = select(FindingRow).where(FindingRow.id == finding_id, FindingRow.invoice_id == invoice_id)
    finding = tx.session.scalars(query).one_or_none()
    if finding is None:
        raise NotFoundError("There is no such finding about this invoice.")
    return finding


def _refuse(tx: Tx, invoice: InvoiceRow, finding: FindingRow) -> None:
    if (invoice.phase, invoice.detail) != ("validation_pending", "blocked"):
        raise WaiverNotPossibleError("This invoice is not held by a check; there is nothing to let pass.")
    if finding.resolved_at is not None or finding.severity != "blocking":
        raise WaiverNotPossibleError("This finding does not hold the draft; look at the invoice again.")
    if finding.technical:
        raise WaiverNotPossibleError(
            "A check that could not run cannot be waived; mend it, then check the draft again."
        )
    if not may_be_waived(read_configuration(tx), finding.rule, finding.code):
        raise WaiverNotPossibleError(
            "Findings of this kind are never let pass here; mend the cause that the finding names.",
            finding=finding.code,
        )
    query = select(WaiverRow.state).where(WaiverRow.finding_id == finding.id, WaiverRow.state.in_(OPEN))
    state = tx.session.scalars(query).one_or_none()
    if state is not None:
        said = "waits for a decision already" if state == "waiting" else "is waived already"
        raise WaiverNotPossibleError(f"This finding {said}.")


def _store(tx: Tx, finding: FindingRow, content_sha256: str, *, reason: str, evidence: str) -> UUID:
    assert tx.actor.person_id is not None
    waiver_id = new_id()
    row = {
        "id": waiver_id,
        "invoice_id": finding.invoice_id,
        "finding_id": finding.id,
        "rule": finding.rule,
        "code": finding.code,
        "subject": finding.subject,
        "message": finding.message,
        "content_sha256": content_sha256,
        "state": "waiting",
        "reason": reason,
        "evidence": evidence,
        "asked_at": tx.now,
        "asked_by": tx.actor.person_id,
        "asked_by_name": tx.actor.name,
        "asked_by_email": tx.actor.email.lower() if tx.actor.email else None,
    }
    insert_many(tx.session, WaiverRow, [row])
    return waiver_id
