"""The e-invoice part of the invoice page: which format and why, what the rules said, and the file. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billwright.einvoice.wanted import Problem, question_of, wanted
from billwright.issuing.content import InvoiceContent
from billwright.tenancy.base import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class EinvoiceView:
    """``state``: none, waiting, passed, failed, unchecked, sent. ``findings`` are of the last check, fatal ones first."""

    title: str
    why: str
    state: str
    problem: Problem | None
    checked_at: datetime | None
    rule_sets: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]


def einvoice_view(content: InvoiceContent | None, head: AnyRow) -> EinvoiceView | None:
    """None where nobody wants one and the law asks for none: the page then says nothing of it."""
    if content is None:
        return None
    answer = wanted(question_of(content))
    if answer.profile is None and answer.problem is None and not head.einvoices:
        return None
    return EinvoiceView(
        title=answer.profile.title if answer.profile else "No e-invoice",
        why=answer.why,
        state=_state(head, needed=answer.profile is not None),
        problem=answer.problem,
        checked_at=head.einvoice_checked_at,
        rule_sets=tuple(head.einvoice_rule_sets or ()),
        findings=tuple(head.einvoice_findings or ()),
    )


def _state(head: AnyRow, *, needed: bool) -> str:
    if head.einvoices:
        return "sent"
    if not needed:
        return "none"
    if head.einvoice_checked_at is None or head.InvoiceRow.detail == "submitted":
        return "waiting"
    severities = {each["severity"] for each in head.einvoice_findings or ()}
    return "failed" if "fatal" in severities else "unchecked" if "unchecked" in severities else "passed"
