"""Reads of webhooks, their deliveries and attempts."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from billwright.delivery.webhooks.tables import (
    WebhookAttemptRow,
    WebhookDeliveryRow,
    WebhookEventRow,
    WebhookSubscriptionRow,
)
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import Slice
from billwright.tenancy.answers import newest_first
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

_LISTED: Final[tuple[Any, ...]] = (
    WebhookDeliveryRow.id, WebhookDeliveryRow.state, WebhookDeliveryRow.attempts, WebhookDeliveryRow.next_at,
    WebhookDeliveryRow.outcome, WebhookDeliveryRow.delivered_at, WebhookEventRow.id.label("event_id"),
    WebhookEventRow.type, WebhookEventRow.at, WebhookEventRow.data,
)  # fmt: skip


def list_webhooks(tx: Tx) -> list[tuple[WebhookSubscriptionRow, int]]:
    """All that were not removed, each with how many events wait for it; there are at most twenty. One query."""
    waiting = (
        select(func.count())
        .where(WebhookDeliveryRow.subscription_id == WebhookSubscriptionRow.id, WebhookDeliveryRow.state == "waiting")
        .scalar_subquery()
    )
    query = select(WebhookSubscriptionRow, waiting).where(WebhookSubscriptionRow.state != "removed")
    return [(row, count) for row, count in tx.session.execute(query.order_by(WebhookSubscriptionRow.id))]


def get_webhook(tx: Tx, webhook_id: UUID) -> WebhookSubscriptionRow:
    """Raises: NotFoundError: there is none."""
    row = tx.session.get(WebhookSubscriptionRow, webhook_id)
    if row is None or row.state == "removed":
        raise NotFoundError(f"There is no webhook {show('whk', webhook_id)} here.")
    return row


def list_webhook_deliveries(
    tx: Tx, webhook_id: UUID, *, state: str | None = None, limit: int, cursor: str | None = None
) -> Slice[AnyRow]:
    """Deliveries of one webhook, newest first, with their events.

    Raises:
        InputInvalidError: the cursor is not of this list.
    """
    query: Any = (
        select(*_LISTED)
        .join(WebhookEventRow, WebhookEventRow.id == WebhookDeliveryRow.event_id)
        .where(WebhookDeliveryRow.subscription_id == webhook_id)
    )
    if state is not None:
        query = query.where(WebhookDeliveryRow.state == state)
    return newest_first(tx, query, WebhookDeliveryRow.id, limit=limit, cursor=cursor)


def list_attempts(tx: Tx, delivery_id: UUID, *, limit: int = 100) -> list[WebhookAttemptRow]:
    """The last attempts of one delivery, newest first."""
    query = select(WebhookAttemptRow).where(WebhookAttemptRow.delivery_id == delivery_id)
    return list(tx.session.scalars(query.order_by(WebhookAttemptRow.id.desc()).limit(limit)))
