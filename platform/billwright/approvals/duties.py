"""Segregation of duties: who may not decide about an invoice, told the same to the one who tries and to the one who looks."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute

from billwright.billing.tables import ContributorRow, InvoiceRow
from billwright.checks.tables import WaiverRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError, SelfApprovalError
from billwright.tenancy.transaction import Tx

NOBODY: Final = "Only a person can approve; log in, or use a token that was made by a person."
TWICE: Final = "You decided another step of this invoice; a second person has to decide this one."
HAND_IN_WAIVER: Final = (
    "You asked for or granted a waiver by which this invoice passes the checks; somebody else has to approve it."
)


def identities(actor: Actor) -> frozenset[str]:
    """Under which names the actor may have had a hand in a draft."""
    known = {str(actor.person_id)} if actor.person_id else set()
    return frozenset(known | ({actor.email.lower()} if actor.email else set()))


def own_work_text(why: str) -> str:
    return f"You {why} that this invoice bills; somebody else has to approve it."


def lock_invoice(tx: Tx, invoice_id: UUID) -> InvoiceRow:
    """The invoice, locked: decisions about one invoice queue.

    Raises:
        NotFoundError: there is no such invoice here.
    """
    row = tx.session.scalars(select(InvoiceRow).where(InvoiceRow.id == invoice_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError("There is no such invoice here.")
    return row


def refuse_own_work(tx: Tx, invoice_id: UUID) -> None:
    """A token acts for the person who made it; a system, or a token without a person, never decides.

    Raises:
        SelfApprovalError: the actor is nobody in person, or made or changed what the invoice bills.
    """
    actor = tx.actor
    if actor.kind == "system" or actor.person_id is None:
        raise SelfApprovalError(NOBODY)
    query = select(ContributorRow.why).where(
        ContributorRow.invoice_id == invoice_id, ContributorRow.identity.in_(identities(actor))
    )
    why = tx.session.scalars(query).first()
    if why is not None:
        raise SelfApprovalError(own_work_text(why))


def had_a_hand(actor: Actor, invoice_id: ColumnElement[Any] | InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """Whether the actor asked for or granted a waiver that holds for the invoice of the outer query."""
    return exists().where(
        WaiverRow.invoice_id == invoice_id,
        WaiverRow.state == "granted",
        (WaiverRow.asked_by == actor.person_id)
        | (WaiverRow.decided_by == actor.person_id)
        | WaiverRow.asked_by_email.in_(identities(actor))
        | WaiverRow.decided_by_email.in_(identities(actor)),
    )
