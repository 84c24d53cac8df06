"""Use case of jobs: one mail as a saga step - intent, act, outcome - by the mail server or into the embedded mailbox.

A delivery in state ``intended`` with attempts may have gone out without our knowing it: the worker died between the
server's answer and the outcome, or the server broke off. It is sent again under the same Message-ID, and the outcome
says so; losing a document would be worse than sending it twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import record
from billwright.billing.tables import InvoiceRow
from billwright.delivery.message import MailToSend, build_message, message_id, wire_address
from billwright.delivery.smtp import MailRefusedError, MailServer, UnclearError, hand_over
from billwright.delivery.tables import DeliveryRow, MailboxRow
from billwright.documents.after_issue import close_exceptions, open_exception
from billwright.documents.store import FileStore
from billwright.extension.connectors import TransientError
from billwright.kernel import tracing
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

DeliveryState = Literal["intended", "sent", "failed", "refused"]
REFUSED: Final = "delivery_refused"
MEND_RECIPIENT: Final = "Mend the customer's billing e-mail, then retry."
MEND_SENDER: Final = "Set a support e-mail in the brand that the mail server may send for, then retry."
MEND_MESSAGE: Final = "Ask the customer's mail administrator why, or deliver the document another way; then retry."
_REMEDIES: Final = {"recipient": MEND_RECIPIENT, "sender": MEND_SENDER, "message": MEND_MESSAGE}


@dataclass(frozen=True, slots=True)
class Post:
    """What sending needs, wired once per process. Without a ``server`` mail goes to the embedded mailbox."""

    database: Database
    store: FileStore
    server: MailServer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attempt; ``remedy`` is set when a person must do something."""

    delivery_id: UUID
    state: DeliveryState
    recipient: str
    text: str
    remedy: str = ""


Afterwards = Callable[[Tx, Outcome], None]


