"""A partner's webhook at its tenants: how each copy stands, what was sent, sending again, a test.

Needs no grant: what is sent says what happened to which object, and nothing of the content. Nothing else is read there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import case, func, select

from billwright.audit.record import record_control
from billwright.delivery.webhooks.errors import WebhookStateError
from billwright.delivery.webhooks.partner import READ, WRITE, lock_partner_webhook
from billwright.delivery.webhooks.queries import list_attempts
from billwright.delivery.webhooks.redeliver import SKIPPED_BY, again_one, again_since
from billwright.delivery.webhooks.subscribe import make_test
from billwright.delivery.webhooks.tables import (
    PartnerWebhookRow,
    WebhookAttemptRow,
    WebhookDeliveryRow,
    WebhookEventRow,
    WebhookSubscriptionRow,
)
from billwright.jobs.enqueue import enqueue_at_tenants
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import show
from billwright.kernel.paging import Slice
from billwright.tenancy.answers import newest_first
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_partner
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction

LOG: Final = "health:read"
AGAIN: Final = "webhooks.again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A partner's webhook at one tenant. ``row`` is None until the tenant took it over, a moment after it was made."""

    tenant: Tenant
    row: WebhookSubscriptionRow | None
    waiting: int
    failed: int


def get_partner_webhook(database: Database, actor: Actor, partner_slug: str, webhook_id: UUID) -> PartnerWebhookRow:
    """One of the partner's webhooks.

    Raises:
        PermissionDeniedError: without ``partner:read``.
        NotFoundError: there is none, or it was removed.
    """
    actor.require(READ)
    with control_transaction(database, actor) as tx:
        partner = find_partner(tx.session, partner_slug)
        row = tx.session.get(PartnerWebhookRow, webhook_id)
    if row is None or row.partner_id != partner.id or row.state == "removed":
        raise NotFoundError(f"There is no webhook {show('whk', webhook_id)} here.")
    return row


def copies_at(database: Database, actor: Actor, tenants: Sequence[Tenant], webhook_id: UUID) -> list[Copy]:
    """How the copy of each of ``tenants`` stands: one statement per tenant.

    Raises:
        PermissionDeniedError: without ``health:read``.
    """
    actor.require(LOG)
    found = []
    for tenant in tenants:
        with transaction(database, tenant, _nobody_inside(actor), read_only=True) as tx:
            row = tx.session.execute(_standing(webhook_id)).one_or_none()
        found.append(
            Copy(tenant=tenant, row=row[0], waiting=row.waiting, failed=row.failed)
            if row
            else Copy(tenant=tenant, row=None, waiting=0, failed=0)
        )
    return found


