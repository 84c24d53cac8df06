"""The Tryton connector against a real Tryton server: posted once, whatever is lost on the way and whoever else posts."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from billwright.extension.connectors import Context, PostingInvoice, TransientError
from billwright_connectors import tryton
from billwright_connectors.tryton.client import Session
from support.lossy_proxy import lossy_proxy
from support.posting_invoices import posting_line
from support.tryton_checks import an_invoice, assert_posted_once, invoices_under, states_under, with_settings
from support.trytond import TrytonServer


@pytest.fixture
def context(tryton_context: Context) -> Context:
    return tryton_context


def test_a_server_that_is_down_is_tried_again_later(context: Context) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: refused for as long as it is held
        down = with_settings(context, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransientError, match="does not answer"):
            tryton.post(down, an_invoice())


def test_an_answer_lost_after_posting_is_found_by_the_next_look(
    context: Context, accountant: Session, trytond: TrytonServer
) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy:
        lossy = with_settings(context, base_url=proxy.base_url)
        proxy.losses["model.account.invoice.post"] = "answer"
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
        assert "model.account.invoice.post" in proxy.passed

        found = tryton.find(lossy, invoice.key)
        assert found is not None
        assert tryton.post(lossy, invoice) == found.external_id

    assert_posted_once(context, accountant, invoice)


def test_a_client_that_gave_up_waiting_finds_it_posted(
    context: Context, accountant: Session, trytond: TrytonServer
) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy, httpx.Client(trust_env=False, timeout=4) as http:
        lossy = replace(with_settings(context, base_url=proxy.base_url), http=http)
        proxy.losses["model.account.invoice.post"] = "silence"
        with pytest.raises(TransientError, match="ReadTimeout"):
            tryton.post(lossy, invoice)

    assert_posted_once(context, accountant, invoice)


@pytest.mark.parametrize(
    ("method", "loss"),
    [
        ("model.party.party.create", "answer"),
        ("model.account.invoice.create", "request"),
        ("model.account.invoice.create", "answer"),
        ("model.account.invoice.tax.write", "answer"),
        ("model.account.invoice.post", "request"),
    ],
)
def test_a_call_that_died_anywhere_is_completed_by_the_next(
    context: Context, accountant: Session, trytond: TrytonServer, method: str, loss: Any
) -> None:
    invoice = an_invoice(posting_line("Half a cent of tax", 1_50))
    with lossy_proxy(trytond.base_url) as proxy:
        lossy = with_settings(context, base_url=proxy.base_url)
        proxy.losses[method] = loss
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
        assert not proxy.losses

        tryton.post(lossy, invoice)

    assert_posted_once(context, accountant, invoice)


def test_a_draft_that_somebody_changed_is_made_anew(
    context: Context, accountant: Session, trytond: TrytonServer
) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy:
        lossy = with_settings(context, base_url=proxy.base_url)
        proxy.losses["model.account.invoice.post"] = "request"
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
    (draft,) = invoices_under(accountant, invoice.key, "lines")
    accountant.call("model.account.invoice.line.write", draft["lines"], {"unit_price": Decimal(1)})

    tryton.post(context, invoice)

    assert_posted_once(context, accountant, invoice)


def test_a_cancelled_draft_does_not_stop_the_posting(
    context: Context, accountant: Session, trytond: TrytonServer
) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy:
        lossy = with_settings(context, base_url=proxy.base_url)
        proxy.losses["model.account.invoice.post"] = "request"
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
    (draft,) = invoices_under(accountant, invoice.key)
    accountant.call("model.account.invoice.cancel", [draft["id"]])

    tryton.post(context, invoice)

    assert states_under(accountant, invoice.key) == ["cancelled", "posted"]


def test_callers_at_once_post_at_most_one(context: Context, accountant: Session) -> None:
    """Refused and late callers may ask to be called again; whatever they do, one invoice stands at the end."""
    invoices = [an_invoice() for _ in range(2)]

    def call(invoice: PostingInvoice) -> str | None:
        with httpx.Client(trust_env=False, timeout=60) as http:
            try:
                return tryton.post(replace(context, http=http), invoice)
            except TransientError:
                return None

    for invoice in invoices:
        with ThreadPoolExecutor(5) as pool:
            answers = set(pool.map(call, [invoice] * 5))
        external_id = tryton.post(context, invoice)
        assert answers <= {external_id, None}
        assert_posted_once(context, accountant, invoice)


def test_sessions_do_not_pile_up(context: Context, trytond: TrytonServer) -> None:
    with lossy_proxy(trytond.base_url) as proxy:
        tryton.find(with_settings(context, base_url=proxy.base_url), "0197a1b0")

    assert (proxy.passed[0], proxy.passed[-1]) == ("common.db.login", "common.db.logout")
