"""Try held messages again: after a mapping was mended, a unit declared, a connector installed."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.intake.store_messages import BATCH_MAX
from billwright.intake.tables import SourceMessageRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import Actor
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

RETRY: Final = "intake.retry_held"


def retry_messages(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    message_ids: Sequence[UUID] | None = None,
    event_type: str | None = None,
    trace_id: str | None = None,
) -> list[UUID]:
    """Have held messages applied again by a job; return which: at most the oldest 1,000.

    Args:
        message_ids: These; those of them that are not held are left alone. All held ones if none is given.
        event_type: Only messages of this type.

    Raises:
        PermissionDeniedError: the actor may not retry messages.
    """
    actor.require("message:retry")
    query = select(SourceMessageRow.id).where(SourceMessageRow.state == "held")
    if message_ids is not None:
        query = query.where(SourceMessageRow.id.in_(message_ids))
    if event_type is not None:
        query = query.where(SourceMessageRow.type == event_type)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        held = list(tx.session.scalars(query.order_by(SourceMessageRow.id).limit(BATCH_MAX)))
        if held:
            enqueue(tx, [JobSpec(kind=RETRY, key=f"retry:{held[0]}", payload={"message_ids": held})])
            after = {"count": len(held), "first": held[0], "last": held[-1], "type": event_type}
            record(tx, "messages.retried", "message", held[0] if len(held) == 1 else None, after=after)
    return held
