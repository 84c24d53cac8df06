"""Use case of a job: send what waits for one subscription about one object, in order - intent, act, outcome.

While an endpoint takes nothing, one probe is all that it gets: the other jobs end at once and cost nobody anything. With
the first success everything that waits is asked for. Times here are real ones: a sandbox's clock means nothing to the
receiver.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, insert, select, update

from billwright.audit.record import record
from billwright.delivery.webhooks.fan_out import ask_for
from billwright.delivery.webhooks.patience import DISABLE_AFTER, GIVE_UP_AFTER, PAUSES_S, WARN_AFTER
from billwright.delivery.webhooks.send import Request, Result, make_request, send
from billwright.delivery.webhooks.tables import (
    WebhookAttemptRow,
    WebhookDeliveryRow,
    WebhookEventRow,
    WebhookSubscriptionRow,
)
from billwright.delivery.webhooks.vault import Vault
from billwright.documents.after_issue import close_exceptions, open_exception
from billwright.jobs.enqueue import enqueue
from billwright.jobs.failures import LaterError
from billwright.kernel.actor import SYSTEM
from billwright.kernel.backoff import pause
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

PROBE: Final = "webhooks.probe"
NOTICE: Final = "webhooks.notice"
DISABLED: Final = "webhook_disabled"
BUSY_FOR: Final = timedelta(seconds=60)
"""How long nobody else sends the same event: longer than one request may take, so that only a crash outlasts it."""
IN_A_ROW_MAX: Final = 20
"""Events of one object in one job; the rest gets a job of its own, so that one object keeps no worker for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """What sending needs, wired once per process."""

    database: Database
    vault: Vault
    source_base: str
    """What ``source`` starts with: the install's address, or nothing."""
    private_hosts_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intent:
    delivery_id: UUID
    object_id: UUID
    attempt: int
    since: datetime
    request: Request


