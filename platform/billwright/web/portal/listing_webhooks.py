"""The lists of webhooks and of what was sent to them, and the words for how a webhook stands."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from billwright.delivery.webhooks.catalogue import ANY, EVENT_TYPES
from billwright.delivery.webhooks.queries import list_webhooks
from billwright.delivery.webhooks.tables import WebhookDeliveryRow, WebhookEventRow, WebhookSubscriptionRow
from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing import Column, Filter, Listing, Sort
from billwright.web.portal.listing_connectors import connector_tabs
from billwright.web.portal.queries_webhooks import Known, deliveries, webhook_name
from billwright.web.portal.words import Status, look

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit

PATH: Final = "connectors/webhooks"
DELIVERY: Final[dict[str, Status]] = {
    "waiting": ("Waits", "waiting"),
    "delivered": ("Taken", "done"),
    "failed": ("Given up", "blocked"),
    "skipped": ("Skipped", "quiet"),
}
FAMILIES: Final = {"draft": "Drafts", "invoice": "Invoices", "dispute": "Disputes"}


def standing(row: WebhookSubscriptionRow) -> Status:
    """How a webhook stands, in words."""
    if row.state == "active":
        return ("Active", "done") if row.failing_since is None else ("Does not answer", "overdue")
    return look({"paused": ("Paused", "waiting"), "disabled": ("Switched off", "blocked")}, row.state)


def family_words(family: str) -> str:
    return FAMILIES.get(family, family.capitalize())


def events_in_words(patterns: Sequence[str]) -> str:
    """What it wants to know: ``everything``, ``all about invoices``, or the names."""
    if ANY in patterns:
        return "everything"
    return ", ".join(
        f"all about {family_words(each[:-2]).lower()}" if each.endswith(".*") else each for each in patterns
    )


def _whole(tx: Tx) -> Sequence[Known]:
    return [Known(row, waiting) for row, waiting in list_webhooks(tx)]


def _beside(visit: "Visit", tx: Tx) -> Mapping[str, Any]:
    return {**connector_tabs(visit, tx), "tab": PATH, "may_write": visit.may("connection:write")}


WEBHOOKS: Final = Listing(
    name="webhooks",
    room="connectors",
    path=PATH,
    title="Webhooks",
    rows="webhooks",
    needs=("connection:read",),
    template="webhooks.html",
    beside=_beside,
    whole=_whole,
    opens=lambda each: f"{PATH}/{show('whk', each.row.id)}",
    columns=(
        Column(key="name", label="Name", fixed=True, wide=False, value=lambda each: each.row.name),
        Column(key="url", label="Address", within=True, value=lambda each: each.row.url),
        Column(key="state", label="State", kind="status", wide=False, value=lambda each: standing(each.row)),
        Column(key="events", label="Told of", value=lambda each: events_in_words(each.row.event_types)),
        Column(key="waiting", label="Waiting", kind="number", wide=False, value=lambda each: each.waiting),
        Column(
            key="owner", label="Whose",
            value=lambda each: "your partner's" if each.row.owner == "partner" else "yours",
        ),
        Column(key="contact", label="Contact", default=False, value=lambda each: each.row.contact_email or None),
        Column(key="answer", label="Last answer", default=False, value=lambda each: each.row.reason),
        Column(key="made", label="Made", kind="moment", default=False, value=lambda each: each.row.created_at),
    ),
)  # fmt: skip


def about(row: Any) -> str:
    """What the event is about, as people call it."""
    if row.object_kind == "subscription":
        return "this webhook"
    if row.object_kind == "dispute":
        return f"a dispute of {row.number or 'a draft'}"
    return str(row.number or "a draft")


def _webhook_filter(_tx: Tx, identifier: UUID) -> Any:
    return WebhookDeliveryRow.subscription_id == identifier


def _type_filter(_tx: Tx, name: str) -> Any:
    return WebhookEventRow.type == name


SENT: Final = Listing(
    name="webhook_deliveries",
    room="connectors",
    path=f"{PATH}/deliveries",
    title="What was sent to webhooks",
    rows="deliveries",
    needs=("connection:read",),
    template="webhook_deliveries.html",
    beside=_beside,
    query=lambda _tx: deliveries(),
    identifier=WebhookDeliveryRow.id,
    order="-happened",
    opens=lambda row: f"{PATH}/deliveries/{show('del', row.WebhookDeliveryRow.id)}",
    columns=(
        Column(key="type", label="Event", fixed=True, wide=False, value=lambda row: row.type),
        Column(key="about", label="About", under=True, value=about),
        Column(
            key="state", label="State", kind="status", wide=False,
            value=lambda row: look(DELIVERY, row.WebhookDeliveryRow.state),
        ),
        Column(key="outcome", label="Last answer", within=True, value=lambda row: row.WebhookDeliveryRow.outcome),
        Column(key="webhook", label="Webhook", value=lambda row: row.webhook),
        Column(key="attempts", label="Attempts", kind="number", value=lambda row: row.WebhookDeliveryRow.attempts),
        Column(
            key="happened", label="Happened", kind="moment", sort=Sort(WebhookDeliveryRow.id, UUID),
            value=lambda row: row.at,
        ),
        Column(
            key="taken", label="Taken", kind="moment", default=False,
            value=lambda row: row.WebhookDeliveryRow.delivered_at,
        ),
        Column(
            key="event_id", label="Event id", default=False,
            value=lambda row: f"evt_{row.WebhookDeliveryRow.event_id.hex}",
        ),
    ),
    filters=(
        Filter(
            key="state", label="State", choices=tuple((state, text) for state, (text, _) in DELIVERY.items()),
            where=lambda _tx, state: WebhookDeliveryRow.state == state,
        ),
        Filter(key="type", label="Event", choices=tuple((name, name) for name in EVENT_TYPES), where=_type_filter),
        Filter(
            key="webhook", label="Webhook", kind="id", prefix="whk", where=_webhook_filter, name=webhook_name,
        ),
    ),
)  # fmt: skip
