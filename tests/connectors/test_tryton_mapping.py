"""Pure parts of the Tryton connector: values there and back, the encoding, and every refusal as the right class."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.connectors import PostingInvoice, RejectedError, ThrottledError, TransientError
from billwright_connectors.tryton import client, mapping
from support.posting_invoices import posting_invoice, posting_invoices, posting_line

IDS = {"S:700": 7, "S:1900": 19, "S:2000": 20, "Z:0": 1}


def known() -> mapping.Known:
    accounts = {"": 40, "4400": 44, "8400": 84}
    return mapping.Known(
        company=1,
        currency=2,
        party=3,
        address=4,
        receivable=5,
        journal=6,
        payment_term=None,
        taxes=IDS,
        accounts=accounts,
    )


def as_tryton_would_hold(invoice: PostingInvoice) -> dict[str, Any]:
    """The record that Tryton makes of our values: its net is the sum of the products, its tax the invoice's."""
    values = mapping.invoice_values(invoice, known())
    ((_, lines),) = values["lines"]
    net = sum((line["quantity"] * line["unit_price"] for line in lines), Decimal(0))
    tax = mapping.major(invoice.tax_minor, invoice.currency_digits)
    return values | {
        "id": 9,
        "number": "T-1",
        "state": "posted",
        "party.": {"name": invoice.customer_name},
        "currency.": {"code": invoice.currency},
        "untaxed_amount": net,
        "tax_amount": tax,
        "total_amount": net + tax,
    }


@given(posting_invoices())
def test_an_invoice_comes_back_from_trytons_values(invoice: PostingInvoice) -> None:
    record = client.decode(client.encode(as_tryton_would_hold(invoice)))

    assert mapping.differences(invoice, record, known()) == []
    assert mapping.carries(record, invoice.key)
    found = mapping.posted_document(record, codes=["12", f"BW-{invoice.customer_key}"], prefix="BW-")
    assert (found.net_minor, found.tax_minor, found.gross_minor, found.currency, found.issued_on) == (
        invoice.net_minor,
        invoice.tax_minor,
        invoice.gross_minor,
        invoice.currency,
        invoice.issued_on,
    )
    assert (found.party, found.party_key) == (invoice.customer_name, invoice.customer_key)


quantities = st.decimals(Decimal("0.001"), Decimal(10_000), places=5)
prices = st.decimals(Decimal("-9999"), Decimal(9999), places=6)


@given(quantities, prices, st.integers(-(10**9), 10**9), st.booleans())
def test_a_lines_product_is_its_net_exactly(quantity: Decimal, price: Decimal, net: int, fits: bool) -> None:
    exact = quantity * price * 100
    net_minor = int(exact) if fits and exact == exact.to_integral_value() else net
    line = posting_line("x", net_minor, quantity=quantity, unit_price=price)

    sent, at = mapping.line_amount(line, 2)

    assert Fraction(sent) * Fraction(at) * 100 == net_minor
    assert Decimal(repr(float(sent))) == sent  # Tryton keeps quantities as binary floats


def test_an_exact_line_keeps_its_quantity_and_price() -> None:
    line = posting_line("Review", 1_087_50, quantity=Decimal("7.250"), unit_price=Decimal("150.00"))

    assert mapping.line_amount(line, 2) == (Decimal("7.25"), Decimal(150))


def test_a_line_that_had_to_change_says_what_was_sold() -> None:
    line = posting_line("Review", 33_33, quantity=Decimal("0.33333"), unit_price=Decimal("99.99"))

    ((_, (values,)),) = mapping.invoice_values(posting_invoice(line), known())["lines"]

    assert values["description"] == "Review (0.33333 x 99.99)"
    assert (values["quantity"], values["unit_price"]) == (Decimal(1), Decimal("33.33"))


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([Decimal("0.29")], []),
        ([Decimal("0.28")], [(100, Decimal("0.29"))]),
        ([Decimal("0.30")], [(100, Decimal("0.29"))]),
        ([Decimal("1.28"), Decimal("-1.00")], [(100, Decimal("1.29"))]),
        ([Decimal("0.27")], []),  # two cents on one line are no rounding
        ([], []),
    ],
)
def test_only_rounding_is_corrected(amounts: list[Decimal], expected: list[tuple[int, Decimal]]) -> None:
    rows = [{"id": 100 + n, "tax": 19, "amount": amount} for n, amount in enumerate(amounts)]

    assert mapping.rounding_corrections(posting_invoice(posting_line("x", 1_50)), IDS, rows) == expected