def list_sent(
    database: Database,
    actor: Actor,
    tenant: Tenant,
    webhook_id: UUID,
    *,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> Slice[AnyRow]:
    """What was sent of one tenant, newest first.

    Raises:
        PermissionDeniedError: without ``health:read``.
        InputInvalidError: the cursor is not of this list.
    """
    actor.require(LOG)
    with transaction(database, tenant, _nobody_inside(actor), read_only=True) as tx:
        query = _sent(webhook_id)
        if state is not None:
            query = query.where(WebhookDeliveryRow.state == state)
        return newest_first(tx, query, WebhookDeliveryRow.id, limit=limit, cursor=cursor)


def get_sent(
    database: Database, actor: Actor, tenant: Tenant, webhook_id: UUID, delivery_id: UUID
) -> tuple[AnyRow, list[WebhookAttemptRow]]:
    """One delivery with its last attempts, bodies included.

    Raises:
        PermissionDeniedError: without ``health:read``.
        NotFoundError: this webhook has none of that identifier at the tenant.
    """
    actor.require(LOG)
    with transaction(database, tenant, _nobody_inside(actor), read_only=True) as tx:
        row = tx.session.execute(_sent(webhook_id).where(WebhookDeliveryRow.id == delivery_id)).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no delivery {show('del', delivery_id)} here.")
        return row, list_attempts(tx, delivery_id)


def redeliver_partner_one(
    database: Database, actor: Actor, tenant: Tenant, webhook_id: UUID, event_id: UUID, *, trace_id: str | None = None
) -> None:
    """Send one event of a tenant again.

    Raises:
        PermissionDeniedError: without ``partner:write``.
        NotFoundError: no such webhook or event there.
        WebhookStateError: it is not active there.
    """
    actor.require(WRITE)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        again_one(tx, _lock_copy(tx, webhook_id), event_id)


def send_partner_test(
    database: Database, actor: Actor, tenant: Tenant, webhook_id: UUID, *, trace_id: str | None = None
) -> None:
    """Send a test from one tenant; raises as ``redeliver_partner_one``."""
    actor.require(WRITE)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        make_test(tx, _lock_copy(tx, webhook_id))


def redeliver_partner_since(
    database: Database,
    actor: Actor,
    partner_slug: str,
    webhook_id: UUID,
    since: datetime,
    *,
    trace_id: str | None = None,
) -> None:
    """Send all events of its kinds since a moment again, at every tenant: a job at each does it.

    Raises:
        PermissionDeniedError: without ``partner:write``.
        NotFoundError: there is none.
        InputInvalidError: a moment without a time zone.
        WebhookStateError: it is not active.
    """
    actor.require(WRITE)
    if since.tzinfo is None:
        raise InputInvalidError("Give a moment with a time zone.", field="since")
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        row = lock_partner_webhook(tx, partner_slug, webhook_id)
        if row.state != "active":
            raise WebhookStateError(f"This webhook is {row.state}; enable it first.", state=row.state)
        record_control(
            tx, "webhook.redelivered", "webhook", row.id, partner_id=row.partner_id, tenant_id=None,
            after={"since": since},
        )  # fmt: skip
        payload = {"partner_webhook_id": row.id, "since": since}
        enqueue_at_tenants(tx, row.partner_id, JobSpec(kind=AGAIN, key=f"again:{row.id}:{since}", payload=payload))


def again_at(tx: Tx, partner_webhook_id: UUID, since: datetime) -> None:
    """The job of one tenant. A copy that is gone, paused or switched off meanwhile is left as it is."""
    row = _copy(tx, partner_webhook_id)
    if row is not None and row.state == "active":
        again_since(tx, row, since)


def _nobody_inside(actor: Actor) -> Actor:
    """The same person without permissions: what is read here needs none, and nothing else may be."""
    return Actor(kind=actor.kind, name=actor.name, id=actor.id, person_id=actor.person_id)


def _lock_copy(tx: Tx, webhook_id: UUID) -> WebhookSubscriptionRow:
    row = _copy(tx, webhook_id)
    if row is None:
        raise NotFoundError(f"{tx.tenant.name} has no webhook {show('whk', webhook_id)} yet.")
    return row


def _copy(tx: Tx, webhook_id: UUID) -> WebhookSubscriptionRow | None:
    query = select(WebhookSubscriptionRow).where(_of(webhook_id), WebhookSubscriptionRow.state != "removed")
    return tx.session.scalars(query.with_for_update()).one_or_none()


def _of(webhook_id: UUID) -> Any:
    owner, partners = WebhookSubscriptionRow.owner, WebhookSubscriptionRow.partner_subscription_id
    return (owner == "partner") & (partners == webhook_id)


def _standing(webhook_id: UUID) -> Any:
    def counted(state: str) -> Any:
        ours = WebhookDeliveryRow.subscription_id == WebhookSubscriptionRow.id
        query = select(func.count()).where(ours, WebhookDeliveryRow.state == state)
        return query.correlate(WebhookSubscriptionRow).scalar_subquery().label(state)

    return select(WebhookSubscriptionRow, counted("waiting"), counted("failed")).where(
        _of(webhook_id), WebhookSubscriptionRow.state != "removed"
    )


def _sent(webhook_id: UUID) -> Any:
    row = WebhookDeliveryRow
    # Who of the tenant skipped it, and why, is the tenant's.
    by_tenant = row.outcome.startswith(SKIPPED_BY)
    outcome = case((by_tenant, "Skipped by somebody of the tenant."), else_=row.outcome).label("outcome")
    # A scalar, for there is one: the index then gives the order.
    copy = select(WebhookSubscriptionRow.id).where(_of(webhook_id)).scalar_subquery()
    return (
        select(
            row.id, row.state, row.attempts, row.next_at, outcome, row.delivered_at, row.object_id, row.event_id,
            row.subscription_id, WebhookEventRow.type, WebhookEventRow.at, WebhookEventRow.object_kind,
        )
        .join(WebhookEventRow, WebhookEventRow.id == row.event_id)
        .where(row.subscription_id == copy)
    )  # fmt: skip
