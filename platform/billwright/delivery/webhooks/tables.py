"""Subscriptions, events, deliveries and their attempts. Events and attempts only grow."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase, TenantBase


class WebhookSubscriptionRow(TenantBase):
    """Who wants to know. States: active, paused, disabled (by us, after warning), removed.

    ``owner`` is ``tenant`` or ``partner``: the partner's own subscription, kept here so that the tenant sees who is told;
    it carries no content, only what happened to which object. ``failing_since`` is set while the endpoint does not take
    anything; then one probe runs at ``retry_at`` and everything else waits. Secrets are sealed under the tenant's key.
    """

    __tablename__ = "webhook_subscription"
    __table_args__ = (UniqueConstraint("owner", "name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str]
    partner_subscription_id: Mapped[UUID | None]
    name: Mapped[str]
    url: Mapped[str]
    event_types: Mapped[list[str]]
    contact_email: Mapped[str]
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    state: Mapped[str]
    failures: Mapped[int]
    failing_since: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookEventRow(TenantBase):
    """What happened. ``data`` is composed once, after COMMIT, so that every attempt sends the same bytes."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("ix_webhook_event_at", "at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_kind: Mapped[str]
    object_id: Mapped[UUID]
    at: Mapped[datetime]
    data: Mapped[dict[str, Any] | None]


class WebhookDeliveryRow(TenantBase):
    """One event for one subscription. States: waiting, delivered, failed (given up), skipped (by a person)."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("subscription_id", "event_id"),
        Index("ix_webhook_delivery_waiting", "subscription_id", "object_id", "event_id",
              postgresql_where=text("state = 'waiting'")),
        Index("ix_webhook_delivery_failed", "subscription_id", "id", postgresql_where=text("state = 'failed'")),
        Index("ix_webhook_delivery_skipped", "subscription_id", "id", postgresql_where=text("state = 'skipped'")),
        Index("ix_webhook_delivery_log", "subscription_id", "id"),
    )  # fmt: skip
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_subscription.id"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_event.id"))
    object_id: Mapped[UUID]
    state: Mapped[str]
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    busy_until: Mapped[datetime | None]
    since: Mapped[datetime]
    outcome: Mapped[str | None]
    delivered_at: Mapped[datetime | None]


class WebhookAttemptRow(TenantBase):
    """One request and what came back; ``status`` is none when there was no answer."""

    __tablename__ = "webhook_attempt"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_delivery.id"), index=True)
    at: Mapped[datetime]
    duration_ms: Mapped[int]
    status: Mapped[int | None]
    outcome: Mapped[str]
    request_headers: Mapped[dict[str, Any]]
    request_body: Mapped[str]
    response_headers: Mapped[dict[str, Any] | None]
    response_body: Mapped[str | None]


class PartnerWebhookRow(ControlBase):
    """A partner's own subscription to what happens at all its tenants. States: active, paused, removed.

    Each tenant holds a copy under its own key, brought up to date by a job: there it is seen, sent and logged.
    ``noticed_at``: when the contact was last written to, so that a hundred tenants' trouble with one endpoint is one mail.
    """

    __tablename__ = "partner_webhook"
    __table_args__ = (UniqueConstraint("partner_id", "name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("control.partner.id"))
    name: Mapped[str]
    url: Mapped[str]
    event_types: Mapped[list[str]]
    contact_email: Mapped[str]
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    state: Mapped[str]
    noticed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
