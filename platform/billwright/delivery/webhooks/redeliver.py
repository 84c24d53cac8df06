"""Use cases: send one event again, everything since a moment, or skip what waits."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from billwright.audit.record import record
from billwright.delivery.webhooks.catalogue import TEST, matches
from billwright.delivery.webhooks.deliver import ask_for_all
from billwright.delivery.webhooks.errors import WebhookStateError
from billwright.delivery.webhooks.fan_out import make_deliveries
from billwright.delivery.webhooks.subscribe import lock_webhook
from billwright.delivery.webhooks.tables import WebhookDeliveryRow, WebhookEventRow, WebhookSubscriptionRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

RETRY = "delivery:retry"
EVENTS_MAX = 100_000
SKIPPED_BY = "Skipped by "


def redeliver_one(
    database: Database, tenant: Tenant, actor: Actor, webhook_id: UUID, event_id: UUID, *, trace_id: str | None = None
) -> int:
    """Send one event again, whether it was taken, given up or never asked for; return 1.

    Raises:
        PermissionDeniedError: without ``delivery:retry``.
        NotFoundError: no such webhook or event.
        WebhookStateError: the webhook is not active.
    """
    actor.require(RETRY)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        again_one(tx, lock_webhook(tx, webhook_id, mine=False), event_id)
    return 1


def again_one(tx: Tx, row: WebhookSubscriptionRow, event_id: UUID) -> None:
    """As ``redeliver_one``, for a locked subscription.

    Raises:
        NotFoundError: no such event.
        WebhookStateError: it is not active.
    """
    _check_active(row)
    event = tx.session.get(WebhookEventRow, event_id)
    if event is None:
        raise NotFoundError("There is no such event here.")
    _again(tx, row.id, [(event.id, event.object_id)])
    record(tx, "webhook.redelivered", "webhook", row.id, after={"event": event_id})


def redeliver_since(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    webhook_id: UUID,
    since: datetime,
    *,
    until: datetime | None = None,
    trace_id: str | None = None,
) -> int:
    """Send all events of its kinds since a moment again, in their order; return how many.

    Raises:
        PermissionDeniedError, NotFoundError, WebhookStateError: as for ``redeliver_one``.
        InputInvalidError: a moment without a time zone, or more than 100,000 events.
    """
    actor.require(RETRY)
    if since.tzinfo is None or (until is not None and until.tzinfo is None):
        raise InputInvalidError("Give moments with a time zone.", field="since")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        return again_since(tx, lock_webhook(tx, webhook_id, mine=False), since, until)


def again_since(tx: Tx, row: WebhookSubscriptionRow, since: datetime, until: datetime | None = None) -> int:
    """As ``redeliver_since``, for a locked subscription.

    Raises:
        WebhookStateError: it is not active.
        InputInvalidError: more than 100,000 events.
    """
    _check_active(row)
    query = select(WebhookEventRow.id, WebhookEventRow.object_id, WebhookEventRow.type).where(
        WebhookEventRow.at >= since, WebhookEventRow.type != TEST, WebhookEventRow.data.is_not(None)
    )
    if until is not None:
        query = query.where(WebhookEventRow.at < until)
    events = tx.session.execute(query.order_by(WebhookEventRow.id).limit(EVENTS_MAX + 1)).all()
    if len(events) > EVENTS_MAX:
        raise InputInvalidError(f"There are more than {EVENTS_MAX} events; give an end (until).", field="until")
    wanted = [(event.id, event.object_id) for event in events if matches(row.event_types, event.type)]
    _again(tx, row.id, wanted)
    after = {"since": since, "until": until, "events": len(wanted)}
    record(tx, "webhook.redelivered", "webhook", row.id, after=after)
    return len(wanted)


def skip_waiting(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    webhook_id: UUID,
    before: datetime,
    reason: str,
    *,
    trace_id: str | None = None,
) -> int:
    """Give up what waits and happened before a moment, with a reason; return how many. They can be sent again later.

    Raises:
        PermissionDeniedError, NotFoundError: as for ``redeliver_one``.
        InputInvalidError: no reason, or a moment without a time zone.
    """
    actor.require(RETRY)
    if not reason.strip() or before.tzinfo is None:
        raise InputInvalidError("Say why these events are skipped, and give a moment with a time zone.", field="reason")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        lock_webhook(tx, webhook_id, mine=False)
        old = select(WebhookEventRow.id).where(WebhookEventRow.at < before)
        statement = update(WebhookDeliveryRow).where(
            WebhookDeliveryRow.subscription_id == webhook_id,
            WebhookDeliveryRow.state == "waiting",
            WebhookDeliveryRow.event_id.in_(old),
        )
        statement = statement.values(state="skipped", outcome=f"{SKIPPED_BY}{actor.name}: {reason.strip()[:500]}")
        skipped = len(tx.session.scalars(statement.returning(WebhookDeliveryRow.id)).all())
        after = {"before": before, "events": skipped}
        record(tx, "webhook.skipped", "webhook", webhook_id, after=after, reason=reason.strip())
    return skipped


def _check_active(row: WebhookSubscriptionRow) -> None:
    if row.state != "active":
        raise WebhookStateError(
            f"This webhook is {row.state}; enable it first: what waits is sent then by itself.", state=row.state
        )


def _again(tx: Tx, webhook_id: UUID, events: list[tuple[UUID, UUID]]) -> None:
    """Make what is missing and set the rest back to waiting. Four statements for any number of events."""
    make_deliveries(tx, [(webhook_id, event_id, object_id) for event_id, object_id in events])
    ids = [event_id for event_id, _ in events]
    now = tx.database.clock.now()  # retries keep to real time
    statement = update(WebhookDeliveryRow).where(
        WebhookDeliveryRow.subscription_id == webhook_id,
        WebhookDeliveryRow.state != "waiting",
        WebhookDeliveryRow.event_id == any_(literal(ids, ARRAY(Uuid()))),
    )
    tx.session.execute(statement.values(state="waiting", next_at=now, since=now, delivered_at=None))
    ask_for_all(tx, webhook_id)
