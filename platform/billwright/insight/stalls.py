"""Where do invoices stall? How long invoices issued in the last 90 days stood in each stage, and what stands there now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, case, func, literal, select

from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.tables import InvoiceRow
from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import LegalEntityRow
from billwright.checks.tables import ExceptionRow
from billwright.delivery.tables import DeliveryRow
from billwright.insight.documents import Document, invoices, read_documents
from billwright.insight.figures import WINDOW_DAYS
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx

STAGES: Final[Mapping[str, str]] = {
    "check": "Draft and checks",
    "held": "Held on the desk",
    "manager": "Manager's approval",
    "finance": "Finance's approval",
    "issue": "Approved, not issued",
    "send": "Issued, not sent",
    "post": "Issued, not posted",
    "pay": "Issued, not paid",
}
"""In the order in which an invoice meets them. Time on the desk is part of the time in checks."""
_DRAFTING: Final = ("grouped", "submitted", "clean", "returned")
_HELD: Final = ("blocked", "issue_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """``median`` and ``slowest`` (the tenth that took longest took at least that) are of ``passed`` invoices; None of none.

    ``now`` invoices or drafts are in it, the oldest ``since``.
    """

    name: str
    label: str
    passed: int
    median: timedelta | None
    slowest: timedelta | None
    now: int
    since: datetime | None


def read_stalls(tx: Tx) -> list[Stage]:
    """Each stage once, in order. Two statements."""
    past = _times(tx)
    columns: list[ColumnElement[Any]] = []
    for name in STAGES:
        took = past.c[name]
        columns += [
            func.count(took),
            func.percentile_cont(0.5).within_group(took),
            func.percentile_cont(0.9).within_group(took),
        ]
    found = tx.session.execute(select(*columns)).one()
    now = {row.stage: row for row in tx.session.execute(_now())}
    return [
        Stage(
            name=name,
            label=label,
            passed=found[place * 3],
            median=found[place * 3 + 1],
            slowest=found[place * 3 + 2],
            now=now[name].documents if name in now else 0,
            since=now[name].since if name in now else None,
        )
        for place, (name, label) in enumerate(STAGES.items())
    ]


def documents_of_stage(tx: Tx, stage: str) -> list[Document]:
    """The invoices whose time in ``stage`` the figure is made of, the longest first. One statement."""
    past = _times(tx)
    took = past.c[stage]
    query = invoices(took.label("took")).join(past, past.c.id == InvoiceRow.id).where(took.is_not(None))
    return read_documents(tx, query, took.desc())


def _times(tx: Tx) -> Subquery:
    """Invoices issued in the window, with the time that each took per stage; null where it did not meet it."""
    steps = (
        select(
            ApprovalStepRow.invoice_id.label("id"),
            func.min(ApprovalStepRow.opened_at).label("opened"),
            func.max(ApprovalStepRow.decided_at).filter(ApprovalStepRow.role == "manager").label("manager"),
            func.max(ApprovalStepRow.decided_at).filter(ApprovalStepRow.role == "finance").label("finance"),
        )
        .where(ApprovalStepRow.state == "approved")
        .group_by(ApprovalStepRow.invoice_id)
        .subquery("steps")
    )
    held = (
        select(
            ExceptionRow.subject_id.label("id"),
            func.sum(ExceptionRow.closed_at - ExceptionRow.opened_at).label("took"),
        )
        .where(ExceptionRow.closed_at.is_not(None))
        .group_by(ExceptionRow.subject_id)
        .subquery("held")
    )
    sent = (
        select(DeliveryRow.subject_id.label("id"), func.min(DeliveryRow.finished_at).label("at"))
        .where(DeliveryRow.subject_kind == "invoice", DeliveryRow.state == "sent")
        .group_by(DeliveryRow.subject_id)
        .subquery("sent")
    )
    posted = (
        select(PostingRow.invoice_id.label("id"), func.max(PostingRow.posted_at).label("at"))
        .where(PostingRow.state == "posted")
        .group_by(PostingRow.invoice_id)
        .subquery("posted")
    )
    query = (
        select(
            InvoiceRow.id,
            (func.coalesce(steps.c.opened, InvoiceRow.issued_at) - InvoiceRow.created_at).label("check"),
            held.c.took.label("held"),
            (steps.c.manager - steps.c.opened).label("manager"),
            (steps.c.finance - func.coalesce(steps.c.manager, steps.c.opened)).label("finance"),
            (InvoiceRow.issued_at - func.greatest(steps.c.manager, steps.c.finance)).label("issue"),
            (sent.c.at - InvoiceRow.issued_at).label("send"),
            (posted.c.at - InvoiceRow.issued_at).label("post"),
            (ReceivableRow.settled_at - InvoiceRow.issued_at).label("pay"),
        )
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(steps, steps.c.id == InvoiceRow.id)
        .outerjoin(held, held.c.id == InvoiceRow.id)
        .outerjoin(sent, sent.c.id == InvoiceRow.id)
        .outerjoin(posted, posted.c.id == InvoiceRow.id)
        .outerjoin(ReceivableRow, ReceivableRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.issued_on > today_of_entity(tx) - WINDOW_DAYS)
    )
    return query.subquery("times")


def drafts_by_stage() -> Select[str, int, datetime]:
    """Drafts of each stage, and since when the oldest is in it; by the index of what is not issued."""
    stage = case(
        (InvoiceRow.detail.in_(_DRAFTING), "check"),
        (InvoiceRow.detail.in_(_HELD), "held"),
        (InvoiceRow.detail == "awaiting_manager", "manager"),
        (InvoiceRow.detail == "awaiting_finance", "finance"),
        (InvoiceRow.detail == "approved", "issue"),
    ).label("stage")
    return (
        select(stage, func.count().label("documents"), func.min(InvoiceRow.phase_since).label("since"))
        .where(InvoiceRow.issued_at.is_(None), InvoiceRow.phase != "void")
        .group_by(stage)
    )


def _now() -> Any:
    """Per stage: documents in it and since when the oldest is."""
    late = [
        select(literal(name), func.count(), func.min(since)).select_from(row).where(condition).having(func.count() > 0)
        for name, row, since, condition in (
            ("send", DeliveryRow, DeliveryRow.intended_at, _unsent()),
            ("post", PostingRow, PostingRow.intended_at, PostingRow.state != "posted"),
        )
    ]
    owed = (
        select(literal("pay"), func.count(), func.min(InvoiceRow.issued_at))
        .select_from(ReceivableRow)
        .join(InvoiceRow, InvoiceRow.id == ReceivableRow.invoice_id)
        .where(ReceivableRow.open_minor > 0)
        .having(func.count() > 0)
    )
    return drafts_by_stage().union_all(*late, owed)


def _unsent() -> ColumnElement[bool]:
    return (DeliveryRow.subject_kind == "invoice") & (DeliveryRow.state != "sent")
