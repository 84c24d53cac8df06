"""Opening the approval steps of clean drafts, and sending drafts on when nothing is left to decide."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update

from billwright.approvals.events import InvoicesApproved
from billwright.approvals.matrix import Route, route
from billwright.approvals.tables import ApprovalStepRow
from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import ContributorRow, InvoiceEventRow, InvoiceRow
from billwright.canon.due import due_after
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.jobs.enqueue import publish
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx


def route_drafts(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Give clean drafts their steps. Approvals of the very same content stand; those of another content are dropped."""
    drafts = _clean(tx, invoice_ids)
    if not drafts:
        return
    standing = _drop_stale(tx, drafts)
    configuration = read_configuration(tx)
    steps: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    approved: list[UUID] = []
    for row in drafts:
        way = route(
            configuration.approvals,
            legal_entity=row.code,
            customer=row.ref,
            customer_name=row.name,
            net=Money(row.net_minor, row.currency),
        )
        decided = standing.get(row.id, set())
        steps += [
            _step(tx, row, way, position, due_after(tx, configuration.approval_hours, row.legal_entity_id))
            for position, role in enumerate(way.steps)
            if role not in decided
        ]
        phase, detail = position_of(way.steps, decided)
        moves.append({"b_id": row.id, "phase": phase, "detail": detail})
        entries.append(
            entry_values(
                tx,
                "invoice.routed",
                "invoice",
                row.id,
                after={"rule": way.rule, "steps": list(way.steps), "phase": phase, "detail": detail},
            )
        )
        if detail == "approved":
            approved.append(row.id)
    if steps:
        insert_many(tx.session, ApprovalStepRow, steps)
    statement = update(InvoiceRow).where(InvoiceRow.id == bindparam("b_id"))
    statement = statement.values(
        phase=bindparam("phase"), detail=bindparam("detail"), updated_at=tx.now, phase_since=tx.now
    )
    tx.session.connection().execute(statement, moves)
    record_many(tx, entries)
    if approved:
        publish(tx, InvoicesApproved(invoice_ids=tuple(approved)))


def position_of(steps: Sequence[str], decided: set[str]) -> tuple[str, str]:
    """(phase, detail) of a draft whose steps in ``decided`` are approved."""
    if all(step in decided for step in steps):
        return "finance_approved", "approved"
    if "manager" in decided or "manager" not in steps:
        return ("manager_approved" if "manager" in steps else "validation_pending"), "awaiting_finance"
    return "validation_pending", "awaiting_manager"


def _clean(tx: Tx, invoice_ids: Sequence[UUID]) -> list[AnyRow]:
    query = (
        select(
            InvoiceRow.id,
            InvoiceRow.content_sha256,
            InvoiceRow.net_minor,
            InvoiceRow.currency,
            InvoiceRow.legal_entity_id,
            CustomerRow.ref,
            CustomerRow.name,
            LegalEntityRow.code,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(
            InvoiceRow.id.in_(invoice_ids),
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.phase == "validation_pending",
            InvoiceRow.detail == "clean",
        )
        .order_by(InvoiceRow.id)
        .with_for_update(of=InvoiceRow)
    )
    return list(tx.session.execute(query))


def _drop_stale(tx: Tx, drafts: Sequence[AnyRow]) -> dict[UUID, set[str]]:
    """Drop the steps that saw another content, or whose approver has a hand in it by now; return the roles that stand."""
    content = {row.id: row.content_sha256 for row in drafts}
    hands = _contributors(tx, list(content))
    query = select(ApprovalStepRow).where(
        ApprovalStepRow.invoice_id.in_(list(content)), ApprovalStepRow.state.in_(("waiting", "approved"))
    )
    standing: dict[UUID, set[str]] = defaultdict(set)
    stale: list[ApprovalStepRow] = []
    for step in tx.session.scalars(query):
        own = {str(step.decided_by), step.decided_by_email} & hands.get(step.invoice_id, set())
        if step.state == "approved" and step.content_sha256 == content[step.invoice_id] and not own:
            standing[step.invoice_id].add(step.role)
        else:
            stale.append(step)
    if stale:
        drop_steps(tx, stale, "the content changed")
        dropped = [step for step in stale if step.state == "approved"]
        if dropped:
            insert_many(tx.session, InvoiceEventRow, [_dropped_event(tx, step) for step in dropped])
    return standing


def drop_steps(tx: Tx, steps: Sequence[ApprovalStepRow], reason: str) -> None:
    """Waiting or approved steps no longer count."""
    statement = update(ApprovalStepRow).where(ApprovalStepRow.id.in_([step.id for step in steps]))
    before = [{"role": step.role, "state": step.state, "by": step.decided_by_name} for step in steps]
    tx.session.execute(
        statement.values(state="dropped", reason=reason), execution_options={"synchronize_session": False}
    )
    record_many(
        tx,
        [
            entry_values(tx, "approval.dropped", "invoice", step.invoice_id, before=was, reason=reason)
            for step, was in zip(steps, before, strict=True)
        ],
    )


def drop_emptied(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Ask nobody any more about drafts that became void."""
    query = select(ApprovalStepRow).where(
        ApprovalStepRow.invoice_id.in_(invoice_ids), ApprovalStepRow.state.in_(("waiting", "approved"))
    )
    steps = tx.session.scalars(query).all()
    if steps:
        drop_steps(tx, steps, "everything on the draft was withdrawn")


def _contributors(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, set[str | None]]:
    query = select(ContributorRow.invoice_id, ContributorRow.identity).where(ContributorRow.invoice_id.in_(invoice_ids))
    found: dict[UUID, set[str | None]] = defaultdict(set)
    for invoice_id, identity in tx.session.execute(query):
        found[invoice_id].add(identity)
    return found


def _dropped_event(tx: Tx, step: ApprovalStepRow) -> dict[str, Any]:
    text = f"The {step.role} approval by {step.decided_by_name} no longer counts: content or contributors changed."
    return {
        "id": new_id(),
        "invoice_id": step.invoice_id,
        "at": tx.now,
        "event": "approval.dropped",
        "text": text,
        "actor_name": tx.actor.name,
        "facts": {},
    }


def _step(tx: Tx, row: AnyRow, way: Route, position: int, due_at: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "invoice_id": row.id,
        "position": position,
        "role": way.steps[position],
        "rule": way.rule,
        "content_sha256": row.content_sha256,
        "state": "waiting",
        "opened_at": tx.now,
        "due_at": due_at,
    }
