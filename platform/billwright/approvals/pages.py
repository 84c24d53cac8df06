"""What the approval inbox shows: what waits for a decision of this person's roles, and what they may not decide and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ScalarSelect, exists, func, select
from sqlalchemy.orm import aliased

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.duties import HAND_IN_WAIVER, had_a_hand, identities, own_work_text
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import ContributorRow, InvoiceRow
from billwright.canon.tables import CustomerRow, LegalEntityRow, ProjectRow
from billwright.kernel.actor import Actor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

ROWS: Final = 100
STANDING: Final = ("waiting", "approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One draft that waits for a decision. ``hindrance`` says why this person may not decide it; empty when they may."""

    invoice_id: UUID
    content_sha256: str
    customer: str
    customer_email: str | None
    entity: str
    project: str | None
    net_minor: int
    gross_minor: int
    currency: str
    role: str
    place: int
    """1 for the first step of this draft."""
    steps: int
    rule: str
    opened_at: datetime
    due_at: datetime
    hindrance: str

    @property
    def last(self) -> bool:
        return self.place == self.steps


def own_work(actor: Actor) -> ScalarSelect[str]:
    """Why the actor may not decide about the invoice of the outer query; null when nothing speaks against it."""
    query = (
        select(func.min(ContributorRow.why))
        .where(ContributorRow.invoice_id == InvoiceRow.id, ContributorRow.identity.in_(identities(actor)))
        .correlate(InvoiceRow)
    )
    return query.scalar_subquery()


def hindrance_of(actor: Actor, why: str | None, *, decided_before: bool, waived: bool = False) -> str:
    """The refusal that ``decide_step`` would give, said before anybody tries."""
    if actor.person_id is None:
        return "Only a person can approve."
    if why is not None:
        return own_work_text(why)
    if decided_before:
        return "You decided another step of it; a second person has to decide this one."
    return HAND_IN_WAIVER if waived else ""


def inbox(tx: Tx) -> list[Waiting]:
    """What waits for the actor's roles, the one due first on top; one query."""
    roles = [role for role, permission in PERMISSIONS.items() if tx.actor.may(permission)]
    other = aliased(ApprovalStepRow)
    standing = (other.invoice_id == InvoiceRow.id) & other.state.in_(STANDING)
    count = select(func.count()).where(standing).correlate(InvoiceRow).scalar_subquery()
    done = select(func.count()).where(standing, other.state == "approved").correlate(InvoiceRow).scalar_subquery()
    decided = exists().where(standing, other.state == "approved", other.decided_by == tx.actor.person_id)
    query = (
        select(
            InvoiceRow,
            ApprovalStepRow.role,
            ApprovalStepRow.rule,
            ApprovalStepRow.opened_at,
            ApprovalStepRow.due_at,
            CustomerRow.name.label("customer"),
            CustomerRow.billing_email,
            LegalEntityRow.name.label("entity"),
            ProjectRow.name.label("project"),
            count.label("steps"),
            done.label("done"),
            own_work(tx.actor).label("why"),
            decided.label("decided"),
            had_a_hand(tx.actor, InvoiceRow.id).label("waived"),
        )
        .join(InvoiceRow, InvoiceRow.id == ApprovalStepRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceRow.project_id)
        .where(
            ApprovalStepRow.state == "waiting",
            ApprovalStepRow.role.in_(roles),
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.detail == func.concat("awaiting_", ApprovalStepRow.role),
        )
        .order_by(ApprovalStepRow.due_at, ApprovalStepRow.id)
        .limit(ROWS)
    )
    return [_waiting(tx.actor, row) for row in tx.session.execute(query)]


def _waiting(actor: Actor, row: AnyRow) -> Waiting:
    invoice: InvoiceRow = row.InvoiceRow
    return Waiting(
        invoice_id=invoice.id,
        content_sha256=invoice.content_sha256,
        customer=row.customer,
        customer_email=row.billing_email,
        entity=row.entity,
        project=row.project,
        net_minor=invoice.net_minor,
        gross_minor=invoice.gross_minor,
        currency=invoice.currency,
        role=row.role,
        place=row.done + 1,
        steps=row.steps,
        rule=row.rule,
        opened_at=row.opened_at,
        due_at=row.due_at,
        hindrance=hindrance_of(actor, row.why, decided_before=row.decided, waived=row.waived),
    )


def steps_of(tx: Tx, invoice_id: UUID) -> list[ApprovalStepRow]:
    """All steps that the invoice ever had, in the order in which they were opened; one query."""
    query = (
        select(ApprovalStepRow)
        .where(ApprovalStepRow.invoice_id == invoice_id)
        .order_by(ApprovalStepRow.opened_at, ApprovalStepRow.position)
    )
    return list(tx.session.scalars(query))