def deliver(
    courier: Courier, tenant: Tenant, subscription_id: UUID, object_id: UUID | None, *, trace_id: str | None = None
) -> None:
    """Send the object's waiting events until none is left; ``object_id`` none: one probe with the oldest of all.

    Raises:
        LaterError: not taken; when to try again.
    """
    for _ in range(1 if object_id is None else IN_A_ROW_MAX):
        with transaction(courier.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            intent = _intend(courier, tx, subscription_id, object_id)
        if intent is None:
            return
        result = send(intent.request, private_hosts_allowed=courier.private_hosts_allowed)
        with transaction(courier.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            again_at = _conclude(tx, subscription_id, intent, result, courier.database.clock.now())
        if again_at is not None:
            raise LaterError(result.text, at=again_at)
    if object_id is not None:
        with transaction(courier.database, tenant, SYSTEM, trace_id=trace_id) as tx:
            ask_for(tx, [(subscription_id, object_id)])


def _intend(courier: Courier, tx: Tx, subscription_id: UUID, object_id: UUID | None) -> _Intent | None:
    """The next waiting delivery, one attempt further; none when there is nothing to do now.

    Raises:
        LaterError: it is not this delivery's time yet.
    """
    now = courier.database.clock.now()
    # Shared by the deliveries, alone for the probe: whoever changes the state sees all that came before, and the other
    # way round. So nothing is left waiting that nobody asks for.
    locked = select(WebhookSubscriptionRow).where(WebhookSubscriptionRow.id == subscription_id)
    subscription = tx.session.scalars(locked.with_for_update(read=object_id is not None)).one_or_none()
    if subscription is None or subscription.state != "active":
        return None
    if subscription.failing_since is not None and object_id is not None:
        return None  # the probe asks for this object again when the endpoint is back
    query = (
        select(WebhookDeliveryRow, WebhookEventRow)
        .join(WebhookEventRow, WebhookEventRow.id == WebhookDeliveryRow.event_id)
        .where(WebhookDeliveryRow.subscription_id == subscription_id, WebhookDeliveryRow.state == "waiting")
        .order_by(WebhookDeliveryRow.event_id)
        .limit(1)
        .with_for_update(of=WebhookDeliveryRow)
    )
    if object_id is not None:
        query = query.where(WebhookDeliveryRow.object_id == object_id)
    found = tx.session.execute(query).one_or_none()
    if found is None:
        if subscription.failing_since is not None:
            _recovered(tx, subscription, now)
        return None
    delivery, event = found
    moments = (delivery.busy_until, subscription.retry_at, delivery.next_at if object_id else None)
    due = max(filter(None, moments), default=now)
    if due > now:
        raise LaterError("It is not time yet.", at=due)
    delivery.busy_until = now + BUSY_FOR
    delivery.attempts += 1
    request = _request(courier, tx.tenant, subscription, event, now)
    return _Intent(
        delivery_id=delivery.id,
        object_id=delivery.object_id,
        attempt=delivery.attempts,
        since=delivery.since,
        request=request,
    )


def _request(
    courier: Courier, tenant: Tenant, subscription: WebhookSubscriptionRow, event: WebhookEventRow, now: datetime
) -> Request:
    sealed = [subscription.secret]
    if subscription.old_secret and subscription.old_secret_until and subscription.old_secret_until > now:
        sealed.append(subscription.old_secret)
    data: dict[str, Any] = event.data or {}
    if subscription.owner == "partner":
        data = {name: data[name] for name in ("id", "object")}
    return make_request(
        subscription.url,
        [courier.vault.open(tenant.id, each) for each in sealed],
        event_id=event.id,
        event_type=event.type,
        source=f"{courier.source_base}/v1/tenants/{tenant.slug}",
        at=event.at,
        data=data,
        now=now,
    )


def _conclude(tx: Tx, subscription_id: UUID, intent: _Intent, result: Result, now: datetime) -> datetime | None:
    """Write what came back and what follows from it; return when to try again, none when this one is over."""
    locked = select(WebhookSubscriptionRow).where(WebhookSubscriptionRow.id == subscription_id).with_for_update()
    subscription = tx.session.scalars(locked).one()
    _log(tx, intent, result, now)
    if result.blame is None:
        _end(tx, intent, "delivered", result.text, delivered_at=now)
        if subscription.failing_since is not None:
            _recovered(tx, subscription, now)
        return None
    if result.blame == "event":
        return _event_trouble(tx, subscription, intent, result, now)
    return _endpoint_trouble(tx, subscription, intent, result, now)


def _event_trouble(
    tx: Tx, subscription: WebhookSubscriptionRow, intent: _Intent, result: Result, now: datetime
) -> datetime | None:
    """The endpoint answers, though not to this event; the object's later events wait behind it until it is given up."""
    back = subscription.failing_since is not None
    if back:
        _recovered(tx, subscription, now)
    if now - intent.since >= GIVE_UP_AFTER:
        _end(tx, intent, "failed", f"{result.text} Given up after {intent.attempt} attempts.")
        ask_for(tx, [(subscription.id, intent.object_id)])
        return None
    again_at = now + (timedelta(seconds=result.wait_s) if result.wait_s else pause(PAUSES_S, intent.attempt))
    _wait(tx, intent, result.text, again_at)
    return None if back else again_at


def _endpoint_trouble(
    tx: Tx, subscription: WebhookSubscriptionRow, intent: _Intent, result: Result, now: datetime
) -> datetime | None:
    first = subscription.failing_since is None
    if first:
        subscription.failing_since = now
    if subscription.retry_at is None or subscription.retry_at <= now:  # others of this moment say nothing new
        subscription.failures += 1
        asked = timedelta(seconds=result.wait_s) if result.wait_s is not None else timedelta(0)
        subscription.retry_at = now + max(asked, pause(PAUSES_S, subscription.failures))
    assert subscription.retry_at is not None
    assert subscription.failing_since is not None
    subscription.reason, subscription.updated_at = result.text, now
    _wait(tx, intent, result.text, subscription.retry_at)
    failing_for = now - subscription.failing_since
    if result.blame == "gone" or failing_for >= DISABLE_AFTER:
        _disable(tx, subscription, result.text, now)
        return None
    if failing_for >= WARN_AFTER and subscription.warned_at is None:
        subscription.warned_at = now
        record(tx, "webhook.warned", "webhook", subscription.id, after={"reason": result.text})
        _notice(tx, subscription, "warning")
    if first:
        probe = JobSpec(
            kind=PROBE, key=f"probe:{subscription.id}", payload={"subscription_id": subscription.id}, run_at=tx.now
        )
        enqueue(tx, [probe])
        return None  # from here on the probe tries
    return subscription.retry_at


def _recovered(tx: Tx, subscription: WebhookSubscriptionRow, now: datetime) -> None:
    """Everything that waits is asked for again; failures of before are forgotten."""
    record(tx, "webhook.recovered", "webhook", subscription.id, after={"since": subscription.failing_since})
    subscription.failing_since = subscription.retry_at = subscription.warned_at = subscription.reason = None
    subscription.failures, subscription.updated_at = 0, now
    ask_for_all(tx, subscription.id)


def ask_for_all(tx: Tx, subscription_id: UUID) -> int:
    """Jobs for all objects with something waiting; return how many. Two statements."""
    waiting = select(WebhookDeliveryRow.object_id).distinct()
    waiting = waiting.where(
        WebhookDeliveryRow.subscription_id == subscription_id, WebhookDeliveryRow.state == "waiting"
    )
    pairs = [(subscription_id, object_id) for object_id in tx.session.scalars(waiting)]
    ask_for(tx, pairs)
    return len(pairs)


def end_pauses(tx: Tx, subscription_id: UUID) -> None:
    """What was tried and waits for its next attempt, perhaps for hours, is due: somebody says that it is mended."""
    now = tx.database.clock.now()
    paused = update(WebhookDeliveryRow).where(
        WebhookDeliveryRow.subscription_id == subscription_id,
        WebhookDeliveryRow.state == "waiting",
        WebhookDeliveryRow.next_at > now,
    )
    tx.session.execute(paused.values(next_at=now).execution_options(synchronize_session=False))


def _disable(tx: Tx, subscription: WebhookSubscriptionRow, text: str, now: datetime) -> None:
    subscription.state, subscription.updated_at = "disabled", now
    record(tx, "webhook.disabled", "webhook", subscription.id, after={"reason": text}, reason=text)
    waiting = tx.session.scalar(
        select(func.count()).where(
            WebhookDeliveryRow.subscription_id == subscription.id, WebhookDeliveryRow.state == "waiting"
        )
    )
    open_exception(
        tx,
        subject_kind="webhook",
        subject_id=subscription.id,
        code=DISABLED,
        title=f"The webhook {subscription.name} is switched off",
        reason=f"{text} {waiting} events wait for it.",
        remedy="Mend the endpoint, then enable the webhook: what waits is sent in its order.",
        owner_role="integration_administrator",
    )
    _notice(tx, subscription, "disabled")


def close_disabled(tx: Tx, subscription_id: UUID) -> None:
    close_exceptions(tx, subscription_id, DISABLED, how="The webhook was enabled.")


def _notice(tx: Tx, subscription: WebhookSubscriptionRow, what: str) -> None:
    if subscription.contact_email:
        payload = {"subscription_id": subscription.id, "what": what}
        key = f"notice:{subscription.id}:{what}:{subscription.failing_since:%Y%m%d%H%M%S}"
        enqueue(tx, [JobSpec(kind=NOTICE, key=key, payload=payload)])


def _end(tx: Tx, intent: _Intent, state: str, text: str, *, delivered_at: datetime | None = None) -> None:
    _write(tx, intent, state=state, outcome=text, delivered_at=delivered_at)


def _wait(tx: Tx, intent: _Intent, text: str, again_at: datetime) -> None:
    _write(tx, intent, outcome=text, next_at=again_at)


def _write(tx: Tx, intent: _Intent, **values: Any) -> None:
    """Only while it waits: a person may have skipped it meanwhile."""
    statement = update(WebhookDeliveryRow).where(
        WebhookDeliveryRow.id == intent.delivery_id, WebhookDeliveryRow.state == "waiting"
    )
    tx.session.execute(statement.values(**values, busy_until=None).execution_options(synchronize_session=False))


def _log(tx: Tx, intent: _Intent, result: Result, now: datetime) -> None:
    row: dict[str, Any] = {
        "id": new_id(),
        "delivery_id": intent.delivery_id,
        "at": now,
        "duration_ms": result.duration_ms,
        "status": result.status,
        "outcome": result.text,
        "request_headers": {**intent.request.headers, "webhook-signature": "(kept secret)"},
        "request_body": intent.request.body,
        "response_headers": result.headers,
        "response_body": result.body,
    }
    tx.session.execute(insert(WebhookAttemptRow), [row])
