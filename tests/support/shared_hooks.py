"""A partner with two firms and a webhook of its own at both."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from billwright.delivery.send_mail import Post
from billwright.delivery.webhooks.jobs import handlers as webhook_handlers
from billwright.delivery.webhooks.partner import list_partner_webhooks, make_partner_webhook, switch_partner_webhook
from billwright.delivery.webhooks.subscribe import Wanted
from billwright.delivery.webhooks.tables import WebhookDeliveryRow, WebhookSubscriptionRow
from billwright.documents.mail import MailRenderer
from billwright.documents.store import FileStore
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.hooks import VAULT, courier_of
from support.http import People
from support.pipeline import AUTOMATIC, Firm
from support.receiver import Receiver

QUIET = TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False)


class Shared:
    """Two firms of one partner, and the partner's endpoint."""

    def __init__(self, firms: list[Firm], receiver: Receiver, partner: str, folder: Path) -> None:
        self.firms, self.receiver, self.partner, self.folder = firms, receiver, partner, folder
        self.database = firms[0].database
        wanted = Wanted(
            name="desk", url=receiver.url, event_types=("invoice.issued",), contact_email="ops@partner.example"
        )
        self.webhook_id, self.secret = make_partner_webhook(self.database, SYSTEM, partner, wanted, VAULT)
        self.drain()

    def drain(self) -> None:
        post = Post(self.database, FileStore(self.folder), None)
        for firm in self.firms:
            sending = webhook_handlers(courier_of(firm), post, MailRenderer())
            handlers = Handlers.of(*firm.handlers.by_kind.values(), *sending)
            drain(firm.database, handlers, tenant_id=firm.tenant.id)

    def bill(self) -> None:
        for firm in self.firms:
            firm.milestone()
            firm.accept()

    def copies(self) -> list[WebhookSubscriptionRow]:
        found: list[WebhookSubscriptionRow] = []
        for firm in self.firms:
            with transaction(self.database, firm.tenant, SYSTEM) as tx:
                found += tx.session.scalars(select(WebhookSubscriptionRow)).all()
        return found

    def states(self) -> list[str]:
        found: list[str] = []
        for firm in self.firms:
            with transaction(self.database, firm.tenant, SYSTEM) as tx:
                found += tx.session.scalars(select(WebhookDeliveryRow.state)).all()
        return found


@pytest.fixture
def shared(
    make_firm: Callable[[TenantConfiguration], Firm], receiver: Receiver, people: People, tmp_path: Path
) -> Iterator[Shared]:
    firms = [make_firm(QUIET), make_firm(QUIET)]
    for firm in firms:
        firm.customer()
        firm.contract()
    made = Shared(firms, receiver, people.partner_slug, tmp_path)
    yield made
    for row in list_partner_webhooks(made.database, SYSTEM, made.partner):  # the partner is shared with other tests
        switch_partner_webhook(made.database, SYSTEM, made.partner, row.id, "removed")
