"""One mail per thing when processes and lines break, and the truth when it may have gone twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from billwright.delivery.jobs import open_post
from billwright.delivery.mail_invoice import mail_invoice
from billwright.delivery.send_mail import Outcome, Post, send_mail
from billwright.delivery.smtp import UnclearError
from billwright.delivery.tables import MailboxRow
from billwright.documents.store import FileStore
from billwright.extension.connectors import TransientError
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from support.delivering import MAILS, make_invoice, only_delivery, post, renderer, server, store
from support.issued import BILLING_EMAIL, Issued, rows
from support.mail_server import DROP, MailServerHandler

__all__ = ["make_invoice", "post", "renderer", "server", "store"]


def test_a_break_after_the_message_was_handed_over_is_told(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued]
) -> None:
    invoice = make_invoice()
    server.data = DROP
    with pytest.raises(UnclearError):
        mail_invoice(post, MAILS, tenant, invoice.id)
    delivery = only_delivery(database, tenant)
    assert delivery.state == "intended"
    assert "may have taken it" in (delivery.outcome or "")

    server.rcpt = "450 later"
    with pytest.raises(TransientError):
        mail_invoice(post, MAILS, tenant, invoice.id)
    assert only_delivery(database, tenant).state == "intended"

    server.rcpt, server.data = "250 OK", "250 OK"
    mail_invoice(post, MAILS, tenant, invoice.id)
    delivery = only_delivery(database, tenant)
    assert (delivery.state, delivery.attempts) == ("sent", 3)
    assert "may have it twice" in (delivery.outcome or "")
    assert len({message["Message-ID"] for message in server.taken}) == 1
    assert len(server.taken) == 2


def test_a_crash_between_act_and_record_is_told(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued]
) -> None:
    from billwright.delivery.mail_invoice import invoice_mail
    from billwright.documents.queries import find_document, frozen_invoice, read_brand

    invoice = make_invoice()
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        document = find_document(tx, invoice.id)
        assert document is not None
        mail = invoice_mail(
            MAILS, frozen_invoice(tx, invoice.id), [document], read_brand(database, tenant), BILLING_EMAIL
        )

    def crash(_tx: Tx, _outcome: Outcome) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        send_mail(post, tenant, mail, afterwards=crash)
    delivery = only_delivery(database, tenant)
    assert (delivery.state, delivery.attempts, delivery.outcome) == ("intended", 1, None)
    send_mail(post, tenant, mail)
    delivery = only_delivery(database, tenant)
    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert "may have it twice" in (delivery.outcome or "")
    assert len({message["Message-ID"] for message in server.taken}) == 1


def test_without_a_server_mail_is_kept_exactly_once(
    database: Database, tenant: Tenant, store: FileStore, make_invoice: Callable[..., Issued]
) -> None:
    invoice = make_invoice()
    post = open_post(database, store, None)
    start = threading.Barrier(4)

    def work(_n: int) -> None:
        start.wait()
        mail_invoice(post, MAILS, tenant, invoice.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    (kept,) = rows(database, tenant, MailboxRow)
    delivery = only_delivery(database, tenant)
    assert (kept.delivery_id, kept.recipient) == (delivery.id, BILLING_EMAIL)
    assert kept.sender == "Bürgermeister & Söhne <rechnung@buergermeister.example>"
    (attachment,) = kept.attachments
    assert len(store.read(tenant.id, attachment["sha256"])) == attachment["size_bytes"]
    assert (delivery.state, delivery.attempts) == ("sent", 1)
    for place in (kept.subject, kept.html, kept.text, kept.sender):
        assert "billwright" not in place.lower()
