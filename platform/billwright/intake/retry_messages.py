"""Try held messages again: after a mapping was mended, a unit declared, a connector installed."""

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from billwright.audit.record import record
from billwright.intake.mapping import Why
from billwright.intake.store_messages import BATCH_MAX
from billwright.intake.tables import HeldMessageRow, SourceMessageRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import Actor
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

RETRY: Final = "intake.retry_held"
PEOPLE_FIRST: Final = 10


def retry_messages(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    message_ids: Sequence[UUID] | None = None,
    event_type: str | None = None,
    source: str | None = None,
    why: Why | None = None,
    trace_id: str | None = None,
) -> list[UUID]:
    """Have held messages applied again by a job; return which: at most the oldest 1,000 that fit all that is given.

    Args:
        message_ids: These; those of them that are not held are left alone. All held ones if none is given.
        event_type: Only messages of this type.
        source: Only messages from there.
        why: Only those that are held for this cause.

    Raises:
        PermissionDeniedError: the actor may not retry messages.
    """
    actor.require("message:retry")
    query = select(SourceMessageRow.id).where(SourceMessageRow.state == "held")
    if message_ids is not None:
        query = query.where(SourceMessageRow.id.in_(message_ids))
    if event_type is not None:
        query = query.where(SourceMessageRow.type == event_type)
    if source is not None:
        query = query.where(SourceMessageRow.source == source)
    if why is not None:
        query = query.join(HeldMessageRow, HeldMessageRow.message_id == SourceMessageRow.id)
        query = query.where(HeldMessageRow.why == why)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        held = list(tx.session.scalars(query.order_by(SourceMessageRow.id).limit(BATCH_MAX)))
        if held:
            _wake(tx, held)
            enqueue(tx, [retry_job(held, priority=PEOPLE_FIRST if len(held) == 1 else 0)])
            after = {"count": len(held), "first": held[0], "last": held[-1], "type": event_type}
            record(tx, "messages.retried", "message", held[0] if len(held) == 1 else None, after=after)
    return held


def retry_job(message_ids: Sequence[UUID], *, priority: int = 0) -> JobSpec:
    """The job that maps these held messages again; the same ones wait once."""
    names = hashlib.sha256(b"".join(each.bytes for each in message_ids)).hexdigest()[:32]
    return JobSpec(kind=RETRY, key=f"retry:{names}", payload={"message_ids": list(message_ids)}, priority=priority)


def _wake(tx: Tx, message_ids: Sequence[UUID]) -> None:
    """Whoever has them tried again looks at them."""
    resting = update(HeldMessageRow).where(
        HeldMessageRow.message_id.in_(message_ids), HeldMessageRow.snoozed_until.is_not(None)
    )
    tx.session.execute(resting.values(snoozed_until=None).execution_options(synchronize_session=False))
