"""The e-invoice's say in the checks of drafts: what the rules found, what the law misses, and which drafts are not checked yet."""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from billwright.checks.examine import Said
from billwright.checks.examiners import Answer
from billwright.einvoice.profiles import Profile
from billwright.einvoice.standing import Standing, standings
from billwright.einvoice.wanted import Problem
from billwright.extension.views import Finding
from billwright.jobs.enqueue import enqueue
from billwright.kernel.canonical_json import sha256_hex
from billwright.kernel.events import JobSpec
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

RULE: Final = "einvoice"
CHECK: Final = "documents.check_einvoice"
DRAFTS_MAX: Final = 10
"""Of one job: so many documents are checked between two transactions."""
SHOWN_MAX: Final = 20
_SEVERITIES: Final[dict[str, Literal["blocking", "warning"]]] = {"fatal": "blocking", "warning": "warning"}


def examine_einvoices(tx: Tx, drafts: Sequence[AnyRow], /) -> Answer:
    """One statement for all drafts; those whose e-invoice is not checked as it is now wait, and a job checks them."""
    said: dict[UUID, Sequence[Said]] = {}
    waiting: list[Standing] = []
    for each in standings(tx, [row.id for row in drafts]):
        if not each.is_checked:
            waiting.append(each)
        elif found := _findings(each):
            said[each.invoice_id] = [(RULE, finding) for finding in found]
    if waiting:
        enqueue(tx, _jobs(waiting))
    return Answer(said=said, waiting=frozenset(each.invoice_id for each in waiting))


def _jobs(waiting: Sequence[Standing]) -> list[JobSpec]:
    """One job for a few drafts; the same drafts as they are now are asked about once."""
    ordered = sorted(waiting, key=lambda each: each.invoice_id)
    groups = [ordered[start : start + DRAFTS_MAX] for start in range(0, len(ordered), DRAFTS_MAX)]
    return [
        JobSpec(
            kind=CHECK,
            key=f"check_einvoice:{sha256_hex([(each.invoice_id, each.basis) for each in group])}",
            payload={"invoice_ids": [each.invoice_id for each in group]},
        )
        for group in groups
    ]


def _findings(standing: Standing) -> list[Finding]:
    problem, profile = standing.wanted.problem, standing.wanted.profile
    found = [] if problem is None else [_problem(problem)]
    if profile is None or standing.check is None:
        return found
    shown = [each for each in standing.check.findings if each["severity"] in {*_SEVERITIES, "unchecked"}]
    shown.sort(key=lambda each: each["severity"] != "fatal")
    return found + [_finding(each, profile) for each in shown[:SHOWN_MAX]]


def _problem(problem: Problem) -> Finding:
    return Finding(
        code=problem.code,
        severity="blocking" if problem.blocking else "warning",
        subject="draft",
        message=problem.message,
        remedy=problem.remedy,
        evidence={"source": problem.source} if problem.source else {},
    )


def _finding(stored: dict[str, Any], profile: Profile) -> Finding:
    """A finding of the rules as the desk shows it; one that could not be checked is a technical failure, and blocks."""
    evidence = {"rule": stored["rule"], "format": profile.format, "rule_set": stored["rule_set"]}
    if stored["severity"] == "unchecked":
        return Finding(
            code="einvoice_unchecked",
            severity="blocking",
            subject="draft",
            message=f"The e-invoice ({profile.title}) could not be checked: {stored['text']}",
            remedy=stored["remedy"],
            owner_role="integration_administrator",
            technical=True,
            evidence=evidence,
        )
    severity = _SEVERITIES[stored["severity"]]
    field = f" Field: {stored['field']}." if stored["field"] else ""
    return Finding(
        code="einvoice_invalid" if severity == "blocking" else "einvoice_warning",
        severity=severity,
        subject="draft",
        message=f"The e-invoice ({profile.title}) breaks {stored['rule']}: {stored['text']}{field}",
        remedy=stored["remedy"],
        evidence=evidence,
    )
