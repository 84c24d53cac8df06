"""What a mail server answers: not now, never, only over an encrypted line, or nothing at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from billwright.delivery.jobs import open_post
from billwright.delivery.mail_invoice import mail_invoice
from billwright.delivery.retry_delivery import retry_delivery
from billwright.delivery.send_mail import Post
from billwright.documents.store import FileStore
from billwright.extension.connectors import TransientError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.delivering import CLERK, MAILS, make_invoice, mend_email, only_delivery, post, renderer, server, store
from support.issued import Issued, desk, state_of
from support.mail_server import MailServerHandler, free_port, mail_server, only, self_signed

__all__ = ["make_invoice", "post", "renderer", "server", "store"]


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
