"""``/v1/partners/{partner}/webhooks``: translate, call, translate."""

from datetime import datetime
from typing import Final, Literal

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from billwright.delivery.webhooks.partner import (
    change_partner_webhook,
    list_partner_webhooks,
    make_partner_webhook,
    rotate_partner_secret,
    switch_partner_webhook,
)
from billwright.delivery.webhooks.schemas import NewWebhookOut, SecretOut, StateIn, WebhookIn
from billwright.delivery.webhooks.tables import PartnerWebhookRow
from billwright.delivery.webhooks.vault import Vault
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import Page
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database


class PartnerWebhookOut(Struct, frozen=True, kw_only=True):
    """A partner's subscription at all its tenants; each tenant's log of it is with the tenant."""

    id: str
    name: str
    url: str
    event_types: list[str]
    contact_email: str
    state: Literal["active", "paused"]
    old_secret_until: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: PartnerWebhookRow) -> "PartnerWebhookOut":
        return cls(
            id=show("whk", row.id),
            name=row.name,
            url=row.url,
            event_types=list(row.event_types),
            contact_email=row.contact_email,
            state="paused" if row.state == "paused" else "active",
            old_secret_until=row.old_secret_until,
            created_at=row.created_at,
        )


class PartnerWebhookController(Controller):
    path = "/v1/partners/{partner:str}/webhooks"
    tags = ("Webhooks",)

    @get(
        "/",
        operation_id="listPartnerWebhooks",
        summary="List a partner's webhooks",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def get_all(
        self, partner: FromPath[str], database: NamedDependency[Database], actor: NamedDependency[Actor]
    ) -> Page[PartnerWebhookOut]:
        """The partner's own webhooks."""
        rows = list_partner_webhooks(database, actor, partner)
        return Page([PartnerWebhookOut.of(row) for row in rows], None)

    @post(
        "/",
        operation_id="makePartnerWebhook",
        summary="Subscribe to events of all tenants",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_webhook(
        self,
        partner: FromPath[str],
        data: JSONBody[WebhookIn],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        vault: NamedDependency[Vault],
        trace_id: NamedDependency[str],
    ) -> NewWebhookOut:
        """Subscribe at all tenants. Events say what happened to which object, and nothing of its content."""
        identifier, secret = make_partner_webhook(database, actor, partner, data.wanted(), vault, trace_id=trace_id)
        return NewWebhookOut(show("whk", identifier), secret)

    @put(
        "/{webhook_id:str}",
        operation_id="changePartnerWebhook",
        summary="Change a partner's webhook",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def put_webhook(
        self,
        partner: FromPath[str],
        webhook_id: FromPath[str],
        data: JSONBody[WebhookIn],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> PartnerWebhookOut:
        """Change name, address, events and contact; what is left out becomes the default."""
        identifier, wanted = read("whk", webhook_id), data.wanted()
        row = change_partner_webhook(database, actor, partner, identifier, wanted, trace_id=trace_id)
        return PartnerWebhookOut.of(row)

    @post(
        "/{webhook_id:str}/state",
        status_code=200,
        operation_id="switchPartnerWebhook",
        summary="Pause or enable a partner's webhook",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_state(
        self,
        partner: FromPath[str],
        webhook_id: FromPath[str],
        data: JSONBody[StateIn],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> PartnerWebhookOut:
        """Pause or enable it at all tenants; what waits is sent then, in its order."""
        identifier = read("whk", webhook_id)
        row = switch_partner_webhook(database, actor, partner, identifier, data.state, trace_id=trace_id)
        return PartnerWebhookOut.of(row)

    @post(
        "/{webhook_id:str}/secret",
        status_code=200,
        operation_id="rotatePartnerWebhookSecret",
        summary="Rotate the secret of a partner's webhook",
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_secret(
        self,
        partner: FromPath[str],
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        vault: NamedDependency[Vault],
        trace_id: NamedDependency[str],
    ) -> SecretOut:
        """A new secret; for a day every request bears the signatures of both."""
        identifier = read("whk", webhook_id)
        row, secret = rotate_partner_secret(database, actor, partner, identifier, vault, trace_id=trace_id)
        return SecretOut(secret, row.old_secret_until)

    @delete(
        "/{webhook_id:str}",
        operation_id="removePartnerWebhook",
        summary="Remove a partner's webhook",
        sync_to_thread=True,
        responses=refusals(404),
    )
    def delete_webhook(
        self,
        partner: FromPath[str],
        webhook_id: FromPath[str],
        database: NamedDependency[Database],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> None:
        """Remove it at all tenants for good; what waits for it is skipped."""
        switch_partner_webhook(database, actor, partner, read("whk", webhook_id), "removed", trace_id=trace_id)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (PartnerWebhookController,)
