"""Keeping findings and the exception desk in step with what the rules say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select, update

from billwright.audit.record import entry_values, record_many
from billwright.canon.due import due_after
from billwright.checks.examine import Examined, Said
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.extension.views import Finding
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

FindingKey = tuple[UUID, str, str, str, str, str]
MENDED: Final = "the cause was mended"


@dataclass(frozen=True, slots=True)
class Kept:
    """Findings that are open after a check: ``ids`` by draft, rule, code, subject, message and severity.

    ``unanswered`` are codes by draft which a rule gave earlier and could not confirm or withdraw now. ``known`` tells
    whether any finding was open before, without which there can be no waiver.
    """

    ids: Mapping[FindingKey, UUID]
    unanswered: Mapping[UUID, frozenset[str]]
    known: bool


def finding_key(draft_id: UUID, said: Said) -> FindingKey:
    rule, finding = said
    return (draft_id, rule, finding.code, finding.subject, finding.message, finding.severity)


def keep_findings(tx: Tx, drafts: Sequence[AnyRow], examined: Mapping[UUID, Examined]) -> Kept:
    """Write new findings and resolve those no longer said. What a rule said stays open while it cannot answer."""
    query = select(
        FindingRow.invoice_id,
        FindingRow.rule,
        FindingRow.code,
        FindingRow.subject,
        FindingRow.message,
        FindingRow.severity,
        FindingRow.id,
    ).where(FindingRow.invoice_id.in_([row.id for row in drafts]), FindingRow.resolved_at.is_(None))
    before: dict[FindingKey, UUID] = {(*row[:5], row[5]): row.id for row in tx.session.execute(query)}
    rows: list[dict[str, Any]] = []
    ids: dict[FindingKey, UUID] = {}
    for draft in drafts:
        for said in examined[draft.id].said:
            key = finding_key(draft.id, said)
            if key in ids:
                continue
            if key not in before:
                rows.append(_finding_row(tx, draft, said))
            ids[key] = before[key] if key in before else rows[-1]["id"]
    unanswered: defaultdict[UUID, set[str]] = defaultdict(set)
    gone: list[UUID] = []
    for key in before.keys() - ids.keys():
        if key[1] in examined[key[0]].failed:
            ids[key] = before[key]
            unanswered[key[0]].add(key[2])
        else:
            gone.append(before[key])
    insert_many(tx.session, FindingRow, rows)
    if gone:
        tx.session.execute(update(FindingRow).where(FindingRow.id.in_(gone)).values(resolved_at=tx.now))
    return Kept(ids, {draft_id: frozenset(codes) for draft_id, codes in unanswered.items()}, bool(before))


def _finding_row(tx: Tx, draft: AnyRow, said: Said) -> dict[str, Any]:
    rule, finding = said
    return {
        "id": new_id(),
        "invoice_id": draft.id,
        "rule": rule,
        "code": finding.code,
        "severity": finding.severity,
        "subject": finding.subject,
        "message": finding.message,
        "remedy": finding.remedy,
        "technical": finding.technical,
        "evidence": plain(finding.evidence),
        "content_sha256": draft.content_sha256,
        "found_at": tx.now,
    }


def keep_exceptions(
    tx: Tx,
    drafts: Sequence[AnyRow],
    blocking: Mapping[UUID, Sequence[Finding]],
    kept: Kept,
    waived: Mapping[tuple[UUID, str], str],
) -> None:
    """One open exception per draft and code; those whose cause is gone close, and say how.

    ``waived`` names, by draft and code, who let the last of these findings pass.
    """
    query = select(ExceptionRow.id, ExceptionRow.subject_id, ExceptionRow.code).where(
        ExceptionRow.subject_kind == "invoice",
        ExceptionRow.subject_id.in_([row.id for row in drafts]),
        ExceptionRow.closed_at.is_(None),
    )
    known = {(row.subject_id, row.code): row.id for row in tx.session.execute(query)}
    rows, entries = [], []
    for draft in drafts:
        by_code: dict[str, list[Finding]] = defaultdict(list)
        for finding in blocking[draft.id]:
            by_code[finding.code].append(finding)
        for code, findings in by_code.items():
            if known.pop((draft.id, code), None) is None:
                due_at = due_after(tx, read_configuration(tx).exception_hours, draft.legal_entity_id)
                rows.append(_exception_row(tx, draft, findings, due_at=due_at))
                entries.append(entry_values(tx, "exception.opened", "invoice", draft.id, after={"code": code}))
        for code in kept.unanswered.get(draft.id, ()):
            known.pop((draft.id, code), None)
    insert_many(tx.session, ExceptionRow, rows)
    if known:
        statement = update(ExceptionRow).where(ExceptionRow.id == bindparam("b_id"))
        statement = statement.values(closed_at=tx.now, closed_how=bindparam("b_how"))
        how = {key: f"waived by {waived[key]}" if key in waived else MENDED for key in known}
        tx.session.connection().execute(statement, [{"b_id": known[key], "b_how": how[key]} for key in known])
        entries += [
            entry_values(tx, "exception.closed", "invoice", key[0], after={"code": key[1], "how": how[key]})
            for key in known
        ]
    record_many(tx, entries)


def _exception_row(tx: Tx, draft: AnyRow, findings: Sequence[Finding], *, due_at: datetime) -> dict[str, Any]:
    first = findings[0]
    more = f" (and {len(findings) - 1} more of the kind)" if len(findings) > 1 else ""
    return {
        "id": new_id(),
        "subject_kind": "invoice",
        "subject_id": draft.id,
        "code": first.code,
        "title": first.code.replace("_", " ").capitalize(),
        "reason": first.message + more,
        "remedy": first.remedy,
        "owner_role": first.owner_role,
        "amount_minor": draft.net_minor,
        "currency": draft.currency,
        "customer_id": draft.customer_id,
        "technical": first.technical,
        "opened_at": tx.now,
        "due_at": due_at,
    }
