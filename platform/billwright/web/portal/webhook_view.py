"""The pages of webhooks as they are shown; who may do what is asked here and by the use cases."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Response

from billwright.delivery.webhooks.catalogue import ANY, EVENT_TYPES, TEST, matches
from billwright.delivery.webhooks.errors import WebhookExistsError, WebhookStateError
from billwright.delivery.webhooks.queries import list_attempts
from billwright.delivery.webhooks.subscribe import Wanted
from billwright.kernel.errors import ConflictError, DomainError, InputInvalidError, NotFoundError
from billwright.kernel.ids import read, show
from billwright.kernel.redact import redact
from billwright.tenancy.transaction import Tx
from billwright.web.portal.environment import moment_text
from billwright.web.portal.forms import field, fields
from billwright.web.portal.listing_connectors import connector_tabs
from billwright.web.portal.listing_webhooks import DELIVERY, PATH, about, events_in_words, family_words, standing
from billwright.web.portal.queries_webhooks import (
    Known,
    delivery,
    events_since,
    last_deliveries,
    waiting_before,
    webhook,
)
from billwright.web.portal.visit import Visit

READ: Final = "connection:read"
WRITE: Final = "connection:write"
RETRY: Final = "delivery:retry"
SHOWN: Final = 8
BODY_CHARS_MAX: Final = 4_000
SHOWN_AGAIN: Final = (InputInvalidError, WebhookExistsError, WebhookStateError)
"""Refusals that the page itself shows; others have their own page."""
NOTHING: Final = Wanted(name="", url="", event_types=())


def families() -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """Family to its words and its events with their sentences; the test needs no subscription."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name, sentence in EVENT_TYPES.items():
        if name != TEST:
            family = name.partition(".")[0]
            found.setdefault(family, (family_words(family), {}))[1][name] = sentence
    return found


def status_of(refusal: DomainError | None) -> int:
    return 200 if refusal is None else 409 if isinstance(refusal, ConflictError) else 422


def form_page(
    visit: Visit, webhook_id: str | None, typed: Wanted | None, *, refusal: DomainError | None = None
) -> Response[str]:
    """The form of a new webhook, or of one that is changed: with what was ``typed``, else as it stands.

    Raises:
        NotFoundError: there is none, or it is not this tenant's to change.
    """
    with visit.reading() as tx:
        wanted = typed or (_as_it_stands(tx, read("whk", webhook_id)) if webhook_id else NOTHING)
        beside = connector_tabs(visit, tx)
    return visit.page(
        "webhook_form.html",
        room="connectors",
        title="Change the webhook" if webhook_id else "New webhook",
        status=status_of(refusal),
        webhook_id=webhook_id,
        wanted=wanted,
        families=families(),
        refused=str(refusal) if refusal else "",
        wrong=str(refusal.facts.get("field", "")) if refusal else "",
        home=visit.url(PATH),
        tab=PATH,
        **beside,
    )


def _as_it_stands(tx: Tx, webhook_id: UUID) -> Wanted:
    row = webhook(tx, webhook_id).row
    if row.owner != "tenant":
        raise NotFoundError("This webhook is your partner's, who alone changes it.")
    return Wanted(name=row.name, url=row.url, event_types=tuple(row.event_types), contact_email=row.contact_email)