@dataclass(frozen=True, slots=True)
class _Intent:
    id: UUID
    attempt: int
    maybe_sent: bool
    """An earlier attempt ended without our knowing how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    state: DeliveryState
    text: str
    remedy: str = ""
    failure: TransientError | None = None


def send_mail(
    post: Post, tenant: Tenant, mail: MailToSend, *, afterwards: Afterwards | None = None, trace_id: str | None = None
) -> None:
    """Send ``mail`` unless it was sent or refused before. ``afterwards`` runs in the transaction that records the outcome.

    Raises:
        TransientError: not now; the attempt is recorded.
        DocumentDamagedError: an attachment is missing; nothing was sent.
    """
    sender, recipient = wire_address(mail.sender_email), wire_address(mail.recipient)
    reference = message_id(tenant.id, mail.key, sender or "")
    bodies = {each.sha256: post.store.read(tenant.id, each.sha256) for each in mail.attachments}
    with transaction(post.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        intent = _intend(tx, mail, reference)
        if intent is None:
            return
        attempt = _address_fault(mail, recipient, sender, needs_sender=post.server is not None)
        if attempt is None and post.server is None:
            attempt = _keep(tx, mail, intent, bodies)
        if attempt is not None:
            _tell(attempt)
            _conclude(tx, mail, intent, attempt, afterwards)
            return
        at = tx.now
    assert post.server is not None
    assert sender is not None
    assert recipient is not None
    message = build_message(mail, sender=sender, recipient=recipient, reference=reference, at=at, bodies=bodies)
    attempt = _act(post.server, message, sender, recipient, intent)
    _tell(attempt)
    with transaction(post.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        _conclude(tx, mail, intent, attempt, afterwards)
    if attempt.failure is not None:
        raise attempt.failure


def _tell(attempt: _Attempt) -> None:
    if attempt.state == "refused":
        tracing.refused("mail")


def _intend(tx: Tx, mail: MailToSend, reference: str) -> _Intent | None:
    """The intent row, one attempt further; ``None`` when there is nothing left to do."""
    fresh = {
        "id": new_id(),
        "key": mail.key,
        "subject_kind": mail.subject_kind,
        "subject_id": mail.subject_id,
        "channel": "email",
        "recipient": mail.recipient,
        "state": "intended",
        "attempts": 0,
        "message_ref": reference,
        "intended_at": tx.now,
    }
    tx.session.execute(upsert(DeliveryRow).values([fresh]).on_conflict_do_nothing(index_elements=["key"]))
    row = tx.session.scalars(select(DeliveryRow).where(DeliveryRow.key == mail.key).with_for_update()).one()
    if row.state in {"sent", "refused"}:
        return None
    invoice = select(InvoiceRow.phase).where(InvoiceRow.id == mail.subject_id).with_for_update(read=True)
    if mail.subject_kind == "invoice" and tx.session.scalars(invoice).one_or_none() == "void":
        row.state, row.outcome, row.finished_at = "refused", "The invoice is void.", tx.now
        record(tx, "delivery.intended", "delivery", row.id, after={"key": mail.key, "state": "refused"})
        return None
    maybe_sent = row.state == "intended" and row.attempts > 0
    if row.attempts == 0:
        record(tx, "delivery.intended", "delivery", row.id, after={"key": mail.key, "recipient": mail.recipient})
    row.state, row.attempts, row.recipient = "intended", row.attempts + 1, mail.recipient
    if not maybe_sent:
        row.message_ref = reference  # after an attempt that may have arrived, the repeat must stay recognisable
    return _Intent(row.id, row.attempts, maybe_sent)


def _address_fault(
    mail: MailToSend, recipient: str | None, sender: str | None, *, needs_sender: bool
) -> _Attempt | None:
    if not mail.recipient.strip():
        return _Attempt(state="refused", text="The customer has no billing e-mail.", remedy=MEND_RECIPIENT)
    if recipient is None:
        text = f"{mail.recipient!r} is not an address that mail servers take."
        return _Attempt(state="refused", text=text, remedy=MEND_RECIPIENT)
    if sender is None and needs_sender:
        return _Attempt(state="refused", text="The firm has no address to send from.", remedy=MEND_SENDER)
    return None


def _keep(tx: Tx, mail: MailToSend, intent: _Intent, bodies: dict[str, bytes]) -> _Attempt:
    """Into the embedded mailbox, in the transaction of the outcome: exactly once."""
    attachments = [
        {
            "name": each.name,
            "media_type": each.media_type,
            "sha256": each.sha256,
            "size_bytes": len(bodies[each.sha256]),
        }
        for each in mail.attachments
    ]
    row = {
        "id": new_id(),
        "delivery_id": intent.id,
        "at": tx.now,
        "sender": f"{mail.sender_name} <{mail.sender_email}>" if mail.sender_email else mail.sender_name,
        "recipient": mail.recipient,
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        "attachments": attachments,
    }
    tx.session.execute(insert(MailboxRow), [row])
    return _Attempt(state="sent", text="Kept in the mailbox, because no mail server is set.")


def _act(server: MailServer, message: EmailMessage, sender: str, recipient: str, intent: _Intent) -> _Attempt:
    """Hand it over, outside of any transaction; every way in which it can end becomes an attempt to record."""
    try:
        answer = hand_over(server, message, sender=sender, recipient=recipient)
    except MailRefusedError as error:
        return _Attempt(state="refused", text=str(error), remedy=_REMEDIES[error.who])
    except UnclearError as error:
        return _Attempt(state="intended", text=f"{error} It is sent again under the same Message-ID.", failure=error)
    except TransientError as error:
        state: DeliveryState = "intended" if intent.maybe_sent else "failed"
        return _Attempt(state=state, text=f"{error} {error.response}".strip(), failure=error)
    text = f"The mail server took it: {answer}"
    if intent.maybe_sent:
        text += (
            ". How an earlier attempt ended is not known, so the recipient may have it twice, both times under the "
            f"Message-ID {message['Message-ID']}."
        )
    return _Attempt(state="sent", text=text)


def _conclude(tx: Tx, mail: MailToSend, intent: _Intent, attempt: _Attempt, afterwards: Afterwards | None) -> None:
    """Write the outcome, its audit entry, and what stands on the desk because of it."""
    final = attempt.state in {"sent", "refused"}
    tx.session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == intent.id)
        .values(state=attempt.state, outcome=attempt.text, finished_at=tx.now if final else None)
        .execution_options(synchronize_session=False)
    )
    verb = attempt.state if final else "failed"
    facts = {"key": mail.key, "recipient": mail.recipient, "attempt": intent.attempt, "outcome": attempt.text}
    record(tx, f"delivery.{verb}", "delivery", intent.id, after=facts)
    if attempt.state == "sent":
        close_exceptions(tx, intent.id, REFUSED, how="It was sent.")
    if attempt.state == "refused":
        open_exception(
            tx,
            subject_kind="delivery",
            subject_id=intent.id,
            code=REFUSED,
            title="E-mail could not be delivered",
            reason=attempt.text,
            remedy=attempt.remedy,
            invoice_id=mail.subject_id if mail.subject_kind == "invoice" else None,
        )
    if afterwards is not None:
        outcome = Outcome(
            delivery_id=intent.id,
            state=attempt.state,
            recipient=mail.recipient,
            text=attempt.text,
            remedy=attempt.remedy,
        )
        afterwards(tx, outcome)
