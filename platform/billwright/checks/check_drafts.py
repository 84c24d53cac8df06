"""Running the tenant's rules over submitted drafts, and keeping the exception desk in step with what they say."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.checks import queries
from billwright.checks.events import DraftBlocked, DraftsClean
from billwright.checks.examine import Examined, examine_drafts
from billwright.checks.examiners import Examiner, with_answers
from billwright.checks.keep_findings import Kept, finding_key, keep_exceptions, keep_findings
from billwright.checks.tables import ExceptionRow, FindingRow, WaiverRow
from billwright.checks.waivers import drop_of_emptied, keep_waivers
from billwright.extension.running import IN_PROCESS, PluginRunner
from billwright.extension.views import Finding
from billwright.jobs.enqueue import publish
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx


def check_drafts(
    tx: Tx,
    invoice_ids: Sequence[UUID],
    *,
    plugins: PluginRunner = IN_PROCESS,
    examiners: Sequence[Examiner] = (),
) -> None:
    """Check drafts in phase ``validation_pending``: clean ones go on to approvals, blocked ones to the exception desk.

    A constant number of statements for any number of drafts. A finding that is no longer said is resolved, and with its
    last blocking finding an exception closes by itself. A finding that two people let pass does not block. Drafts for which
    an examiner still waits stay as they are; it asks for them again.
    """
    drafts = queries.lock_drafts(tx, invoice_ids)
    answers = [examiner(tx, drafts) for examiner in examiners] if drafts else []
    drafts = [row for row in drafts if not any(row.id in answer.waiting for answer in answers)]
    if not drafts:
        return
    views, doubted = queries.draft_views(tx, drafts)
    examined = with_answers(examine_drafts(tx, drafts, views, doubted, plugins), answers)
    kept = keep_findings(tx, drafts, examined)
    blocking, waived = _blocking(tx, drafts, examined, kept)
    keep_exceptions(tx, drafts, blocking, kept, waived)
    blocked = [row for row in drafts if blocking[row.id]]
    passed: list[AnyRow] = [row for row in drafts if not blocking[row.id]]
    let_pass = {draft_id for draft_id, _ in waived}
    _move(tx, [row for row in passed if row.id not in let_pass], "clean", "Checks passed: no blocking finding.")
    _move(tx, [row for row in passed if row.id in let_pass], "clean", "Checks passed: what blocked is waived.")
    _move(tx, [row for row in blocked if row.detail != "blocked"], "blocked", "Held: a check found something to mend.")
    if passed:
        publish(tx, DraftsClean(invoice_ids=tuple(row.id for row in passed)))
    publish(tx, *(DraftBlocked(invoice_id=row.id) for row in blocked if row.detail != "blocked"))


def _blocking(
    tx: Tx, drafts: Sequence[AnyRow], examined: Mapping[UUID, Examined], kept: Kept
) -> tuple[dict[UUID, list[Finding]], dict[tuple[UUID, str], str]]:
    """Findings that block each draft; and by draft and code, who let the others of that code pass."""
    granted: Mapping[UUID, WaiverRow] = {}
    if kept.known:
        granted = keep_waivers(tx, {row.id: row.content_sha256 for row in drafts}, set(kept.ids.values()))
    blocking: dict[UUID, list[Finding]] = {row.id: [] for row in drafts}
    waived: dict[tuple[UUID, str], str] = {}
    for draft in drafts:
        for said in examined[draft.id].said:
            finding = said[1]
            if finding.severity != "blocking":
                continue
            waiver = None if finding.technical else granted.get(kept.ids[finding_key(draft.id, said)])
            if waiver is None:
                blocking[draft.id].append(finding)
            else:
                waived[draft.id, finding.code] = str(waiver.decided_by_name)
    return blocking, waived


def close_emptied(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Close what is open about drafts that became void: there is nothing left to mend."""
    findings = update(FindingRow).where(FindingRow.invoice_id.in_(invoice_ids), FindingRow.resolved_at.is_(None))
    tx.session.execute(findings.values(resolved_at=tx.now))
    drop_of_emptied(tx, invoice_ids)
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