def webhook_page(
    visit: Visit,
    webhook_id: str,
    *,
    secret: str = "",
    refusal: DomainError | None = None,
    deed: str = "",
    since: datetime | None = None,
) -> Response[str]:
    """The page of one webhook. With ``secret`` it is kept nowhere, neither by the browser."""
    visit.require(READ)
    with visit.reading() as tx:
        known = webhook(tx, read("whk", webhook_id))
        sent = last_deliveries(tx, known.row.id, SHOWN)
        events = 0
        if since is not None:
            events = events_since(tx, known.row, since) if deed == "again" else waiting_before(tx, known.row, since)
        beside = connector_tabs(visit, tx)
    row = known.row
    mine = row.owner == "tenant"
    answer = visit.page(
        "webhook.html",
        room="connectors",
        title=row.name,
        status=status_of(refusal),
        known=known,
        shown_id=show("whk", row.id),
        standing=standing(row),
        says=_says(known),
        host=urlsplit(row.url).hostname,
        told_of=events_in_words(row.event_types),
        both_until=both_until(visit, row.old_secret_until),
        sent=sent,
        about=about,
        states=DELIVERY,
        mine=mine,
        may_write=mine and visit.may(WRITE),
        may_retry=mine and visit.may(RETRY),
        secret=secret,
        refused=str(refusal) if refusal else "",
        deed=deed if since is not None else "",
        day=f"{since:%Y-%m-%d}" if since else "",
        events=events,
        home=visit.url(PATH),
        tab=PATH,
        **beside,
    )
    if secret:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _says(known: Known) -> str:
    """What the state means for whoever reads it."""
    row = known.row
    if row.state == "paused":
        return "Nothing is sent; events are kept until it is enabled."
    if row.state == "disabled":
        return (
            "It took nothing for too long, so nothing more is sent. Events are kept: mend the endpoint, then enable it."
        )
    if row.failing_since is not None:
        return "The endpoint takes nothing. One event asks it again and again, everything else waits in its order."
    return "Events are sent as they happen."


def both_until(visit: Visit, until: datetime | None) -> str:
    """Until when the secret before this one is valid too; empty when it is not any more."""
    return moment_text(until) if until is not None and until > visit.database.clock.now() else ""


def delivery_page(visit: Visit, delivery_id: str, *, refusal: DomainError | None = None) -> Response[str]:
    """One event for one webhook: each request and what came back."""
    visit.require(READ)
    with visit.reading() as tx:
        identifier = read("del", delivery_id)
        found = delivery(tx, identifier)
        attempts = list_attempts(tx, identifier)
        beside = connector_tabs(visit, tx)
    return visit.page(
        "webhook_delivery.html",
        room="connectors",
        title=f"{found.type} to {found.webhook}",
        status=status_of(refusal),
        found=found,
        sent=found.WebhookDeliveryRow,
        sentence=EVENT_TYPES.get(found.type, ""),
        about=about(found),
        states=DELIVERY,
        attempts=attempts,
        headers=headers_text,
        body=body_text,
        webhook_href=visit.url(f"{PATH}/{show('whk', found.WebhookDeliveryRow.subscription_id)}"),
        here=visit.url(f"{PATH}/deliveries/{delivery_id}"),
        mine=found.owner == "tenant",
        may_retry=found.owner == "tenant" and visit.may(RETRY),
        refused=str(refusal) if refusal else "",
        home=visit.url(PATH),
        tab=PATH,
        **beside,
    )


def headers_text(given: Mapping[str, Any] | None) -> str:
    return redact("\n".join(f"{name}: {value}" for name, value in (given or {}).items()))


def body_text(text: str | None) -> str:
    """What was sent or came back, without what looks like a secret, and cut."""
    shown = redact((text or "")[: BODY_CHARS_MAX + 1])
    return f"{shown[:BODY_CHARS_MAX]}\n… cut here" if len(text or "") > BODY_CHARS_MAX else shown


def day_of(text: str) -> datetime:
    """The start of a day, in UTC as all moments of the portal.

    Raises:
        InputInvalidError: it is no day.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise InputInvalidError("Give a day as 2026-03-31.", field="day") from None


def wanted_of(form: dict[str, Any]) -> Wanted:
    """What the form says; a family that is ticked stands for its events."""
    ticked = [each for each in fields(form, "event") if each]
    families = [each for each in ticked if each.endswith(".*")]
    alone = [each for each in ticked if each not in families and not matches(families, each)]
    return Wanted(
        name=field(form, "name"),
        url=field(form, "url").strip(),
        event_types=(ANY,) if ANY in ticked else (*families, *alone),
        contact_email=field(form, "contact_email").strip(),
    )
