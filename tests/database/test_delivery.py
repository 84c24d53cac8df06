"""Delivery: one mail per thing, whatever the mail server does; every outcome recorded; nobody's name but the brand's."""

import email.utils
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from billwright.canon.tables import CustomerRow
from billwright.delivery.errors import DeliveryStateError
from billwright.delivery.events import DeliveryRetryAsked
from billwright.delivery.jobs import SUBSCRIBED_JOBS, handlers, open_post
from billwright.delivery.mail_invoice import mail_invoice
from billwright.delivery.message import wire_address
from billwright.delivery.queries import list_deliveries, list_mailbox
from billwright.delivery.retry_delivery import retry_delivery
from billwright.delivery.send_mail import Outcome, Post, send_mail
from billwright.delivery.smtp import MailServer, UnclearError, parse_smtp_url
from billwright.delivery.tables import DeliveryRow, MailboxRow
from billwright.documents.jobs import SUBSCRIBED_INLINE
from billwright.documents.jobs import handlers as document_handlers
from billwright.documents.mail import MailRenderer
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.extension.connectors import TransientError
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError, SettingsInvalidError
from billwright.kernel.events import Subscriptions
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from support.issued import BILLING_EMAIL, Issued, audited, desk, issue, rows, set_brand, state_of, told
from support.mail_server import DROP, MailServerHandler, free_port, mail_server, only, self_signed

BRAND = {"name": "Bürgermeister & Söhne", "support_email": "rechnung@buergermeister.example"}
CLERK = Actor(kind="person", name="Clerk", permissions=frozenset({"delivery:retry"}))
MAILS = MailRenderer()


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def server() -> Iterator[MailServerHandler]:
    with mail_server() as handler:
        yield handler


@pytest.fixture
def post(database: Database, store: FileStore, server: MailServerHandler) -> Post:
    return open_post(database, store, server.url)


@pytest.fixture
def make_invoice(database: Database, tenant: Tenant, store: FileStore, renderer: Renderer) -> Callable[..., Issued]:
    """An issued invoice with its document."""

    def make(**changes: Any) -> Issued:
        set_brand(database, tenant, **BRAND)
        invoice = issue(database, tenant, **changes)
        render_invoice(Printer(database, store, renderer), tenant, invoice.id)
        return invoice

    return make


def only_delivery(database: Database, tenant: Tenant) -> DeliveryRow:
    (row,) = rows(database, tenant, DeliveryRow)
    assert isinstance(row, DeliveryRow)
    return row


def mend_email(database: Database, tenant: Tenant, address: str) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(update(CustomerRow).values(billing_email=address))


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
    ("answers", "words"),
    [
        ({"rcpt": "450 4.2.1 greylisted"}, "450 4.2.1 greylisted"),
        ({"mail": "451 4.7.1 later"}, "451 4.7.1 later"),
        ({"data": "452 4.3.1 no space"}, "452 4.3.1 no space"),
    ],
)
def test_not_now_is_tried_again(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued],
    answers: dict[str, str], words: str,
) -> None:  # fmt: skip
    invoice = make_invoice()
    vars(server).update(answers)
    with pytest.raises(TransientError, match=words):
        mail_invoice(post, MAILS, tenant, invoice.id)
    delivery = only_delivery(database, tenant)
    assert (delivery.state, delivery.attempts, delivery.finished_at) == ("failed", 1, None)
    assert words in (delivery.outcome or "")
    assert state_of(database, tenant) == ("issued", "delivery_failed")
    assert desk(database, tenant) == []
    vars(server).update(dict.fromkeys(answers, "250 OK"))
    mail_invoice(post, MAILS, tenant, invoice.id)
    assert only_delivery(database, tenant).state == "sent"
    assert state_of(database, tenant) == ("issued", "delivered")
    assert len(server.taken) == 1


def test_a_server_that_is_away_costs_time_only(
    database: Database, tenant: Tenant, store: FileStore, make_invoice: Callable[..., Issued]
) -> None:
    invoice = make_invoice()
    away = open_post(database, store, f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError, match="does not answer"):
        mail_invoice(away, MAILS, tenant, invoice.id)
    assert only_delivery(database, tenant).state == "failed"


