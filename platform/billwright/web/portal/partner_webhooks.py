"""A partner's own webhooks in its portal: who is told what happens at its tenants, whether it is taken, and mending it."""

from collections.abc import Callable
from typing import Final

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.delivery.webhooks.partner import (
    READ,
    WRITE,
    change_partner_webhook,
    make_partner_webhook,
    rotate_partner_secret,
    switch_partner_webhook,
)
from billwright.delivery.webhooks.partner_log import (
    LOG,
    get_sent,
    redeliver_partner_one,
    redeliver_partner_since,
    send_partner_test,
)
from billwright.delivery.webhooks.vault import Vault
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.settings import Settings
from billwright.web.portal import partner_webhook_view as view
from billwright.web.portal.forms import Form, field
from billwright.web.portal.visit import Visit, provide_partner_visit
from billwright.web.portal.webhook_view import SHOWN_AGAIN, day_of, wanted_of

SAID: Final = {
    "active": "It is enabled at all tenants: what waits is sent in its order.",
    "paused": "It is paused at all tenants; events are kept until you enable it.",
}


class PartnerWebhooksController(Controller):
    path = "/p/{partner:str}/webhooks"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_partner_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_all(self, partner: FromPath[str], visit: NamedDependency[Visit]) -> Response[str]:
        _at_home(partner, visit)
        visit.require(READ)
        return view.list_all(visit)

    @get("/new", sync_to_thread=True)
    def new(self, partner: FromPath[str], visit: NamedDependency[Visit]) -> Response[str]:
        _at_home(partner, visit)
        visit.require(WRITE)
        return view.form_page(visit, None, None)

    @post(sync_to_thread=True)
    def make(
        self, partner: FromPath[str], visit: NamedDependency[Visit], data: Form, settings: NamedDependency[Settings]
    ) -> Response[str]:
        """Make it. Its secret is in this answer and nowhere else."""
        visit.require(WRITE)
        wanted = wanted_of(data)
        try:
            identifier, secret = make_partner_webhook(
                visit.database, visit.actor, partner, wanted, Vault.of(settings), trace_id=visit.trace_id
            )
        except SHOWN_AGAIN as refusal:
            return view.form_page(visit, None, wanted, refusal=refusal)
        return view.webhook_page(visit, show("whk", identifier), secret=secret)

    @get("/{webhook_id:str}", sync_to_thread=True)
    def show_one(
        self, partner: FromPath[str], visit: NamedDependency[Visit], webhook_id: FromPath[str]
    ) -> Response[str]:
        _at_home(partner, visit)
        visit.require(READ)
        return view.webhook_page(visit, webhook_id)

    @get("/{webhook_id:str}/change", sync_to_thread=True)
    def edit(self, partner: FromPath[str], visit: NamedDependency[Visit], webhook_id: FromPath[str]) -> Response[str]:
        _at_home(partner, visit)
        visit.require(WRITE)
        return view.form_page(visit, webhook_id, None)

    @post("/{webhook_id:str}", sync_to_thread=True)
    def change(
        self, partner: FromPath[str], visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form
    ) -> Response[str]:
        visit.require(WRITE)
        wanted = wanted_of(data)
        try:
            change_partner_webhook(
                visit.database, visit.actor, partner, read("whk", webhook_id), wanted, trace_id=visit.trace_id
            )
        except SHOWN_AGAIN as refusal:
            return view.form_page(visit, webhook_id, wanted, refusal=refusal)
        return visit.go(view.url_of(visit, webhook_id), "The webhook is changed; its tenants take it over in a moment.")

    @post("/{webhook_id:str}/state", sync_to_thread=True)
    def switch(
        self, partner: FromPath[str], visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form
    ) -> Response[str]:
        """Pause, enable, or (with ``sure``) remove, at all tenants."""
        visit.require(WRITE)
        state = field(data, "state")
        if state == "removed" and not field(data, "sure"):
            refusal = InputInvalidError("Tick that you are sure: a removed webhook does not come back.", field="sure")
            return view.webhook_page(visit, webhook_id, refusal=refusal)
        switch_partner_webhook(
            visit.database, visit.actor, partner, read("whk", webhook_id), state, trace_id=visit.trace_id
        )
        if state == "removed":
            return visit.go(view.url_of(visit), "The webhook is removed at all tenants; nothing more is sent there.")
        return visit.go(view.url_of(visit, webhook_id), SAID[state])

    @post("/{webhook_id:str}/secret", sync_to_thread=True)
    def rotate(
        self,
        partner: FromPath[str],
        visit: NamedDependency[Visit],
        webhook_id: FromPath[str],
        settings: NamedDependency[Settings],
    ) -> Response[str]:
        """A new secret, which is in this answer and nowhere else."""
        visit.require(WRITE)
        _, secret = rotate_partner_secret(
            visit.database, visit.actor, partner, read("whk", webhook_id), Vault.of(settings), trace_id=visit.trace_id
        )
        return view.webhook_page(visit, webhook_id, secret=secret)

    @post("/{webhook_id:str}/again", sync_to_thread=True)
    def send_all(
        self, partner: FromPath[str], visit: NamedDependency[Visit], webhook_id: FromPath[str], data: Form
    ) -> Response[str]:
        """All events of its kinds since a day, at all tenants."""
        visit.require(WRITE)

        def send() -> str:
            since = day_of(field(data, "day"))
            redeliver_partner_since(
                visit.database, visit.actor, partner, read("whk", webhook_id), since, trace_id=visit.trace_id
            )
            return f"Each tenant sends its events since {since:%Y-%m-%d} again, in their order."

        return _done(visit, webhook_id, send)

    @get("/{webhook_id:str}/at/{slug:str}", sync_to_thread=True)
    def show_log(
        self,
        partner: FromPath[str],
        visit: NamedDependency[Visit],
        webhook_id: FromPath[str],
        slug: FromPath[str],
        only: FromQuery[str] = "",
        cursor: FromQuery[str] = "",
    ) -> Response[str]:
        _at_home(partner, visit)
        visit.require(LOG)
        return view.log_page(visit, webhook_id, slug, only, cursor)

    @post("/{webhook_id:str}/at/{slug:str}/test", sync_to_thread=True)
    def test(
        self, partner: FromPath[str], visit: NamedDependency[Visit], webhook_id: FromPath[str], slug: FromPath[str]
    ) -> Response[str]:
        """A test from one tenant."""
        _at_home(partner, visit)
        visit.require(WRITE)
        row, tenant = view.known(visit, webhook_id), view.tenant_of(visit, slug)

        try:
            send_partner_test(visit.database, visit.actor, tenant, row.id, trace_id=visit.trace_id)
        except SHOWN_AGAIN as refusal:
            return view.webhook_page(visit, webhook_id, refusal=refusal)
        said = f"A test of {tenant.name} is on its way; look here in a moment what became of it."
        return visit.go(view.url_of(visit, webhook_id, "at", slug), said)

    @get("/{webhook_id:str}/at/{slug:str}/{delivery_id:str}", sync_to_thread=True)
    def show_delivery(
        self,
        partner: FromPath[str],
        visit: NamedDependency[Visit],
        webhook_id: FromPath[str],
        slug: FromPath[str],
        delivery_id: FromPath[str],
    ) -> Response[str]:
        _at_home(partner, visit)
        visit.require(LOG)
        return view.delivery_page(visit, webhook_id, slug, delivery_id)

    @post("/{webhook_id:str}/at/{slug:str}/{delivery_id:str}/again", sync_to_thread=True)
    def send_again(
        self,
        partner: FromPath[str],
        visit: NamedDependency[Visit],
        webhook_id: FromPath[str],
        slug: FromPath[str],
        delivery_id: FromPath[str],
    ) -> Response[str]:
        """One event once more."""
        _at_home(partner, visit)
        visit.require(WRITE)
        row, tenant = view.known(visit, webhook_id), view.tenant_of(visit, slug)
        sent, _ = get_sent(visit.database, visit.actor, tenant, row.id, read("del", delivery_id))
        try:
            redeliver_partner_one(visit.database, visit.actor, tenant, row.id, sent.event_id, trace_id=visit.trace_id)
        except SHOWN_AGAIN as refusal:
            return view.delivery_page(visit, webhook_id, slug, delivery_id, refusal=refusal)
        where = view.url_of(visit, webhook_id, "at", slug, delivery_id)
        return visit.go(where, f"The event is sent again to {row.url}.")


def _at_home(partner: str, visit: Visit) -> None:
    assert partner == visit.caller.partner.slug, "authentication lets nobody else through"


def _done(visit: Visit, webhook_id: str, deed: Callable[[], str]) -> Response[str]:
    """Do it and go back to the webhook; a refusal is shown there."""
    try:
        said = deed()
    except SHOWN_AGAIN as refusal:
        return view.webhook_page(visit, webhook_id, refusal=refusal)
    return visit.go(view.url_of(visit, webhook_id), said)
