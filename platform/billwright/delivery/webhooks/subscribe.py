"""Use cases: make, change, rotate, pause, enable, test and remove a tenant's subscription."""

import base64
import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from billwright.audit.record import record
from billwright.delivery.message import wire_address
from billwright.delivery.webhooks.catalogue import EVENT_TYPES, TEST, is_pattern
from billwright.delivery.webhooks.deliver import ask_for_all, close_disabled, end_pauses
from billwright.delivery.webhooks.errors import WebhookExistsError, WebhookStateError
from billwright.delivery.webhooks.fan_out import ask_for, make_deliveries
from billwright.delivery.webhooks.patience import OLD_SECRET_FOR
from billwright.delivery.webhooks.tables import WebhookDeliveryRow, WebhookEventRow, WebhookSubscriptionRow
from billwright.delivery.webhooks.vault import Vault
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError, PermissionDeniedError
from billwright.kernel.ids import new_id, show
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

NAME_CHARS_MAX: Final = 100
URL_CHARS_MAX: Final = 2_000
SUBSCRIPTIONS_MAX: Final = 20
SECRET_BYTES: Final = 32
WRITE: Final = "connection:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a subscription says. ``event_types``: names, families (``invoice.*``) or ``*``."""

    name: str
    url: str
    event_types: tuple[str, ...]
    contact_email: str = ""


def new_secret() -> str:
    """As the Standard Webhooks specification writes them; 256 random bits."""
    return f"whsec_{base64.b64encode(os.urandom(SECRET_BYTES)).decode()}"


def check_wanted(wanted: Wanted) -> None:
    """What can be said of it without asking anybody; the address itself is checked at each request.

    Raises:
        InputInvalidError: names the field and the remedy.
    """
    if not 0 < len(wanted.name.strip()) <= NAME_CHARS_MAX:
        raise InputInvalidError(f"A webhook needs a name of up to {NAME_CHARS_MAX} characters.", field="name")
    _check_url(wanted.url)
    if not wanted.event_types:
        raise InputInvalidError('Say what it wants to know: names of events, or "*" for all.', field="event_types")
    if unknown := [each for each in wanted.event_types if not is_pattern(each)]:
        known = ", ".join(EVENT_TYPES)
        raise InputInvalidError(f"There is no event {unknown[0][:60]!r}; known are {known}.", field="event_types")
    if wanted.contact_email and wire_address(wanted.contact_email) is None:
        raise InputInvalidError("This is no e-mail address that mail servers take.", field="contact_email")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputInvalidError("This is no address; write https://host/path.", field="url") from None
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise InputInvalidError(f"Write the address in ASCII, up to {URL_CHARS_MAX} characters.", field="url")
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise InputInvalidError("Write the whole address: https://host/path.", field="url")
    if parts.username or parts.password or parts.fragment:
        raise InputInvalidError("Leave out user, password and fragment; the signature proves who sends.", field="url")


