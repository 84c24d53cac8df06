"""Running the tenant's rules over submitted drafts, and keeping the exception desk in step with what they say."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import bindparam, select, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.checks import queries
from billwright.checks.events import DraftBlocked, DraftsClean
from billwright.checks.tables import ExceptionRow, FindingRow
from billwright.extension.loading import callers, load_rules, plugin_settings
from billwright.extension.views import DraftView, Finding
from billwright.jobs.enqueue import publish
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

log = structlog.get_logger("billwright.checks")
Said = tuple[str, Finding]


def check_drafts(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Check drafts in phase ``validation_pending``: clean ones go on to approvals, blocked ones to the exception desk.

    A constant number of statements for any number of drafts. A finding that is no longer said is resolved, and with its
    last blocking finding an exception closes by itself.
    """
    drafts = queries.lock_drafts(tx, invoice_ids)
    if not drafts:
        return
    views = queries.draft_views(tx, drafts)
    rules = _rules(tx)
    said = {row.id: _examine(rules, views[row.id]) + _own_findings(row) for row in drafts}
    _keep_findings(tx, drafts, said)
    _keep_exceptions(tx, drafts, said)
    blocked = [row for row in drafts if any(f.severity == "blocking" for _, f in said[row.id])]
    blocked_ids = {row.id for row in blocked}
    clean = [row for row in drafts if row.id not in blocked_ids]
    _move(tx, clean, "clean", "Checks passed: no blocking finding.")
    _move(tx, [row for row in blocked if row.detail != "blocked"], "blocked", "Held: a check found something to mend.")
    if clean:
        publish(tx, DraftsClean(invoice_ids=tuple(row.id for row in clean)))
    publish(tx, *(DraftBlocked(invoice_id=row.id) for row in blocked if row.detail != "blocked"))