@pytest.mark.parametrize("key", ["a b", "100%", "a_b", "back\\slash", ""])
def test_a_key_that_a_pattern_could_misread_is_a_bug_of_ours(key: str) -> None:
    with pytest.raises(AssertionError):
        mapping.under_key(1, key)


@pytest.mark.parametrize(
    ("reference", "carried"),
    [("RE-1 k1", True), ("k1", True), ("RE-1 ak1", False), ("RE-1 K1", False), ("k1 RE-1", False), (None, False)],
)
def test_a_reference_carries_its_key_at_the_end(reference: str | None, carried: bool) -> None:
    assert mapping.carries({"reference": reference}, "k1") is carried


def test_an_amount_finer_than_the_currency_is_refused() -> None:
    with pytest.raises(RejectedError) as caught:
        mapping.minor(Decimal("1.005"), "EUR")
    assert "Set the decimals of EUR in Tryton to 2" in caught.value.remedy


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=4)
plain: st.SearchStrategy[object] = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.dates(), decimals)
nested: st.SearchStrategy[object] = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(nested)
def test_what_is_encoded_is_decoded_equal(value: object) -> None:
    assert client.decode(client.encode(value)) == value


def test_floats_and_unknown_types_never_leave() -> None:
    with pytest.raises(TypeError, match="no encoding"):
        client.encode({1, 2})
    assert client.decode("1.10") == Decimal("1.10")
    assert client.encode([Decimal("1E+3"), date(2026, 3, 2)]) == (
        '[{"__class__":"Decimal","decimal":"1000"},{"__class__":"date","year":2026,"month":3,"day":2}]'
    )


@contextmanager
def session_answered_with(response: httpx.Response) -> Iterator[tuple[client.Session, Counter[str]]]:
    """A session whose server lets it in and then answers ``response`` to everything."""
    asked: Counter[str] = Counter()

    def answer(request: httpx.Request) -> httpx.Response:
        method = client.decode(request.content)["method"]
        asked[method] += 1
        if method.startswith("common."):
            return httpx.Response(200, json={"id": 1, "result": [1, "token", None]})
        return response

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        client.session(http, base_url="http://erp/", database="d", user="u", password="p") as session,
    ):
        yield session, asked


def raised(kind: str, details: object) -> httpx.Response:
    return httpx.Response(200, json={"id": 1, "error": [kind, details]})


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (raised("UserError", ["No period", "Open one", None]), RejectedError, "No period"),
        (raised("UserWarning", ["abc.future", "In the future", ""]), client.WarningRaisedError, "In the future"),
        (raised("ConcurrencyException", "Record changed"), TransientError, "Record changed"),
        (raised("'NoneType' object", ""), RejectedError, "failed"),
        (httpx.Response(200, text="<html>a portal</html>"), RejectedError, "not Tryton"),
        (httpx.Response(200, json=[1]), RejectedError, "not Tryton"),
        (httpx.Response(401), TransientError, "session ended"),
        (httpx.Response(403), RejectedError, "403"),
        (httpx.Response(404), RejectedError, "404"),
        (httpx.Response(413), RejectedError, "413"),
        (httpx.Response(408), TransientError, "408"),
        (httpx.Response(423), TransientError, "423"),
        (httpx.Response(500), TransientError, "500"),
        (httpx.Response(503), TransientError, "503"),
        (httpx.Response(504), TransientError, "504"),
        (httpx.Response(429), ThrottledError, "429"),
    ],
)
def test_each_refusal_has_its_class(response: httpx.Response, error: type[Exception], words: str) -> None:
    with session_answered_with(response) as (session, _), pytest.raises(error, match=words) as caught:
        session.call("model.account.invoice.post", [1])

    if isinstance(caught.value, RejectedError):
        assert caught.value.remedy


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "7"}, 7), ({}, 60), ({"Retry-After": "soon"}, 60)])
def test_throttling_says_how_long_to_wait(header: dict[str, str], seconds: int) -> None:
    response = httpx.Response(429, headers=header)
    with session_answered_with(response) as (session, _), pytest.raises(ThrottledError) as caught:
        session.call("model.account.invoice.post", [1])

    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("response", "times"),
    [(raised("UserError", ["No", "", None]), 3), (httpx.Response(500), 1), (raised("UserWarning", ["a", "b", ""]), 1)],
)
def test_only_what_tryton_undid_is_repeated(response: httpx.Response, times: int) -> None:
    with session_answered_with(response) as (session, asked):
        with pytest.raises((RejectedError, TransientError)):
            session.call("model.account.invoice.post", [1])
        assert asked["model.account.invoice.post"] == times
