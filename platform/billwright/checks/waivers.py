"""Waivers during a check: which findings are let pass, and which waivers no longer count because what they saw is gone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.tables import InvoiceEventRow
from billwright.checks.tables import WaiverRow
from billwright.extension.loading import waivable_codes
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration, read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

OPEN = ("waiting", "granted")


def keep_waivers(tx: Tx, contents: Mapping[UUID, str], said: Collection[UUID]) -> dict[UUID, WaiverRow]:
    """Granted waivers that hold, by the finding that they let pass.

    ``contents`` are the drafts with their content hash, ``said`` the findings that are open after this check. Whatever
    was asked or granted about another content or about a finding that is no longer said is dropped.
    """
    query = select(WaiverRow).where(WaiverRow.invoice_id.in_(contents), WaiverRow.state.in_(OPEN))
    configuration = read_configuration(tx)
    granted: dict[UUID, WaiverRow] = {}
    stale: list[tuple[WaiverRow, str]] = []
    for waiver in tx.session.scalars(query):
        if waiver.content_sha256 != contents[waiver.invoice_id]:
            stale.append((waiver, "the content changed"))
        elif waiver.finding_id not in said:
            stale.append((waiver, "the check no longer says it, or says it with other facts"))
        elif not may_be_waived(configuration, waiver.rule, waiver.code):
            stale.append((waiver, "findings of this kind are not let pass any more"))
        elif waiver.state == "granted":
            granted[waiver.finding_id] = waiver
    drop_waivers(tx, stale)
    return granted


def may_be_waived(configuration: TenantConfiguration, rule: str, code: str) -> bool:
    """Whether the rule, and the tenant's configuration, let people pass findings with ``code``."""
    chosen = {each.name: each.waivable for each in configuration.rules}
    if rule not in chosen:
        return False
    try:
        return code in waivable_codes(rule, chosen[rule])
    except SettingsInvalidError:  # the rule was uninstalled, or knows a code no more: fail closed
        return False


def drop_waivers(tx: Tx, stale: Sequence[tuple[WaiverRow, str]]) -> None:
    """Waivers no longer count; the time line says which and why."""
    if not stale:
        return
    statement = update(WaiverRow).where(WaiverRow.id == bindparam("b_id"))
    statement = statement.values(state="dropped", dropped_at=tx.now, dropped_why=bindparam("b_why"))
    tx.session.connection().execute(statement, [{"b_id": row.id, "b_why": why} for row, why in stale])
    insert_many(tx.session, InvoiceEventRow, [_dropped_event(tx, row, why) for row, why in stale])
    record_many(
        tx,
        [
            entry_values(
                tx,
                "waiver.dropped",
                "invoice",
                row.invoice_id,
                before={"state": row.state, "code": row.code, "asked_by": row.asked_by_name, "by": row.decided_by_name},
                reason=why,
            )
            for row, why in stale
        ],
    )


def drop_of_emptied(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Nothing is left to let pass on drafts that became void."""
    query = select(WaiverRow).where(WaiverRow.invoice_id.in_(invoice_ids), WaiverRow.state.in_(OPEN))
    drop_waivers(tx, [(row, "everything on the draft was withdrawn") for row in tx.session.scalars(query)])


def _dropped_event(tx: Tx, row: WaiverRow, why: str) -> dict[str, Any]:
    what = f"The waiver granted by {row.decided_by_name}" if row.state == "granted" else "The waiver that was asked for"
    return {
        "id": new_id(),
        "invoice_id": row.invoice_id,
        "at": tx.now,
        "event": "waiver.dropped",
        "text": f"{what} no longer counts: {why}. It was about: {row.message}",
        "actor_name": tx.actor.name,
        "facts": {"waiver": str(row.id)},
    }