def close_emptied(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Close what is open about drafts that became void: there is nothing left to mend."""
    findings = update(FindingRow).where(FindingRow.invoice_id.in_(invoice_ids), FindingRow.resolved_at.is_(None))
    tx.session.execute(findings.values(resolved_at=tx.now))
    exceptions = (
        update(ExceptionRow)
        .where(
            ExceptionRow.subject_kind == "invoice",
            ExceptionRow.subject_id.in_(invoice_ids),
            ExceptionRow.closed_at.is_(None),
        )
        .values(closed_at=tx.now, closed_how="everything on the draft was withdrawn")
        .returning(ExceptionRow.subject_id, ExceptionRow.code)
    )
    closed = tx.session.execute(exceptions).all()
    record_many(tx, [entry_values(tx, "exception.closed", "invoice", i, after={"code": code}) for i, code in closed])


def _rules(tx: Tx) -> list[tuple[str, Any, Any]]:
    """(name, hook, settings) of the enabled rules, in the tenant's order."""
    enabled = read_configuration(tx).rules
    hooks = dict(callers(load_rules([rule.name for rule in enabled]), "examine_draft"))
    return [(rule.name, hooks[rule.name], plugin_settings(rule.name, rule.settings)) for rule in enabled]


def _examine(rules: Sequence[tuple[str, Any, Any]], view: DraftView) -> list[Said]:
    """All findings. A rule that raises blocks under its own name: a check that could not run is no check."""
    said: list[Said] = []
    for name, hook, settings in rules:
        try:
            said.extend((name, finding) for finding in hook(draft=view, settings=settings))
        except Exception as error:
            log.exception("rule failed", rule=name, draft=view.id)
            said.append((name, _failed(name, error)))
    return said


def _own_findings(row: AnyRow) -> list[Said]:
    """What the platform itself guessed about the draft: billing/tax.py treats a buyer without a country as domestic."""
    if row.address.get("country") or row.tax_category:
        return []
    finding = Finding(
        code="customer_country_missing",
        severity="warning",
        subject="draft",
        message=f"The country of {row.name} is not known, so the invoice is taxed as one to a customer at home.",
        remedy="Send the customer with the country in its address, or with a tax category; the draft is priced again.",
    )
    return [("tax", finding)]


def _failed(name: str, error: Exception) -> Finding:
    return Finding(
        code="rule_failed",
        severity="blocking",
        subject="draft",
        message=f"The check {name} could not run: {type(error).__name__}.",
        remedy="Tell the integration administrator; correct the rule or its settings, then check the draft again.",
        owner_role="integration_administrator",
        technical=True,
        evidence={"error": str(error)[:500]},
    )


def _keep_findings(tx: Tx, drafts: Sequence[AnyRow], said: dict[UUID, list[Said]]) -> None:
    query = select(
        FindingRow.id, FindingRow.invoice_id, FindingRow.rule, FindingRow.code, FindingRow.subject, FindingRow.message
    ).where(FindingRow.invoice_id.in_([row.id for row in drafts]), FindingRow.resolved_at.is_(None))
    open_findings = {(r.invoice_id, r.rule, r.code, r.subject, r.message): r.id for r in tx.session.execute(query)}
    rows = []
    for draft in drafts:
        for rule, finding in said[draft.id]:
            key = (draft.id, rule, finding.code, finding.subject, finding.message)
            if open_findings.pop(key, None) is None:
                rows.append(_finding_row(tx, draft, rule, finding))
    if rows:
        insert_many(tx.session, FindingRow, rows)
    if open_findings:
        statement = update(FindingRow).where(FindingRow.id.in_(list(open_findings.values())))
        tx.session.execute(statement.values(resolved_at=tx.now))


def _finding_row(tx: Tx, draft: AnyRow, rule: str, finding: Finding) -> dict[str, Any]:
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


def _keep_exceptions(tx: Tx, drafts: Sequence[AnyRow], said: dict[UUID, list[Said]]) -> None:
    """One open exception per draft and code; those whose cause is gone close."""
    query = select(ExceptionRow.id, ExceptionRow.subject_id, ExceptionRow.code).where(
        ExceptionRow.subject_kind == "invoice",
        ExceptionRow.subject_id.in_([row.id for row in drafts]),
        ExceptionRow.closed_at.is_(None),
    )
    known = {(row.subject_id, row.code): row.id for row in tx.session.execute(query)}
    due_at = tx.now + timedelta(hours=read_configuration(tx).exception_hours)
    rows, entries = [], []
    for draft in drafts:
        by_code: dict[str, list[Finding]] = defaultdict(list)
        for _, finding in said[draft.id]:
            if finding.severity == "blocking":
                by_code[finding.code].append(finding)
        for code, findings in by_code.items():
            if known.pop((draft.id, code), None) is None:
                row = _exception_row(tx, draft, findings, due_at=due_at)
                rows.append(row)
                entries.append(entry_values(tx, "exception.opened", "invoice", draft.id, after={"code": code}))
    if rows:
        insert_many(tx.session, ExceptionRow, rows)
    if known:
        statement = update(ExceptionRow).where(ExceptionRow.id.in_(list(known.values())))
        tx.session.execute(statement.values(closed_at=tx.now, closed_how="the cause was mended"))
        entries += [entry_values(tx, "exception.closed", "invoice", i, after={"code": c}) for i, c in known]
    record_many(tx, entries)


def _exception_row(tx: Tx, draft: AnyRow, findings: Sequence[Finding], *, due_at: Any) -> dict[str, Any]:
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


def _move(tx: Tx, drafts: Sequence[AnyRow], detail: str, text: str) -> None:
    if not drafts:
        return
    statement = update(InvoiceRow).where(InvoiceRow.id == bindparam("b_id"))
    statement = statement.values(detail=detail, updated_at=tx.now)
    tx.session.connection().execute(statement, [{"b_id": row.id} for row in drafts])
    events = [
        {
            "id": new_id(),
            "invoice_id": row.id,
            "at": tx.now,
            "event": f"draft.{detail}",
            "text": text,
            "actor_name": tx.actor.name,
            "facts": {},
        }
        for row in drafts
    ]
    insert_many(tx.session, InvoiceEventRow, events)
    record_many(
        tx,
        [
            entry_values(tx, f"invoice.{detail}", "invoice", row.id, after={"content_sha256": row.content_sha256})
            for row in drafts
        ],
    )
