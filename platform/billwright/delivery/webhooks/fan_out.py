"""From stored events to deliveries: what each says is composed once, and each subscription gets those it asked for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, column, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from billwright.delivery.webhooks.catalogue import matches
from billwright.delivery.webhooks.describe import PREFIX_OF, Describer
from billwright.delivery.webhooks.tables import WebhookDeliveryRow, WebhookEventRow, WebhookSubscriptionRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id, show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx

DELIVER: Final = "webhooks.deliver"
_EVENTS: Final = table_of(WebhookEventRow)
_DELIVERIES: Final = table_of(WebhookDeliveryRow)
_COMPOSED: Final = recordset([column("id", Uuid()), column("data", JSONB())], name="composed")
_COMPOSE: Final = update(_EVENTS).where(_EVENTS.c.id == _COMPOSED.c.id).values(data=_COMPOSED.c.data)
_COLUMNS: Final = ("id", "subscription_id", "event_id", "object_id", "state", "attempts", "next_at", "since")
_NEW: Final = recordset([_DELIVERIES.c[name] for name in _COLUMNS], name="incoming")
_DELIVER: Final = (
    insert(_DELIVERIES)
    .from_select(list(_COLUMNS), select(*_NEW.c))
    .on_conflict_do_nothing(index_elements=["subscription_id", "event_id"])
)


def fan_out(tx: Tx, event_ids: Iterable[UUID], describers: Mapping[str, Describer]) -> None:
    """Compose the events and make their deliveries and jobs. A constant number of statements; safe to repeat."""
    query = select(WebhookEventRow.id, WebhookEventRow.type, WebhookEventRow.object_kind, WebhookEventRow.object_id)
    query = query.where(WebhookEventRow.id.in_(sorted(set(event_ids)))).order_by(WebhookEventRow.id)
    events = tx.session.execute(query.where(WebhookEventRow.data.is_(None))).all()
    if not events:
        return
    tx.session.execute(_COMPOSE, parameters(_composed(tx, events, describers)))
    wanted = select(WebhookSubscriptionRow.id, WebhookSubscriptionRow.event_types, WebhookSubscriptionRow.state)
    # Shared with deliveries, apart from whoever switches one on or off: see deliver.py.
    wanted = wanted.order_by(WebhookSubscriptionRow.id).with_for_update(read=True)
    subscriptions = tx.session.execute(wanted.where(WebhookSubscriptionRow.state != "removed")).all()
    pairs = [
        (subscription, event)
        for subscription in subscriptions
        for event in events
        if matches(subscription.event_types, event.type)
    ]
    make_deliveries(tx, [(subscription.id, event.id, event.object_id) for subscription, event in pairs])
    ask_for(tx, {(each.id, event.object_id) for each, event in pairs if each.state == "active"})


def make_deliveries(tx: Tx, wanted: Sequence[tuple[UUID, UUID, UUID]]) -> None:
    """Deliveries of (subscription, event, object), each once."""
    if wanted:
        rows = [
            {
                "id": new_id(), "subscription_id": subscription_id, "event_id": event_id, "object_id": object_id,
                "state": "waiting", "attempts": 0, "next_at": tx.now, "since": tx.now,
            }
            for subscription_id, event_id, object_id in wanted
        ]  # fmt: skip
        tx.session.execute(_DELIVER, parameters(rows))


def ask_for(tx: Tx, pairs: Iterable[tuple[UUID, UUID]], *, at: datetime | None = None) -> None:
    """Jobs that send what waits for (subscription, object), in the order of its events."""
    enqueue(
        tx,
        [
            JobSpec(
                kind=DELIVER,
                key=f"webhook:{subscription_id}:{object_id}",
                payload={"subscription_id": subscription_id, "object_id": object_id},
                run_at=at,
            )
            for subscription_id, object_id in pairs
        ],
    )


def _composed(tx: Tx, events: Sequence[AnyRow], describers: Mapping[str, Describer]) -> list[dict[str, Any]]:
    by_kind: dict[str, set[UUID]] = defaultdict(set)
    for event in events:
        by_kind[event.object_kind].add(event.object_id)
    facts = {kind: describers[kind](tx, sorted(ids)) for kind, ids in by_kind.items()}
    return [
        {
            "id": event.id,
            "data": {
                "id": show(PREFIX_OF[event.object_kind], event.object_id),
                "object": event.object_kind,
                **facts[event.object_kind].get(event.object_id, {}),
            },
        }
        for event in events
    ]