@pytest.mark.parametrize(
    ("answers", "remedy"),
    [
        ({"rcpt": "550 5.1.1 no such user"}, "billing e-mail"),
        ({"mail": "553 5.7.1 not your domain"}, "support e-mail"),
        ({"data": "554 5.6.0 too large"}, "mail administrator"),
    ],
)
def test_a_refusal_stands_on_the_desk_until_it_is_mended(
    database: Database, tenant: Tenant, post: Post, server: MailServerHandler, make_invoice: Callable[..., Issued],
    answers: dict[str, str], remedy: str,
) -> None:  # fmt: skip
    invoice = make_invoice()
    vars(server).update(answers)
    for _ in range(2):
        mail_invoice(post, MAILS, tenant, invoice.id)
    delivery = only_delivery(database, tenant)
    assert (delivery.state, delivery.attempts) == ("refused", 1)
    (exception,) = desk(database, tenant)
    assert (exception.subject_kind, exception.subject_id, exception.code) == (
        "delivery", delivery.id, "delivery_refused",
    )  # fmt: skip
    assert (exception.owner_role, exception.amount_minor) == ("billing_clerk", invoice.content.gross_minor)
    assert remedy in exception.remedy
    assert next(iter(answers.values())) in exception.reason
    assert state_of(database, tenant) == ("issued", "delivery_failed")

    vars(server).update(dict.fromkeys(answers, "250 OK"))
    mend_email(database, tenant, "new@mueller-soehne.example")
    retry_delivery(database, tenant, CLERK, delivery.id)
    mail_invoice(post, MAILS, tenant, invoice.id)
    assert server.envelopes[-1][1] == ["new@mueller-soehne.example"]
    assert only_delivery(database, tenant).recipient == "new@mueller-soehne.example"
    assert desk(database, tenant) == []
    assert state_of(database, tenant) == ("issued", "delivered")


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


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("ap@müller.example", "ap@xn--mller-kva.example"),
        (" ap@x.example ", "ap@x.example"),
        ("jürgen@x.example", None),
        ("a@localhost", None),
        ("a@@b.example", None),
        ("a..b@c.example", None),
        ("a@" + "x" * 70 + ".example", None),
        ("", None),
    ],
)
def test_addresses_as_servers_take_them(given: str, wire: str | None) -> None:
    assert wire_address(given) == wire


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
            MAILS, frozen_invoice(tx, invoice.id), document, read_brand(database, tenant), BILLING_EMAIL
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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", MailServer("mail.example", 25, "none")),
        ("smtp://mail.example?starttls=1", MailServer("mail.example", 587, "starttls")),
        ("smtp://mail.example:2525/?starttls=0", MailServer("mail.example", 2525, "none")),
        ("smtps://u%40x:p%3A%2F@mail.example", MailServer("mail.example", 465, "implicit", "u@x", "p:/")),
    ],
)
def test_the_servers_url(url: str, expected: MailServer) -> None:
    assert parse_smtp_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://m.example:x", "smtp://u:secret@m.example/path",
     "smtp://m.example?tls=1", "smtps://m.example?starttls=1"],
)  # fmt: skip
def test_a_wrong_url_is_told_at_start_and_never_repeated(url: str) -> None:
    with pytest.raises(SettingsInvalidError) as refused:
        parse_smtp_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.facts == {"field": "SMTP_URL"}


def test_encrypted_and_logged_in(
    database: Database, tenant: Tenant, store: FileStore, make_invoice: Callable[..., Issued],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    invoice = make_invoice()
    context, certificate = self_signed(tmp_path)
    options = {"tls_context": context, "require_starttls": True, "authenticator": only("user", "pa:ss")}
    with mail_server(**options, auth_required=True) as server:
        port = server.url.rpartition(":")[2]
        url = f"smtp://user:pa%3Ass@localhost:{port}?starttls=1"
        with pytest.raises(TransientError, match="does not answer as it should") as untrusted:
            mail_invoice(open_post(database, store, url), MAILS, tenant, invoice.id)
        assert "CERTIFICATE_VERIFY_FAILED" in untrusted.value.response
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(TransientError, match="refuses our log-in") as refused:
            mail_invoice(open_post(database, store, url.replace("pa%3Ass", "wrong-word")), MAILS, tenant, invoice.id)
        assert "wrong-word" not in f"{refused.value}{refused.value.request}{refused.value.response}"
        mail_invoice(open_post(database, store, url), MAILS, tenant, invoice.id)
        assert len(server.taken) == 1
