"""What the API of webhooks takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from billwright.delivery.webhooks.subscribe import Wanted
from billwright.delivery.webhooks.tables import WebhookAttemptRow, WebhookSubscriptionRow
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow

Name = Annotated[str, Meta(min_length=1, max_length=100, description="Yours to choose; no two webhooks share one.")]
Url = Annotated[str, Meta(min_length=8, max_length=2_000, examples=["https://erp.client.example/hooks/billing"])]
Patterns = Annotated[
    tuple[str, ...],
    Meta(min_length=1, max_length=50, description="Events (`invoice.issued`), families (`invoice.*`) or `*`.",
         examples=[["invoice.*", "dispute.opened"]]),
]  # fmt: skip


class WebhookIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A subscription. ``contact_email`` is warned before the webhook is switched off."""

    name: Name
    url: Url
    event_types: Patterns
    contact_email: Annotated[str, Meta(max_length=254)] = ""

    def wanted(self) -> Wanted:
        return Wanted(name=self.name, url=self.url, event_types=self.event_types, contact_email=self.contact_email)


class StateIn(Struct, frozen=True, forbid_unknown_fields=True):
    """``active`` sends what waits; ``paused`` keeps events until then."""

    state: Literal["active", "paused"]


class RedeliverIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event (``event_id``), or all since a moment (``since``, until ``until``)."""

    event_id: str | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class SkipIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give up what waits and happened before a moment."""

    before: Annotated[datetime, Meta(tz=True)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class WebhookOut(Struct, frozen=True, kw_only=True):
    """A subscription. ``failing_since`` is set while its endpoint takes nothing; ``reason`` is the last answer then."""

    id: str
    owner: Literal["tenant", "partner"]
    name: str
    url: str
    event_types: list[str]
    contact_email: str
    state: Literal["active", "paused", "disabled"]
    failing_since: datetime | None
    next_attempt_at: datetime | None
    reason: str | None
    old_secret_until: datetime | None
    created_at: datetime
    waiting: int | None = None
    """Events that wait; given in the list only."""

    @classmethod
    def of(cls, row: WebhookSubscriptionRow, waiting: int | None = None) -> "WebhookOut":
        return cls(
            id=show("whk", row.id),
            owner="partner" if row.owner == "partner" else "tenant",
            name=row.name,
            url=row.url,
            event_types=list(row.event_types),
            contact_email=row.contact_email,
            state=row.state,  # type: ignore[arg-type]  # removed ones are never shown
            failing_since=row.failing_since,
            next_attempt_at=row.retry_at,
            reason=row.reason,
            old_secret_until=row.old_secret_until,
            created_at=row.created_at,
            waiting=waiting,
        )


class NewWebhookOut(Struct, frozen=True):
    """``secret`` is shown this once and can be rotated."""

    id: str
    secret: str


class SecretOut(Struct, frozen=True):
    """The new secret, shown this once; until ``old_secret_until`` requests bear the old one's signature too."""

    secret: str
    old_secret_until: datetime | None


class CountOut(Struct, frozen=True):
    events: int


class TestOut(Struct, frozen=True):
    event_id: str


class EventTypeOut(Struct, frozen=True):
    type: str
    description: str


class EventTypesOut(Struct, frozen=True):
    items: list[EventTypeOut]


class DeliveryOut(Struct, frozen=True, kw_only=True):
    """One event for one webhook; ``outcome`` says what happened last."""

    id: str
    event_id: str
    event_type: str
    event_at: datetime
    subject: str
    state: Literal["waiting", "delivered", "failed", "skipped"]
    attempts: int
    next_attempt_at: datetime | None
    outcome: str | None
    delivered_at: datetime | None

    @classmethod
    def of(cls, row: AnyRow) -> "DeliveryOut":
        return cls(
            id=show("del", row.id),
            event_id=f"evt_{row.event_id.hex}",
            event_type=row.type,
            event_at=row.at,
            subject=str((row.data or {}).get("id", "")),
            state=row.state,
            attempts=row.attempts,
            next_attempt_at=row.next_at if row.state == "waiting" else None,
            outcome=row.outcome,
            delivered_at=row.delivered_at,
        )


class AttemptOut(Struct, frozen=True, kw_only=True):
    """One request, without its signature, and what came back; bodies are cut at 4,000 bytes."""

    at: datetime
    duration_ms: int
    status: int | None
    outcome: str
    request_headers: dict[str, Any]
    request_body: str
    response_headers: dict[str, Any] | None
    response_body: str | None

    @classmethod
    def of(cls, row: WebhookAttemptRow) -> "AttemptOut":
        return cls(
            at=row.at,
            duration_ms=row.duration_ms,
            status=row.status,
            outcome=row.outcome,
            request_headers=row.request_headers,
            request_body=row.request_body,
            response_headers=row.response_headers,
            response_body=row.response_body,
        )


class AttemptsOut(Struct, frozen=True):
    items: list[AttemptOut]
