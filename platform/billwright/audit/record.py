"""Writing audit entries. If the entry cannot be written, nothing is."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from billwright.audit.tables import AuditEntryRow, ControlAuditEntryRow
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import ControlTx, Tx


def entry_values(
    tx: Tx,
    action: str,
    subject_kind: str,
    subject_id: UUID | None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """The column values of one entry, for callers that write many at once."""
    actor = tx.actor
    return {
        "id": new_id(),
        "at": tx.now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "acting_for": actor.acting_for,
        "action": action,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "before": cast("dict[str, Any] | None", plain(before)),
        "after": cast("dict[str, Any] | None", plain(after)),
        "reason": reason,
        "address": actor.address,
        "trace_id": tx.trace_id,
    }


def record(
    tx: Tx,
    action: str,
    subject_kind: str,
    subject_id: UUID | None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write one entry: ``action`` is ``object.verb`` in the past tense (``invoice.issued``)."""
    values = entry_values(tx, action, subject_kind, subject_id, before=before, after=after, reason=reason)
    insert_many(tx.session, AuditEntryRow, [values])


def record_many(tx: Tx, entries: list[dict[str, Any]]) -> None:
    """Write entries made by ``entry_values`` in one statement."""
    insert_many(tx.session, AuditEntryRow, entries)


def record_control(
    tx: ControlTx,
    action: str,
    subject_kind: str,
    subject_id: UUID | None,
    *,
    partner_id: UUID | None = None,
    tenant_id: UUID | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write one entry of the control plane (onboarding, log-ins, grants)."""
    actor = tx.actor
    values = {
        "id": new_id(),
        "partner_id": partner_id,
        "tenant_id": tenant_id,
        "at": tx.now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "action": action,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "after": plain(after),
        "reason": reason,
        "address": actor.address,
        "trace_id": tx.trace_id,
    }
    insert_many(tx.session, ControlAuditEntryRow, [values])
