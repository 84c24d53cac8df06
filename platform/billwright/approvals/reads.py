"""Reads of approvals for the API: the steps that wait for a person, and everything that one invoice rests on."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.duties import HAND_IN_WAIVER, NOBODY, TWICE, had_a_hand, identities, own_work_text
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.reads import invoices
from billwright.billing.tables import ContributorRow, InvoiceRow
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.actor import Actor
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx


def waiting(actor: Actor) -> Select[Any]:
    """Steps that wait for a decision by a role that ``actor`` has, each with its invoice."""
    step = table_of(ApprovalStepRow)
    columns = [column.label(f"step_{column.name}") for column in step.columns]
    roles = [role for role, permission in PERMISSIONS.items() if actor.may(permission)]
    return (
        invoices()
        .add_columns(*columns)
        .join(step, step.c.invoice_id == InvoiceRow.id)
        .where(
            step.c.state == "waiting",
            step.c.role.in_(roles),
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.detail == func.concat("awaiting_", step.c.role),
        )
    )


def due_first(tx: Tx, query: Select[Any], *, limit: int, cursor: str | None) -> Slice[AnyRow]:
    """A page of ``waiting``, the step due first on top.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    place = (ApprovalStepRow.due_at, ApprovalStepRow.id)
    query = query.order_by(*place).limit(limit + 1)
    if cursor is not None:
        query = query.where(tuple_(*place) > tuple_(*read_cursor(cursor, datetime, UUID)))
    return cut_page(tx.session.execute(query).all(), limit, lambda row: (row.step_due_at, row.step_id))


def blocked_because(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Why the actor would be refused a decision about these invoices, in the words of that refusal. Three statements."""
    actor = tx.actor
    if actor.kind == "system" or actor.person_id is None:
        return dict.fromkeys(invoice_ids, NOBODY)
    made = select(ContributorRow.invoice_id, ContributorRow.why).where(
        ContributorRow.invoice_id.in_(invoice_ids), ContributorRow.identity.in_(identities(actor))
    )
    decided = select(ApprovalStepRow.invoice_id).where(
        ApprovalStepRow.invoice_id.in_(invoice_ids),
        ApprovalStepRow.state == "approved",
        ApprovalStepRow.decided_by == actor.person_id,
    )
    waived = select(InvoiceRow.id).where(InvoiceRow.id.in_(invoice_ids), had_a_hand(actor, InvoiceRow.id))
    found = dict.fromkeys(tx.session.scalars(waived), HAND_IN_WAIVER)
    found |= dict.fromkeys(tx.session.scalars(decided), TWICE)
    for invoice_id, why in tx.session.execute(made):
        found[invoice_id] = own_work_text(why)
    return found


def steps_of(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, list[AnyRow]]:
    """All steps, dropped ones too, in the order in which they were opened."""
    step = table_of(ApprovalStepRow)
    query = select(*step.columns).where(step.c.invoice_id.in_(invoice_ids))
    found: defaultdict[UUID, list[AnyRow]] = defaultdict(list)
    for row in tx.session.execute(query.order_by(step.c.opened_at, step.c.position, step.c.id)):
        found[row.invoice_id].append(row)
    return found


def messages_of(tx: Tx, message_ids: Sequence[UUID]) -> list[AnyRow]:
    """Source messages without their data."""
    query = select(
        SourceMessageRow.id,
        SourceMessageRow.source,
        SourceMessageRow.message_id,
        SourceMessageRow.type,
        SourceMessageRow.time,
    ).where(SourceMessageRow.id.in_(message_ids))
    return list(tx.session.execute(query))