def make_webhook(
    database: Database, tenant: Tenant, actor: Actor, wanted: Wanted, vault: Vault, *, trace_id: str | None = None
) -> tuple[UUID, str]:
    """Subscribe; return its identifier and the secret, which is shown this once.

    Raises:
        PermissionDeniedError: without ``connection:write``.
        InputInvalidError: a field is wrong, or there are twenty already.
        WebhookExistsError: the name is taken.
    """
    actor.require(WRITE)
    check_wanted(wanted)
    secret, identifier = new_secret(), new_id()
    sealed = vault.seal(tenant.id, secret)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        query = select(WebhookSubscriptionRow.id).where(WebhookSubscriptionRow.state != "removed")
        if len(tx.session.scalars(query).all()) >= SUBSCRIPTIONS_MAX:
            raise InputInvalidError(f"There are {SUBSCRIPTIONS_MAX} webhooks; remove one first.", field="name")
        row = WebhookSubscriptionRow(
            id=identifier,
            owner="tenant",
            name=wanted.name.strip(),
            url=wanted.url,
            event_types=list(wanted.event_types),
            contact_email=wanted.contact_email,
            secret=sealed,
            state="active",
            failures=0,
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.session.add(row)
        _flush(tx, wanted.name)
        record(tx, "webhook.made", "webhook", identifier, after=_facts(row))
    return identifier, secret


def change_webhook(
    database: Database, tenant: Tenant, actor: Actor, webhook_id: UUID, wanted: Wanted, *, trace_id: str | None = None
) -> WebhookSubscriptionRow:
    """Change name, address, events or contact. Events that were stored stay as they were.

    Raises:
        PermissionDeniedError, InputInvalidError, WebhookExistsError: as for ``make_webhook``; the partner's own.
        NotFoundError: there is none.
    """
    actor.require(WRITE)
    check_wanted(wanted)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = lock_webhook(tx, webhook_id)
        before = _facts(row)
        row.name, row.url = wanted.name.strip(), wanted.url
        row.event_types, row.contact_email = list(wanted.event_types), wanted.contact_email
        row.updated_at = tx.now
        if before["url"] != row.url:  # another endpoint has not failed yet
            row.retry_at = None
        _flush(tx, wanted.name)
        record(tx, "webhook.changed", "webhook", row.id, before=before, after=_facts(row))
    return row


def rotate_secret(
    database: Database, tenant: Tenant, actor: Actor, webhook_id: UUID, vault: Vault, *, trace_id: str | None = None
) -> tuple[WebhookSubscriptionRow, str]:
    """A new secret, shown this once; for a day every request bears the signatures of both.

    Raises:
        PermissionDeniedError, NotFoundError: as for ``change_webhook``.
    """
    actor.require(WRITE)
    secret = new_secret()
    sealed = vault.seal(tenant.id, secret)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = lock_webhook(tx, webhook_id)
        row.secret, row.old_secret = sealed, row.secret
        row.old_secret_until = database.clock.now() + OLD_SECRET_FOR
        row.updated_at = tx.now
        record(tx, "webhook.secret_rotated", "webhook", row.id, after={"old_until": row.old_secret_until})
    return row, secret


def switch_webhook(
    database: Database, tenant: Tenant, actor: Actor, webhook_id: UUID, state: str, *, trace_id: str | None = None
) -> WebhookSubscriptionRow:
    """``active``: what waits is sent in its order. ``paused``: events are kept until then. ``removed``: for good.

    Raises:
        PermissionDeniedError, NotFoundError: as for ``change_webhook``.
        InputInvalidError: another state.
    """
    actor.require(WRITE)
    if state not in {"active", "paused", "removed"}:
        raise InputInvalidError("Say active, paused or removed.", field="state")
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = lock_webhook(tx, webhook_id)
        before = row.state
        row.state, row.updated_at = state, tx.now
        if state == "active":
            row.failing_since = row.retry_at = row.warned_at = row.reason = None
            row.failures = 0
            tx.session.flush()
            end_pauses(tx, row.id)
            close_disabled(tx, row.id)
            ask_for_all(tx, row.id)
        if state == "removed":
            row.name = f"{row.name} ({show('whk', row.id)})"  # the name is free again
            close_disabled(tx, row.id)
            waiting = update(WebhookDeliveryRow).where(
                WebhookDeliveryRow.subscription_id == row.id, WebhookDeliveryRow.state == "waiting"
            )
            tx.session.execute(waiting.values(state="skipped", outcome="The webhook was removed."))
        record(tx, f"webhook.{state}", "webhook", row.id, before={"state": before}, after={"state": state})
    return row


def send_test(
    database: Database, tenant: Tenant, actor: Actor, webhook_id: UUID, *, trace_id: str | None = None
) -> UUID:
    """Send an event ``webhook.test`` to this subscription alone; return the event's identifier.

    Raises:
        PermissionDeniedError, NotFoundError: as for ``change_webhook``.
        WebhookStateError: it is not active.
    """
    actor.require(WRITE)
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        return make_test(tx, lock_webhook(tx, webhook_id))


def make_test(tx: Tx, row: WebhookSubscriptionRow) -> UUID:
    """An event ``webhook.test`` for this locked subscription alone; return its identifier.

    Raises:
        WebhookStateError: it is not active.
    """
    if row.state != "active":
        raise WebhookStateError(f"This webhook is {row.state}; enable it first.", state=row.state)
    event_id = new_id()
    event = {
        "id": event_id,
        "type": TEST,
        "object_kind": "subscription",
        "object_id": row.id,
        "at": tx.now,
        "data": {"id": show("whk", row.id), "object": "subscription"},
    }
    insert_many(tx.session, WebhookEventRow, [event])
    make_deliveries(tx, [(row.id, event_id, row.id)])
    ask_for(tx, [(row.id, row.id)])
    record(tx, "webhook.tested", "webhook", row.id, after={"event": event_id})
    return event_id


def lock_webhook(tx: Tx, webhook_id: UUID, *, mine: bool = True) -> WebhookSubscriptionRow:
    """The subscription, locked; ``mine``: only the tenant's own.

    Raises:
        NotFoundError: there is none.
        PermissionDeniedError: it is the partner's.
    """
    query = select(WebhookSubscriptionRow).where(WebhookSubscriptionRow.id == webhook_id)
    row = tx.session.scalars(query.with_for_update()).one_or_none()
    if row is None or row.state == "removed":
        raise NotFoundError(f"There is no webhook {show('whk', webhook_id)} here.")
    if mine and row.owner != "tenant":
        raise PermissionDeniedError(
            "This webhook is your partner's: it tells what happened to which object, and nothing of the content. Ask the "
            "partner to change it.",
            permission=WRITE,
        )
    return row


def _flush(tx: Tx, name: str) -> None:
    try:
        with tx.session.begin_nested():
            tx.session.flush()
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", "")
        if constraint != "uq_webhook_subscription_owner_name":
            raise
        raise WebhookExistsError(f"There is a webhook {name.strip()!r} already; choose another name.") from None


def _facts(row: WebhookSubscriptionRow) -> dict[str, object]:
    return {
        "name": row.name,
        "url": row.url,
        "event_types": list(row.event_types),
        "contact_email": row.contact_email,
        "state": row.state,
    }
