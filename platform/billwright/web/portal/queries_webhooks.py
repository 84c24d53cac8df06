"""What the pages of webhooks read; each function is one query."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from billwright.billing.tables import InvoiceRow
from billwright.collections.tables import DisputeRow
from billwright.delivery.webhooks.catalogue import TEST, matches
from billwright.delivery.webhooks.tables import WebhookDeliveryRow, WebhookEventRow, WebhookSubscriptionRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing import AnySelect


@dataclass(frozen=True, slots=True)
class Known:
    """A webhook with how many events wait for it."""

    row: WebhookSubscriptionRow
    waiting: int


def webhook(tx: Tx, webhook_id: UUID) -> Known:
    """Raises: NotFoundError: there is none, or it was removed."""
    waiting = (
        select(func.count())
        .where(WebhookDeliveryRow.subscription_id == webhook_id, WebhookDeliveryRow.state == "waiting")
        .scalar_subquery()
    )
    query = select(WebhookSubscriptionRow, waiting.label("waiting")).where(
        WebhookSubscriptionRow.id == webhook_id, WebhookSubscriptionRow.state != "removed"
    )
    found = tx.session.execute(query).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no webhook {show('whk', webhook_id)} here.")
    return Known(found[0], found.waiting)


def webhook_name(tx: Tx, webhook_id: UUID) -> str:
    """Its name, also of one that was removed."""
    query = select(WebhookSubscriptionRow.name).where(WebhookSubscriptionRow.id == webhook_id)
    return tx.session.scalars(query).one_or_none() or "no webhook"


def deliveries() -> AnySelect:
    """Deliveries with their events and webhooks, and the number of the invoice that the event is about."""
    return (
        select(
            WebhookDeliveryRow,
            WebhookEventRow.type,
            WebhookEventRow.at,
            WebhookEventRow.object_kind,
            func.coalesce(InvoiceRow.id, DisputeRow.invoice_id).label("invoice_id"),
            InvoiceRow.number,
            WebhookSubscriptionRow.name.label("webhook"),
        )
        .join(WebhookEventRow, WebhookEventRow.id == WebhookDeliveryRow.event_id)
        .join(WebhookSubscriptionRow, WebhookSubscriptionRow.id == WebhookDeliveryRow.subscription_id)
        .outerjoin(DisputeRow, DisputeRow.id == WebhookDeliveryRow.object_id)
        .outerjoin(InvoiceRow, InvoiceRow.id == func.coalesce(DisputeRow.invoice_id, WebhookDeliveryRow.object_id))
    )


def last_deliveries(tx: Tx, webhook_id: UUID, count: int) -> list[AnyRow]:
    """The newest of one webhook."""
    query = deliveries().where(WebhookDeliveryRow.subscription_id == webhook_id)
    return list(tx.session.execute(query.order_by(WebhookDeliveryRow.id.desc()).limit(count)))


def delivery(tx: Tx, delivery_id: UUID) -> AnyRow:
    """Raises: NotFoundError: there is none."""
    query = deliveries().add_columns(WebhookSubscriptionRow.url, WebhookSubscriptionRow.owner)
    found = tx.session.execute(query.where(WebhookDeliveryRow.id == delivery_id)).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no delivery {show('del', delivery_id)} here.")
    return found


def events_since(tx: Tx, row: WebhookSubscriptionRow, since: datetime) -> int:
    """How many events of its kinds happened since then: what "send again" would send."""
    query = (
        select(WebhookEventRow.type, func.count().label("events"))
        .where(WebhookEventRow.at >= since, WebhookEventRow.type != TEST, WebhookEventRow.data.is_not(None))
        .group_by(WebhookEventRow.type)
    )
    return sum(found.events for found in tx.session.execute(query) if matches(row.event_types, found.type))


def waiting_before(tx: Tx, row: WebhookSubscriptionRow, before: datetime) -> int:
    """How many that happened before then wait for it: what "skip" would skip."""
    query = (
        select(func.count(WebhookDeliveryRow.id))
        .join(WebhookEventRow, WebhookEventRow.id == WebhookDeliveryRow.event_id)
        .where(
            WebhookDeliveryRow.subscription_id == row.id,
            WebhookDeliveryRow.state == "waiting",
            WebhookEventRow.at < before,
        )
    )
    return int(tx.session.scalar(query) or 0)
