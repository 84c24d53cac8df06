"""Numbers of the rail: one query for all of them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ScalarSelect, func, select

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.insight.figures import POSTING_STUCK
from billwright.intake.tables import SourceMessageRow
from billwright.posting.tables import PostingRow
from billwright.tenancy.transaction import Tx

__all__ = ["POSTING_STUCK", "ShellCounts", "shell_counts"]


@dataclass(frozen=True, slots=True)
class ShellCounts:
    """What waits, by the name that a room counts by."""

    exceptions: int = 0
    approvals: int = 0
    held: int = 0
    failed: int = 0

    def of(self, name: str) -> int:
        return int(getattr(self, name)) if name else 0


def shell_counts(tx: Tx) -> ShellCounts:
    roles = [role for role, permission in PERMISSIONS.items() if tx.actor.may(permission)]
    query = select(
        _count(select(func.count()).select_from(ExceptionRow).where(ExceptionRow.closed_at.is_(None))),
        _count(
            select(func.count())
            .select_from(ApprovalStepRow)
            .join(InvoiceRow, InvoiceRow.id == ApprovalStepRow.invoice_id)
            .where(
                ApprovalStepRow.state == "waiting",
                ApprovalStepRow.role.in_(roles),
                InvoiceRow.detail == func.concat("awaiting_", ApprovalStepRow.role),
            )
        ),
        _count(select(func.count()).select_from(SourceMessageRow).where(SourceMessageRow.state == "held")),
        _count(select(func.count()).select_from(PostingRow).where(PostingRow.state.in_(POSTING_STUCK))),
    )
    return ShellCounts(*tx.session.execute(query).one())


def _count(query: Any) -> ScalarSelect[int]:
    counted: ScalarSelect[int] = query.scalar_subquery()
    return counted
