"""Reads of waivers: those of one invoice, and those that wait for somebody to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from billwright.approvals.duties import identities, own_work_text
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import ContributorRow, InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.checks.tables import WaiverRow
from billwright.kernel.actor import Actor
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

ROWS: Final = 100
OUTSIDER: Final = "Only a person of the firm itself can decide about a waiver."
OWN_WISH: Final = "You asked for this waiver; a second person has to decide about it."
APPROVED: Final = "You approved a step of this draft; somebody else has to decide what it may pass by."


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWaiver:
    """A waiver that waits. ``hindrance`` says why this person may not decide it; empty when they may."""

    id: UUID
    invoice_id: UUID
    customer: str
    gross_minor: int
    currency: str
    rule: str
    message: str
    reason: str
    evidence: str
    asked_by: str
    asked_at: datetime
    hindrance: str


def waivers() -> Select[Any]:
    return select(*table_of(WaiverRow).columns)


def oldest_first(tx: Tx, query: Select[Any], *, limit: int, cursor: str | None) -> Slice[AnyRow]:
    """A page of ``waivers()``, the one asked for first on top.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    place = (WaiverRow.asked_at, WaiverRow.id)
    query = query.order_by(*place).limit(limit + 1)
    if cursor is not None:
        query = query.where(tuple_(*place) > tuple_(*read_cursor(cursor, datetime, UUID)))
    return cut_page(tx.session.execute(query).all(), limit, lambda row: (row.asked_at, row.id))


def waivers_of(tx: Tx, invoice_id: UUID) -> Sequence[AnyRow]:
    """All waivers that were ever asked for about the invoice, in that order; at most 100."""
    query = waivers().where(WaiverRow.invoice_id == invoice_id).order_by(WaiverRow.asked_at, WaiverRow.id)
    return tx.session.execute(query.limit(ROWS)).all()


def waiting_waivers(tx: Tx, invoice_id: UUID | None = None) -> list[WaitingWaiver]:
    """What waits for a decision by somebody like the actor, the oldest first; one query. None for who decides none.

    ``invoice_id`` narrows it to one invoice.
    """
    actor = tx.actor
    if not actor.may("waiver:decide"):
        return []
    why = select(func.min(ContributorRow.why)).where(
        ContributorRow.invoice_id == WaiverRow.invoice_id, ContributorRow.identity.in_(identities(actor))
    )
    approved = select(func.count()).where(
        ApprovalStepRow.invoice_id == WaiverRow.invoice_id,
        ApprovalStepRow.state == "approved",
        ApprovalStepRow.decided_by == actor.person_id,
    )
    query = (
        select(
            WaiverRow,
            InvoiceRow.gross_minor,
            InvoiceRow.currency,
            CustomerRow.name.label("customer"),
            why.correlate(WaiverRow).scalar_subquery().label("why"),
            approved.correlate(WaiverRow).scalar_subquery().label("approved"),
        )
        .join(InvoiceRow, InvoiceRow.id == WaiverRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(WaiverRow.state == "waiting", InvoiceRow.content_sha256 == WaiverRow.content_sha256)
        .order_by(WaiverRow.asked_at, WaiverRow.id)
        .limit(ROWS)
    )
    if invoice_id is not None:
        query = query.where(WaiverRow.invoice_id == invoice_id)
    return [_waiting(actor, row) for row in tx.session.execute(query)]


def hindrance_of_waiver(actor: Actor, waiver: WaiverRow, why: str | None, *, approved: bool) -> str:
    """Why the actor may not decide; empty when they may. ``why`` is their own work in the invoice."""
    if actor.kind not in ("person", "token") or actor.grant_id is not None or actor.person_id is None:
        return OUTSIDER
    if why is not None:
        return own_work_text(why)
    if {str(waiver.asked_by), waiver.asked_by_email} & identities(actor):
        return OWN_WISH
    return APPROVED if approved else ""


def _waiting(actor: Actor, row: AnyRow) -> WaitingWaiver:
    waiver: WaiverRow = row.WaiverRow
    return WaitingWaiver(
        id=waiver.id,
        invoice_id=waiver.invoice_id,
        customer=row.customer,
        gross_minor=row.gross_minor,
        currency=row.currency,
        rule=waiver.rule,
        message=waiver.message,
        reason=waiver.reason,
        evidence=waiver.evidence,
        asked_by=waiver.asked_by_name,
        asked_at=waiver.asked_at,
        hindrance=hindrance_of_waiver(actor, waiver, row.why, approved=bool(row.approved)),
    )
