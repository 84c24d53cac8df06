"""Delivery: what arrives, in nobody's name but the brand's; every outcome recorded; retries by those who may."""

import email.utils
import socket
from collections.abc import Callable

import pytest

from billwright.delivery.errors import DeliveryStateError
from billwright.delivery.events import DeliveryRetryAsked
from billwright.delivery.jobs import SUBSCRIBED_JOBS, handlers, open_post
from billwright.delivery.mail_invoice import mail_invoice
from billwright.delivery.queries import list_deliveries, list_mailbox
from billwright.delivery.retry_delivery import retry_delivery
from billwright.delivery.send_mail import Post
from billwright.delivery.tables import DeliveryRow, MailboxRow
from billwright.documents.jobs import SUBSCRIBED_INLINE
from billwright.documents.jobs import handlers as document_handlers
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError
from billwright.kernel.events import Subscriptions
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from support.delivering import (
    CLERK,
    MAILS,
    make_invoice,
    mend_email,
    only_delivery,
    post,
    renderer,
    server,
    store,
)
from support.issued import BILLING_EMAIL, Issued, audited, desk, issue, rows, state_of, told
from support.mail_server import MailServerHandler

__all__ = ["make_invoice", "post", "renderer", "server", "store"]


def test_an_invoice_arrives_once_with_its_document(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued]
) -> None:
    invoice = make_invoice()
    for _ in range(2):
        mail_invoice(post, MAILS, tenant, invoice.id)
    (message,) = server.taken
    assert server.envelopes == [("rechnung@buergermeister.example", [BILLING_EMAIL])]
    assert message["From"] == "Bürgermeister & Söhne <rechnung@buergermeister.example>"
    assert message["Reply-To"] == message["From"]
    assert message["To"] == BILLING_EMAIL
    assert invoice.number in message["Subject"]
    assert email.utils.parsedate_to_datetime(message["Date"]) == database.clock.now()
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == f"{invoice.number}.pdf"
    assert attached.get_content().startswith(b"%PDF-")
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert invoice.number in plain.get_content()
    assert invoice.number in html.get_content()

    delivery = only_delivery(database, tenant)
    assert (delivery.key, delivery.state, delivery.attempts) == (f"invoice:{invoice.id}:email", "sent", 1)
    assert delivery.outcome == "The mail server took it: OK queued as 4711"
    assert delivery.message_ref == message["Message-ID"]
    assert state_of(database, tenant) == ("issued", "delivered")
    assert told(database, tenant)[-1] == "delivery.sent"
    assert audited(database, tenant)[-2:] == ["delivery.intended", "delivery.sent"]


def test_nothing_names_the_software_or_the_host(
    tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued]
) -> None:
    mail_invoice(post, MAILS, tenant, make_invoice().id)
    (raw,) = server.raw
    (message,) = server.taken
    bodies = [str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"]
    for place in (raw.decode("ascii"), str(message.items()), *bodies):
        assert "billwright" not in place.lower()
    assert server.greeted == ["buergermeister.example"]
    assert not {"x-mailer", "user-agent", "received"} & {name.lower() for name in message.keys()}  # noqa: SIM118
    assert socket.gethostname() not in str(message.items())


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "no billing e-mail"),
        ("nobody", "not an address"),
        ("a@b.example\nBcc: all@b.example", "not an address"),
        ("a@b.example, c@d.example", "not an address"),
        ("<a@b.example>", "not an address"),
    ],
)
def test_without_a_good_address_nothing_is_tried(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued],
    address: str | None, reason: str,
) -> None:  # fmt: skip
    mail_invoice(post, MAILS, tenant, make_invoice(billing_email=address).id)
    (exception,) = desk(database, tenant)
    assert reason in exception.reason
    assert exception.remedy == "Mend the customer's billing e-mail, then retry."
    assert server.envelopes == []


def test_the_way_from_issue_to_mailbox_by_jobs(
    database: Database, tenant: Tenant, store: FileStore, renderer: Renderer
) -> None:
    wired = database.with_subscriptions(Subscriptions(jobs=SUBSCRIBED_JOBS, inline=SUBSCRIBED_INLINE))
    work = Handlers.of(*document_handlers(wired, store, renderer), *handlers(open_post(wired, store, None), MAILS))
    issue(wired, tenant, billing_email=None)
    assert drain(wired, work, tenant_id=tenant.id) == 2
    (refused,) = rows(wired, tenant, DeliveryRow)
    assert refused.state == "refused"
    mend_email(wired, tenant, BILLING_EMAIL)
    retry_delivery(wired, tenant, CLERK, refused.id)
    assert drain(wired, work, tenant_id=tenant.id) == 1
    assert len(rows(wired, tenant, MailboxRow)) == 1
    assert desk(wired, tenant) == []


def test_a_tenant_that_delivers_otherwise_gets_no_mail(
    database: Database, make_tenant: Callable[..., Tenant], store: FileStore, renderer: Renderer
) -> None:
    tenant = make_tenant("Paper", TenantConfiguration(deliver_by_mail=False))
    invoice = issue(database, tenant)
    render_invoice(Printer(database, store, renderer), tenant, invoice.id)
    mail_invoice(open_post(database, store, None), MAILS, tenant, invoice.id)
    assert rows(database, tenant, DeliveryRow) == []


def test_retrying_needs_the_permission_the_tenant_and_a_reason_to(
    database: Database, tenant: Tenant, make_tenant: Callable[..., Tenant], store: FileStore,
    make_invoice: Callable[..., Issued],
) -> None:  # fmt: skip
    mail_invoice(open_post(database, store, None), MAILS, tenant, make_invoice().id)
    delivery = only_delivery(database, tenant)
    with pytest.raises(PermissionDeniedError):
        retry_delivery(database, tenant, Actor(kind="person", name="Reader"), delivery.id)
    with pytest.raises(NotFoundError):
        retry_delivery(database, make_tenant("Other"), CLERK, delivery.id)
    with pytest.raises(DeliveryStateError):
        retry_delivery(database, tenant, CLERK, delivery.id)
    assert "delivery.retried" not in audited(database, tenant)


def test_other_rooms_make_their_own_mails_again(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued]
) -> None:
    events: list[DeliveryRetryAsked] = []

    def follow(_tx: Tx, event: DeliveryRetryAsked) -> None:
        events.append(event)

    server.rcpt = "550 no"
    invoice = make_invoice()
    mail_invoice(post, MAILS, tenant, invoice.id)
    wired = database.with_subscriptions(Subscriptions(inline={DeliveryRetryAsked: (follow,)}))
    retry_delivery(wired, tenant, CLERK, only_delivery(database, tenant).id)
    assert [(event.subject_kind, event.subject_id) for event in events] == [("invoice", invoice.id)]


def test_lists_are_paged_and_filtered(
    database: Database, tenant: Tenant, store: FileStore, make_invoice: Callable[..., Issued]
) -> None:
    invoice = make_invoice()
    post = open_post(database, store, None)
    mail_invoice(post, MAILS, tenant, invoice.id)
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        assert len(list_deliveries(tx, invoice_id=invoice.id, limit=10).rows) == 1
        assert list_deliveries(tx, invoice_id=tenant.id, limit=10).rows == []
        assert list_deliveries(tx, state="refused", limit=10).rows == []
        page = list_mailbox(tx, limit=10)
        assert (len(page.rows), page.next_cursor) == (1, None)
