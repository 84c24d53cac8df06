"""Use case: a person asks for another attempt at a mail that was refused or keeps failing."""

from uuid import UUID

from billwright.audit.record import record
from billwright.delivery.errors import DeliveryStateError
from billwright.delivery.events import DeliveryRetryAsked
from billwright.delivery.queries import lock_delivery
from billwright.delivery.tables import DeliveryRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def retry_delivery(
    database: Database, tenant: Tenant, actor: Actor, delivery_id: UUID, *, trace_id: str | None = None
) -> DeliveryRow:
    """Ask for another attempt, to the recipient's address as it is by then; return the delivery as it stands.

    Raises:
        PermissionDeniedError: without ``delivery:retry``.
        NotFoundError: there is no such delivery.
        DeliveryStateError: it was sent.
    """
    actor.require("delivery:retry")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = lock_delivery(tx, delivery_id)
        if row.state == "sent":
            raise DeliveryStateError(
                "This mail was sent, and the same mail is never sent twice; write to the customer instead.",
                state=row.state,
            )
        before = row.state
        if row.state == "refused":  # surely not taken; an unclear one keeps saying so
            row.state, row.finished_at = "failed", None
        record(tx, "delivery.retried", "delivery", row.id, before={"state": before}, after={"state": row.state})
        publish(
            tx,
            DeliveryRetryAsked(
                delivery_id=row.id, key=row.key, subject_kind=row.subject_kind, subject_id=row.subject_id
            ),
        )
    return row
