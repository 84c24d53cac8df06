"""Numbers of the rail: one query for all of them."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.insight.figures import POSTING_STUCK
from billwright.insight.sums import count, one
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
    return ShellCounts(*tx.session.execute(_statement(), {"roles": roles}).one())


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    """Made once, for every page asks it."""
    waiting = (
        ApprovalStepRow.state == "waiting",
        ApprovalStepRow.role.in_(bindparam("roles", expanding=True)),
        InvoiceRow.detail == func.concat("awaiting_", ApprovalStepRow.role),
    )
    steps = (
        select(func.count()).select_from(ApprovalStepRow).join(InvoiceRow, InvoiceRow.id == ApprovalStepRow.invoice_id)
    )
    return select(
        count(ExceptionRow, ExceptionRow.closed_at.is_(None)),
        one(steps.where(*waiting)),
        count(SourceMessageRow, SourceMessageRow.state == "held"),
        count(PostingRow, PostingRow.state.in_(POSTING_STUCK)),
    )
