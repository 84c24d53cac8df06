"""Writing what happened for whom wants to know, in the transaction in which it happens."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.delivery.webhooks.catalogue import EVENT_TYPES, matches
from billwright.delivery.webhooks.tables import WebhookEventRow, WebhookSubscriptionRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

FAN_OUT: Final = "webhooks.fan_out"
_WANTED: Final = "webhooks.wanted"


@dataclass(frozen=True, slots=True)
class Announcement:
    """``object_kind`` is ``invoice`` or ``dispute``; deliveries about one object keep its order."""

    type: str
    object_kind: str
    object_id: UUID


def announce(tx: Tx, announcements: Iterable[Announcement]) -> int:
    """Store the events that somebody subscribed to, and the job that sends them on; return how many were stored.

    Events are stored for paused and disabled subscriptions too, so that these can catch up. One statement asks who wants
    to know, once per transaction; without subscriptions that is all.
    """
    patterns = _patterns(tx)
    if not patterns:
        return 0
    rows = []
    for each in announcements:
        assert each.type in EVENT_TYPES, each.type
        if matches(patterns, each.type):
            rows.append(
                {
                    "id": new_id(),
                    "type": each.type,
                    "object_kind": each.object_kind,
                    "object_id": each.object_id,
                    "at": tx.now,
                    "data": None,
                }
            )
    if rows:
        insert_many(tx.session, WebhookEventRow, rows)
        # The first event's id makes the wish this transaction's own: another one's events are not yet to be seen.
        payload = {"event_ids": [row["id"] for row in rows]}
        enqueue(tx, [JobSpec(kind=FAN_OUT, key=f"fan_out:{rows[0]['id']}", payload=payload)])
    return len(rows)


def _patterns(tx: Tx) -> list[str]:
    if _WANTED not in tx.cache:
        query = select(WebhookSubscriptionRow.event_types).where(WebhookSubscriptionRow.state != "removed")
        tx.cache[_WANTED] = [pattern for patterns in tx.session.scalars(query) for pattern in patterns]
    found: list[str] = tx.cache[_WANTED]
    return found
