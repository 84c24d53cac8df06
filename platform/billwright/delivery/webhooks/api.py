"""``/v1/webhooks``: translate, call, translate."""

from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from billwright.delivery.webhooks.catalogue import EVENT_TYPES
from billwright.delivery.webhooks.queries import get_webhook, list_attempts, list_webhook_deliveries, list_webhooks
from billwright.delivery.webhooks.redeliver import redeliver_one, redeliver_since, skip_waiting
from billwright.delivery.webhooks.schemas import (
    AttemptOut,
    AttemptsOut,
    CountOut,
    DeliveryOut,
    EventTypeOut,
    EventTypesOut,
    NewWebhookOut,
    RedeliverIn,
    SecretOut,
    SkipIn,
    StateIn,
    TestOut,
    WebhookIn,
    WebhookOut,
)
from billwright.delivery.webhooks.subscribe import (
    change_webhook,
    make_webhook,
    rotate_secret,
    send_test,
    switch_webhook,
)
from billwright.delivery.webhooks.vault import Vault
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

READ: Final = "connection:read"
State = Literal["waiting", "delivered", "failed", "skipped"]


class WebhookController(Controller):
    path = "/v1/webhooks"
    tags = ("Webhooks",)

    @get("/", operation_id="listWebhooks", summary="List webhooks", sync_to_thread=True, responses=refusals())
    def get_all(
        self, database: NamedDependency[Database], tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]
    ) -> Page[WebhookOut]:
        """All webhooks, the partner's own among them, each with how many events wait for it."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_webhooks(tx)
        return Page([WebhookOut.of(row, waiting) for row, waiting in found], None)

    @get(
        "/event-types",
        operation_id="listWebhookEventTypes",
        summary="List what can be subscribed to",
        responses=refusals(),
    )
    async def get_event_types(self, actor: NamedDependency[Actor]) -> EventTypesOut:
        """The events and when they happen."""
        actor.require(READ)
        return EventTypesOut([EventTypeOut(name, text) for name, text in EVENT_TYPES.items()])

    @post(
        "/",
        operation_id="makeWebhook",
        summary="Subscribe to events",
        sync_to_thread=True,
        responses=refusals(409, 422),
    )
    def post_webhook(
        self,
        data: JSONBody[WebhookIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        vault: NamedDependency[Vault],
        trace_id: NamedDependency[str],
    ) -> NewWebhookOut:
        """Subscribe; the answer holds the secret for checking signatures, this once."""
        identifier, secret = make_webhook(database, tenant, actor, data.wanted(), vault, trace_id=trace_id)
        return NewWebhookOut(show("whk", identifier), secret)

    @get(
        "/{webhook_id:str}",
        operation_id="getWebhook",
        summary="Read a webhook",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def get_one(
        self,
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> WebhookOut:
        """One webhook."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return WebhookOut.of(get_webhook(tx, read("whk", webhook_id)))

    @put(
        "/{webhook_id:str}",
        operation_id="changeWebhook",
        summary="Change a webhook",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def put_webhook(
        self,
        webhook_id: FromPath[str],
        data: JSONBody[WebhookIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> WebhookOut:
        """Change name, address, events and contact; what is left out becomes the default."""
        wanted = data.wanted()
        return WebhookOut.of(
            change_webhook(database, tenant, actor, read("whk", webhook_id), wanted, trace_id=trace_id)
        )

    @delete(
        "/{webhook_id:str}",
        operation_id="removeWebhook",
        summary="Remove a webhook",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def delete_webhook(
        self,
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """Remove it for good; what waits for it is skipped. Its log stays."""
        switch_webhook(database, tenant, actor, read("whk", webhook_id), "removed", trace_id=trace_id)

    @post(
        "/{webhook_id:str}/state",
        status_code=200,
        operation_id="switchWebhook",
        summary="Pause or enable a webhook",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_state(
        self,
        webhook_id: FromPath[str],
        data: JSONBody[StateIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> WebhookOut:
        """Pause: events are kept. Enable: what waits is sent in its order."""
        row = switch_webhook(database, tenant, actor, read("whk", webhook_id), data.state, trace_id=trace_id)
        return WebhookOut.of(row)

    @post(
        "/{webhook_id:str}/secret",
        status_code=200,
        operation_id="rotateWebhookSecret",
        summary="Rotate a webhook's secret",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_secret(
        self,
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        vault: NamedDependency[Vault],
        trace_id: NamedDependency[str],
    ) -> SecretOut:
        """A new secret; for a day every request bears the signatures of both."""
        row, secret = rotate_secret(database, tenant, actor, read("whk", webhook_id), vault, trace_id=trace_id)
        return SecretOut(secret, row.old_secret_until)

    @post(
        "/{webhook_id:str}/test",
        status_code=202,
        operation_id="testWebhook",
        summary="Send a test event",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_test(
        self,
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> TestOut:
        """Send `webhook.test` to this webhook alone."""
        event_id = send_test(database, tenant, actor, read("whk", webhook_id), trace_id=trace_id)
        return TestOut(f"evt_{event_id.hex}")

    @post(
        "/{webhook_id:str}/redeliver",
        status_code=202,
        operation_id="redeliverWebhookEvents",
        summary="Send events again",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_redeliver(
        self,
        webhook_id: FromPath[str],
        data: JSONBody[RedeliverIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CountOut:
        """One event, or all since a moment: also those that were taken, given up or skipped before."""
        identifier = read("whk", webhook_id)
        if (data.event_id is None) == (data.since is None):
            raise InputInvalidError("Give either event_id or since.", field="since")
        if data.since is not None:
            count = redeliver_since(
                database, tenant, actor, identifier, data.since, until=data.until, trace_id=trace_id
            )
        else:
            count = redeliver_one(database, tenant, actor, identifier, _event(data.event_id), trace_id=trace_id)
        return CountOut(count)

    @post(
        "/{webhook_id:str}/skip",
        status_code=200,
        operation_id="skipWebhookEvents",
        summary="Skip what waits",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_skip(
        self,
        webhook_id: FromPath[str],
        data: JSONBody[SkipIn],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> CountOut:
        """Give up, with a reason, what waits and happened before a moment."""
        identifier = read("whk", webhook_id)
        return CountOut(skip_waiting(database, tenant, actor, identifier, data.before, data.reason, trace_id=trace_id))

    @get(
        "/{webhook_id:str}/deliveries",
        operation_id="listWebhookDeliveries",
        summary="List a webhook's deliveries",
        sync_to_thread=True,
        responses=refusals(404, 422),
    )
    def get_deliveries(
        self,
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[DeliveryOut]:
        """What was sent or waits, newest first."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            row = get_webhook(tx, read("whk", webhook_id))
            found = list_webhook_deliveries(tx, row.id, state=in_state, limit=limit, cursor=cursor)
        return Page([DeliveryOut.of(each) for each in found.rows], found.next_cursor)

    @get(
        "/deliveries/{delivery_id:str}/attempts",
        operation_id="listWebhookAttempts",
        summary="List the attempts of a delivery",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def get_attempts(
        self,
        delivery_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> AttemptsOut:
        """The last 100 requests and what came back, newest first."""
        actor.require(READ)
        with transaction(database, tenant, actor, read_only=True) as tx:
            return AttemptsOut([AttemptOut.of(row) for row in list_attempts(tx, read("del", delivery_id))])


def _event(text: str | None) -> UUID:
    try:
        return UUID(hex=(text or "").removeprefix("evt_"))
    except ValueError:
        raise InputInvalidError("This is no identifier of an event: evt_...", field="event_id") from None


CONTROLLERS: Final[tuple[type[Controller], ...]] = (WebhookController,)
