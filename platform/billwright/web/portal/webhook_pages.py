"""Webhooks in the connectors' room: who is told what, whether it is taken, and what a person does about it."""

from collections.abc import Callable
from typing import Final

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.delivery.webhooks.errors import WebhookStateError
from billwright.delivery.webhooks.redeliver import redeliver_one, redeliver_since, skip_waiting
from billwright.delivery.webhooks.subscribe import (
    change_webhook,
    make_webhook,
    rotate_secret,
    send_test,
    switch_webhook,
)
from billwright.delivery.webhooks.vault import Vault
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.settings import Settings
from billwright.web.portal.forms import Form, field
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listing_webhooks import PATH, SENT, WEBHOOKS
from billwright.web.portal.queries_webhooks import delivery
from billwright.web.portal.visit import Visit, provide_visit
from billwright.web.portal.webhook_view import (
    RETRY,
    SHOWN_AGAIN,
    WRITE,
    day_of,
    delivery_page,
    form_page,
    wanted_of,
    webhook_page,
)

DEEDS: Final = frozenset({"again", "skip"})


class WebhookController(Controller):
    path = "/t/{slug:str}/connectors/webhooks"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_webhooks(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, WEBHOOKS)

    @get("/deliveries", sync_to_thread=True)
    def show_sent(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, SENT)

    @get("/deliveries/{delivery_id:str}", sync_to_thread=True)
    def show_delivery(self, visit: NamedDependency[Visit], delivery_id: FromPath[str]) -> Response[str]:
        return delivery_page(visit, delivery_id)

    @post("/deliveries/{delivery_id:str}/again", sync_to_thread=True)
    def send_again(self, visit: NamedDependency[Visit], delivery_id: FromPath[str]) -> Response[str]:
        """One event once more."""
        visit.require(RETRY)
        with visit.reading() as tx:
            found = delivery(tx, read("del", delivery_id))
        sent = found.WebhookDeliveryRow
        try:
            redeliver_one(
                visit.database, visit.here, visit.actor, sent.subscription_id, sent.event_id, trace_id=visit.trace_id
            )
        except WebhookStateError as refusal:
            return delivery_page(visit, delivery_id, refusal=refusal)
        return visit.go(visit.url(f"{PATH}/deliveries/{delivery_id}"), f"The event is sent again to {found.url}.")

    @get("/new", sync_to_thread=True)
    def new(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require(WRITE)
        return form_page(visit, None, None)

    @post(sync_to_thread=True)
    def make(self, visit: NamedDependency[Visit], data: Form, settings: NamedDependency[Settings]) -> Response[str]:
        """Make it. Its secret is in this answer and nowhere else."""
        visit.require(WRITE)
        wanted = wanted_of(data)
        try:
            identifier, secret = make_webhook(
                visit.database, visit.here, visit.actor, wanted, Vault.of(settings), trace_id=visit.trace_id
            )
        except SHOWN_AGAIN as refusal:
            return form_page(visit, None, wanted, refusal=refusal)
        return webhook_page(visit, show("whk", identifier), secret=secret)

    @get("/{webhook_id:str}", sync_to_thread=True)
    def show_webhook(
        self,
        visit: NamedDependency[Visit],
        webhook_id: FromPath[str],
        deed: FromQuery[str] = "",
        day: FromQuery[str] = "",
    ) -> Response[str]:
        """One webhook; with ``deed`` and ``day`` also how many events sending again, or skipping, would be about."""
        try:
            return webhook_page(visit, webhook_id, deed=deed, since=day_of(day) if deed in DEEDS else None)
        except InputInvalidError as refusal:
            return webhook_page(visit, webhook_id, refusal=refusal)

    @get("/{webhook_id:str}/change", sync_to_thread=True)
    def edit(self, visit: NamedDependency[Visit], webhook_id: FromPath[str]) -> Response[str]:
        visit.require(WRITE)
        return form_page(visit, webhook_id, None)

    @post("/{webhook_id:str}", sync_to_thread=True)
    def change(self, visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form) -> Response[str]:
        visit.require(WRITE)
        wanted = wanted_of(data)
        try:
            change_webhook(
                visit.database, visit.here, visit.actor, read("whk", webhook_id), wanted, trace_id=visit.trace_id
            )
        except SHOWN_AGAIN as refusal:
            return form_page(visit, webhook_id, wanted, refusal=refusal)
        return visit.go(_url(visit, webhook_id), "The webhook is changed. What was stored before stays as it was.")

    @post("/{webhook_id:str}/state", sync_to_thread=True)
    def switch(self, visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form) -> Response[str]:
        """Pause, enable, try again, or (with ``sure``) remove."""
        state = field(data, "state")
        if state == "removed" and not field(data, "sure"):
            refusal = InputInvalidError("Tick that you are sure: a removed webhook does not come back.", field="sure")
            return webhook_page(visit, webhook_id, refusal=refusal)
        row = switch_webhook(
            visit.database, visit.here, visit.actor, read("whk", webhook_id), state, trace_id=visit.trace_id
        )
        if state == "removed":
            return visit.go(visit.url(PATH), "The webhook is removed; nothing more is sent there. Its log stays.")
        said = {
            "active": f"What waits is sent to {row.url}, in its order.",
            "paused": f"Nothing is sent to {row.url}; events are kept until you enable the webhook.",
        }
        return visit.go(_url(visit, webhook_id), said[state])

    @post("/{webhook_id:str}/secret", sync_to_thread=True)
    def rotate(
        self, visit: NamedDependency[Visit], webhook_id: FromPath[str], settings: NamedDependency[Settings]
    ) -> Response[str]:
        """A new secret, which is in this answer and nowhere else."""
        _, secret = rotate_secret(
            visit.database,
            visit.here,
            visit.actor,
            read("whk", webhook_id),
            Vault.of(settings),
            trace_id=visit.trace_id,
        )
        return webhook_page(visit, webhook_id, secret=secret)

    @post("/{webhook_id:str}/test", sync_to_thread=True)
    def test(self, visit: NamedDependency[Visit], webhook_id: FromPath[str]) -> Response[str]:
        def send() -> str:
            send_test(visit.database, visit.here, visit.actor, read("whk", webhook_id), trace_id=visit.trace_id)
            return "A test is on its way; look below in a moment what became of it."

        return _done(visit, webhook_id, send)

    @post("/{webhook_id:str}/again", sync_to_thread=True)
    def send_all(self, visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form) -> Response[str]:
        """All events of its kinds since a day."""

        def send() -> str:
            since = day_of(field(data, "day"))
            count = redeliver_since(
                visit.database, visit.here, visit.actor, read("whk", webhook_id), since, trace_id=visit.trace_id
            )
            return f"{count} event{'' if count == 1 else 's'} since {since:%Y-%m-%d} sent again, in their order."

        return _done(visit, webhook_id, send)

    @post("/{webhook_id:str}/skip", sync_to_thread=True)
    def skip(self, visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form) -> Response[str]:
        """Give up what waits and happened before a day, with a reason."""

        def give_up() -> str:
            before = day_of(field(data, "day"))
            count = skip_waiting(
                visit.database,
                visit.here,
                visit.actor,
                read("whk", webhook_id),
                before,
                field(data, "reason"),
                trace_id=visit.trace_id,
            )
            return f"{count} event{'' if count == 1 else 's'} skipped; each can be sent again later."

        return _done(visit, webhook_id, give_up)


def _url(visit: Visit, webhook_id: str) -> str:
    return visit.url(f"{PATH}/{webhook_id}")


def _done(visit: Visit, webhook_id: str, deed: Callable[[], str]) -> Response[str]:
    """Do it and go back to the webhook; a refusal is shown there."""
    try:
        said = deed()
    except SHOWN_AGAIN as refusal:
        return webhook_page(visit, webhook_id, refusal=refusal)
    return visit.go(_url(visit, webhook_id), said)
