"""The Tryton connector against a real Tryton server: posted once, with our amounts, whatever is lost on the way."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from billwright.extension.connectors import Context, Erp, PostedDocument, PostingInvoice, RejectedError, TransientError
from billwright_connectors import tryton
from billwright_connectors.tryton import client
from billwright_connectors.tryton.manifest import Secrets, Settings
from support.lossy_proxy import lossy_proxy
from support.posting_invoices import posting_invoice, posting_line
from support.trytond import TrytonServer

TAXES = {"S:1900": "VAT 19 %", "S:2000": "VAT 20 %", "Z:0": "VAT 0 %", "O:0": ""}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60) as opened:
        yield opened


@pytest.fixture
def context(trytond: TrytonServer, http: httpx.Client) -> Context:
    settings = Settings(
        base_url=trytond.base_url,
        database=trytond.database,
        company=trytond.company,
        taxes=TAXES,
        revenue_account="4.1.2",
        country="DE",
    )
    secrets = Secrets(user=trytond.user, password=trytond.password)
    return Context(settings=settings, secrets=secrets, http=http, tenant="demo", folder="")


def with_settings(context: Context, **changes: Any) -> Context:
    assert isinstance(context.settings, Settings)
    values = {name: getattr(context.settings, name) for name in Settings.__struct_fields__}
    return replace(context, settings=Settings(**(values | changes)))


def an_invoice(*lines: Any, **changes: Any) -> PostingInvoice:
    """An invoice of its own customer, issued today, so that tests share one server without meeting."""
    key = str(uuid4())
    today = date.today()  # noqa: DTZ011 - Tryton's server takes the date of this machine
    own = {"key": key, "customer_key": f"C-{key[:8]}", "issued_on": today, "due_on": today + timedelta(days=30)}
    return posting_invoice(*lines, **(own | changes))


def records(context: Context, model: str, domain: list[object], fields: list[str]) -> list[dict[str, Any]]:
    """What an accountant would see in Tryton."""
    settings, secrets = context.settings, context.secrets
    assert isinstance(settings, Settings)
    assert isinstance(secrets, Secrets)
    with client.session(
        context.http,
        base_url=settings.base_url,
        database=settings.database,
        user=secrets.user,
        password=secrets.password,
    ) as session:
        session.context["company"] = 1
        return session.search(model, domain, fields)


def invoices_under(context: Context, key: str, *fields: str) -> list[dict[str, Any]]:
    domain: list[object] = [["reference", "like", f"%{key}"]]
    return records(context, "account.invoice", domain, ["state", "number", *fields])


def states_under(context: Context, key: str) -> list[str]:
    return [record["state"] for record in invoices_under(context, key)]


def assert_posted_once(context: Context, invoice: PostingInvoice) -> PostedDocument:
    """Exactly one invoice under the key, posted, and equal to ours in all that is compared."""
    assert states_under(context, invoice.key) == ["posted"]
    found = tryton.find(context, invoice.key)
    assert found is not None
    assert found.number
    assert found == PostedDocument(
        external_id=found.external_id,
        number=found.number,
        state="posted",
        party=invoice.customer_name,
        party_key=invoice.customer_key,
        issued_on=invoice.issued_on,
        currency=invoice.currency,
        net_minor=invoice.net_minor,
        tax_minor=invoice.tax_minor,
        gross_minor=invoice.gross_minor,
    )
    return found


def test_an_entry_point_finds_an_erp() -> None:
    assert isinstance(tryton, Erp)
    assert tryton.manifest.hosts_setting in Settings.__struct_fields__


def test_an_invoice_is_posted_and_reads_back_equal(context: Context) -> None:
    invoice = an_invoice(
        posting_line("Concept", 10_000_00),
        posting_line("Review, 7.25 h", 1_087_50, quantity=Decimal("7.25"), unit_price=Decimal(150)),
        posting_line("Licence", 99_90, rate=2000),
        posting_line("Travel abroad", 333_33, rate=0),
        posting_line("Passed on", 12_34, rate=0, tax_category="O"),
    )
    assert tryton.find(context, invoice.key) is None

    external_id = tryton.post(context, invoice)

    assert assert_posted_once(context, invoice).external_id == external_id


def test_posting_again_does_nothing(context: Context) -> None:
    invoice = an_invoice()

    assert tryton.post(context, invoice) == tryton.post(context, invoice)

    assert_posted_once(context, invoice)


def test_the_ledger_balances_on_the_right_accounts_and_days(context: Context) -> None:
    invoice = an_invoice(posting_line("Concept", 1_000_00), posting_line("Goods", 50_00, revenue_account="8400"))

    tryton.post(with_settings(context, accounts={"8400": "4.1.1"}), invoice)

    (document,) = invoices_under(context, invoice.key, "move")
    lines = records(
        context,
        "account.move.line",
        [["move", "=", document["move"]]],
        ["account.code", "debit", "credit", "maturity_date", "date"],
    )
    assert sorted((line["account."]["code"], line["debit"], line["credit"]) for line in lines) == [
        ("1.2.1", Decimal("1249.50"), Decimal(0)),
        ("4.1.1", Decimal(0), Decimal(50)),
        ("4.1.2", Decimal(0), Decimal(1000)),
        ("6.3.6", Decimal(0), Decimal("199.50")),
    ]
    assert [line["maturity_date"] for line in lines if line["debit"]] == [invoice.due_on]
    assert {line["date"] for line in lines} == {invoice.issued_on}


@pytest.mark.parametrize("net_minor", [1_50, 2_50, 50, 5_50])
def test_a_tax_on_half_a_cent_is_the_one_on_the_invoice(context: Context, net_minor: int) -> None:
    """19 % of 1.50 is 0.285: Tryton rounds to 0.28, EN 16931 to 0.29."""
    invoice = an_invoice(posting_line("Small", net_minor))

    tryton.post(context, invoice)

    assert_posted_once(context, invoice)


def test_a_net_that_is_no_exact_product_is_posted_to_the_cent(context: Context) -> None:
    lines = [
        posting_line(f"Part {n}", 33_33, quantity=Decimal("0.33333"), unit_price=Decimal("99.99")) for n in range(3)
    ]
    invoice = an_invoice(*lines)

    tryton.post(context, invoice)

    assert_posted_once(context, invoice)


def test_a_credit_note_and_a_foreign_currency_are_posted(context: Context) -> None:
    credit = an_invoice(posting_line("Correction", -500_00))
    dollars = an_invoice(posting_line("Advice", 777_77), currency="USD")

    tryton.post(context, credit)
    tryton.post(context, dollars)

    assert_posted_once(context, credit)
    assert_posted_once(context, dollars)


@pytest.mark.parametrize(
    "name", ["Łódź Çelik & Söhne GmbH", 'O\'Brien "Quoted" <b>Ltd</b>', "株式会社サンプル", "100 % _ \\ ; -- 🙂"]
)
def test_names_and_texts_arrive_as_they_are(context: Context, name: str) -> None:
    invoice = an_invoice(posting_line(f"For {name}\nsecond line", 100_00), customer_name=name, number=f"RE/{name}")

    tryton.post(context, invoice)

    assert_posted_once(context, invoice)


def test_a_customer_is_made_once_and_found_again(context: Context) -> None:
    first = an_invoice()
    second = an_invoice(customer_key=first.customer_key, customer_name="Renamed since")

    tryton.post(context, first)
    tryton.post(context, second)

    parties = records(context, "party.party", [["code", "=", f"BW-{first.customer_key}"]], ["name"])
    assert [party["name"] for party in parties] == [first.customer_name]
    found = tryton.find(context, second.key)
    assert found is not None
    assert (found.party, found.party_key) == (first.customer_name, first.customer_key)


def test_a_customer_that_tryton_knew_before_is_found_by_identifier(context: Context, trytond: TrytonServer) -> None:
    invoice = an_invoice()
    with client.session(
        context.http,
        base_url=trytond.base_url,
        database=trytond.database,
        user=trytond.user,
        password=trytond.password,
    ) as session:
        code = [["create", [{"code": f"BW-{invoice.customer_key}"}]]]
        session.create("party.party", {"name": "Known before", "code": invoice.key, "identifiers": code})

    tryton.post(context, invoice)

    found = tryton.find(context, invoice.key)
    assert found is not None
    assert (found.party, found.party_key) == ("Known before", invoice.customer_key)


def test_an_invoice_older_than_the_last_one_keeps_its_date_in_the_ledger(context: Context) -> None:
    today = an_invoice()
    yesterday = an_invoice(issued_on=today.issued_on - timedelta(days=1))
    tryton.post(context, today)

    tryton.post(context, yesterday)

    assert_posted_once(context, yesterday)


def test_an_invoice_that_is_overdue_already_is_posted(context: Context) -> None:
    day = date.today() - timedelta(days=60)  # noqa: DTZ011 - Tryton's server takes the date of this machine
    invoice = an_invoice(issued_on=day, due_on=day + timedelta(days=14))

    tryton.post(context, invoice)

    assert_posted_once(context, invoice)


def test_another_tax_rate_in_tryton_is_refused_and_leaves_nothing(context: Context) -> None:
    invoice = an_invoice()
    wrong = with_settings(context, taxes={"S:1900": "VAT 20 %"})

    with pytest.raises(RejectedError, match=r"tax 2000\.00 instead of 1900\.00") as caught:
        tryton.post(wrong, invoice)

    assert "'taxes'" in caught.value.remedy
    assert states_under(context, invoice.key) == []
    tryton.post(context, invoice)
    assert_posted_once(context, invoice)


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"taxes": {"Z:0": "VAT 0 %"}}, "our tax S:1900", "Add 'S:1900' to 'taxes'"),
        ({"taxes": {"S:1900": "VAT 18 %"}}, "no tax 'VAT 18 %'", "Correct 'taxes'"),
        ({"revenue_account": "9999"}, "no open account '9999'", "'revenue_account'"),
        ({"receivable_account": "9999"}, "no open account '9999'", "'receivable_account'"),
        ({"journal": "NONE"}, "no revenue journal 'NONE'", "'journal'"),
        ({"payment_term": "1 year"}, "no payment term '1 year'", "'payment_term'"),
        ({"country": "XX"}, "no country XX", "trytond_import_countries"),
        ({"company": "Somebody else"}, "no company 'Somebody else'", "'company'"),
        ({"database": "missing"}, "404", "base_url and database"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_remedy(
    context: Context, changes: dict[str, Any], message: str, remedy: str
) -> None:
    invoice = an_invoice()

    with pytest.raises(RejectedError, match=message) as caught:
        tryton.post(with_settings(context, **changes), invoice)

    assert remedy in caught.value.remedy
    assert states_under(context, invoice.key) == []


def test_what_tryton_refuses_is_said_in_its_own_words(context: Context) -> None:
    invoice = an_invoice(issued_on=date(1999, 1, 1), due_on=date(1999, 2, 1))

    with pytest.raises(RejectedError, match=r"period|fiscal year"):
        tryton.post(context, invoice)

    assert tryton.find(context, invoice.key) is None


def test_a_wrong_password_is_refused_without_showing_it(context: Context) -> None:
    wrong = replace(context, secrets=Secrets(user="somebody", password="wrong-secret"))

    with pytest.raises(RejectedError) as caught:
        tryton.find(wrong, "0197a1b0")

    assert "user and password" in caught.value.remedy
    shown = f"{caught.value} {caught.value.request} {caught.value.response} {caught.value.remedy}"
    assert "wrong-secret" not in shown


def test_a_server_that_is_down_is_tried_again_later(context: Context) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: refused for as long as it is held
        down = with_settings(context, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransientError, match="does not answer"):
            tryton.post(down, an_invoice())


def test_an_answer_lost_after_posting_is_found_by_the_next_look(context: Context, trytond: TrytonServer) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy, httpx.Client(trust_env=False, timeout=60) as http:
        lossy = replace(with_settings(context, base_url=proxy.base_url), http=http)
        proxy.losses["model.account.invoice.post"] = "answer"
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
        assert "model.account.invoice.post" in proxy.passed

        found = tryton.find(lossy, invoice.key)
        assert found is not None
        assert tryton.post(lossy, invoice) == found.external_id

    assert_posted_once(context, invoice)


def test_a_client_that_gave_up_waiting_finds_it_posted(context: Context, trytond: TrytonServer) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy, httpx.Client(trust_env=False, timeout=5) as http:
        lossy = replace(with_settings(context, base_url=proxy.base_url), http=http)
        proxy.losses["model.account.invoice.post"] = "silence"
        with pytest.raises(TransientError, match="ReadTimeout"):
            tryton.post(lossy, invoice)

    assert_posted_once(context, invoice)


@pytest.mark.parametrize("loss", ["request", "answer"])
@pytest.mark.parametrize(
    "method",
    [
        "model.party.party.create",
        "model.account.invoice.create",
        "model.account.invoice.search_read",
        "model.account.invoice.tax.write",
        "model.account.invoice.post",
    ],
)
def test_a_call_that_died_anywhere_is_completed_by_the_next(
    context: Context, trytond: TrytonServer, method: str, loss: Any
) -> None:
    invoice = an_invoice(posting_line("Half a cent of tax", 1_50))
    with lossy_proxy(trytond.base_url) as proxy, httpx.Client(trust_env=False, timeout=60) as http:
        lossy = replace(with_settings(context, base_url=proxy.base_url), http=http)
        proxy.losses[method] = loss
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
        assert not proxy.losses

        tryton.post(lossy, invoice)

    assert_posted_once(context, invoice)


def test_a_draft_that_somebody_changed_is_made_anew(context: Context, trytond: TrytonServer) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy, httpx.Client(trust_env=False, timeout=60) as http:
        lossy = replace(with_settings(context, base_url=proxy.base_url), http=http)
        proxy.losses["model.account.invoice.post"] = "request"
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
    (draft,) = invoices_under(context, invoice.key, "lines")
    with client.session(
        context.http,
        base_url=trytond.base_url,
        database=trytond.database,
        user=trytond.user,
        password=trytond.password,
    ) as session:
        session.context["company"] = 1
        session.call("model.account.invoice.line.write", draft["lines"], {"unit_price": Decimal(1)})

    tryton.post(context, invoice)

    assert_posted_once(context, invoice)


def test_a_cancelled_draft_does_not_stop_the_posting(context: Context, trytond: TrytonServer) -> None:
    invoice = an_invoice()
    with lossy_proxy(trytond.base_url) as proxy, httpx.Client(trust_env=False, timeout=60) as http:
        lossy = replace(with_settings(context, base_url=proxy.base_url), http=http)
        proxy.losses["model.account.invoice.post"] = "request"
        with pytest.raises(TransientError):
            tryton.post(lossy, invoice)
    (draft,) = invoices_under(context, invoice.key)
    with client.session(
        context.http,
        base_url=trytond.base_url,
        database=trytond.database,
        user=trytond.user,
        password=trytond.password,
    ) as session:
        session.context["company"] = 1
        session.call("model.account.invoice.cancel", [draft["id"]])

    tryton.post(context, invoice)

    assert states_under(context, invoice.key) == ["cancelled", "posted"]


def test_callers_at_once_post_at_most_one(context: Context, trytond: TrytonServer) -> None:
    """Refused and late callers may ask to be called again; whatever they do, one invoice stands at the end."""
    invoices = [an_invoice() for _ in range(3)]

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
        assert_posted_once(context, invoice)


def test_sessions_do_not_pile_up(context: Context, trytond: TrytonServer) -> None:
    with lossy_proxy(trytond.base_url) as proxy:
        tryton.find(with_settings(context, base_url=proxy.base_url), "0197a1b0")

    assert (proxy.passed[0], proxy.passed[-1]) == ("common.db.login", "common.db.logout")
