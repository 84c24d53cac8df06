"""A firm whose events are told to a real endpoint."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from billwright.delivery.send_mail import Post
from billwright.delivery.webhooks.deliver import Courier
from billwright.delivery.webhooks.jobs import fan_out_handler
from billwright.delivery.webhooks.jobs import handlers as webhook_handlers
from billwright.delivery.webhooks.subscribe import Wanted, make_webhook
from billwright.delivery.webhooks.tables import WebhookAttemptRow, WebhookDeliveryRow, WebhookSubscriptionRow
from billwright.delivery.webhooks.vault import Vault
from billwright.documents.mail import MailRenderer
from billwright.documents.store import FileStore
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.http import MASTER_KEY
from support.pipeline import AUTOMATIC, Firm
from support.receiver import Receiver, receiver_running

VAULT = Vault(MASTER_KEY)


@dataclass
class Told:
    """A firm, its endpoint, and the webhook between them."""

    firm: Firm
    receiver: Receiver
    handlers: Handlers
    webhook_id: UUID
    secret: str

    def drain(self) -> int:
        return drain(self.firm.database, self.handlers, tenant_id=self.firm.tenant.id)

    def pass_time(self, **delta: float) -> None:
        self.firm.clock.moment += timedelta(**delta)
        self.drain()

    def bill(self, ref: str) -> UUID:
        """An invoice, issued; its events are stored and fanned out, nothing is sent yet."""
        before = {row.id for row in self.firm.invoices()}
        self.firm.milestone(ref)
        self.firm.accept(ref)
        (made,) = [row.id for row in self.firm.invoices() if row.id not in before]
        return made

    def webhook(self) -> WebhookSubscriptionRow:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM) as tx:
            return tx.session.get_one(WebhookSubscriptionRow, self.webhook_id)

    def deliveries(self) -> list[WebhookDeliveryRow]:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM) as tx:
            return list(tx.session.scalars(select(WebhookDeliveryRow).order_by(WebhookDeliveryRow.event_id)))

    def attempts(self) -> list[WebhookAttemptRow]:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM) as tx:
            return list(tx.session.scalars(select(WebhookAttemptRow).order_by(WebhookAttemptRow.id)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiver_running() as running:
        yield running


@pytest.fixture
def told(make_firm: Callable[[TenantConfiguration], Firm], receiver: Receiver, tmp_path: Path) -> Told:
    """Subscribed to issued invoices and disputes, with a contact for warnings."""
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract(value="900000.00")
    wanted = Wanted(
        name="books", url=receiver.url, event_types=("invoice.issued", "dispute.*"), contact_email="dev@books.example"
    )
    webhook_id, secret = make_webhook(firm.database, firm.tenant, SYSTEM, wanted, VAULT)
    courier = courier_of(firm)
    post = Post(firm.database, FileStore(tmp_path), None)
    handlers = Handlers.of(
        *firm.handlers.by_kind.values(),
        *webhook_handlers(courier, post, MailRenderer()),
        *([] if "webhooks.fan_out" in firm.handlers.by_kind else [fan_out_handler()]),
    )
    return Told(firm, receiver, handlers, webhook_id, secret)


def courier_of(firm: Firm, **more: Any) -> Courier:
    options = {"vault": VAULT, "source_base": "https://bills.example", "private_hosts_allowed": True}
    return Courier(database=firm.database, **{**options, **more})
