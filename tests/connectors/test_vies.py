"""The VIES connector against a server that answers and fails as the published service says it does."""

from collections.abc import Iterator

import httpx
import pytest

from billwright.extension.connectors import Context, RejectedError, ThrottledError, TransientError
from billwright.extension.loading import available_connectors
from billwright.extension.registers import RegisterAnswer, TaxRegister
from billwright_connectors import vies
from billwright_connectors.vies.client import read_answer, request_body
from billwright_connectors.vies.manifest import Secrets, Settings
from support.vies_server import Vies, vies_running


@pytest.fixture
def service() -> Iterator[Vies]:
    with vies_running() as running:
        yield running


def context(service: Vies, requester: str = "DE129274202") -> Context:
    settings = Settings(base_url=service.url, requester=requester)
    return Context(settings=settings, secrets=Secrets(), http=httpx.Client(trust_env=False), tenant="acme", folder="")


def test_a_registered_id_comes_with_name_address_and_consultation_number(service: Vies) -> None:
    service.known["FR40303265045"] = ("SA CLIENT", "1 RUE DE PARIS\n75001 PARIS")

    answer = vies.check_vat_id(context(service), "FR", "fr 40 303 265 045")

    assert answer == RegisterAnswer(
        valid=True, name="SA CLIENT", address="1 RUE DE PARIS, 75001 PARIS", consultation="WAPIAAA000000001",
        requester="DE129274202",
    )  # fmt: skip
    assert service.asked == [
        {
            "countryCode": "FR",
            "vatNumber": "40303265045",
            "requesterCountryCode": "DE",
            "requesterVatNumber": "129274202",
        }
    ]


def test_an_id_that_is_not_registered_is_a_certain_answer(service: Vies) -> None:
    answer = vies.check_vat_id(context(service, requester=""), "GR", "EL094259216")

    assert answer == RegisterAnswer(valid=False)
    assert service.asked == [{"countryCode": "EL", "vatNumber": "094259216"}]


@pytest.mark.parametrize(
    ("number", "refusal", "words"),
    [
        ("201", RejectedError, "INVALID_INPUT"),
        ("202", RejectedError, "INVALID_REQUESTER_INFO"),
        ("300", TransientError, "SERVICE_UNAVAILABLE"),
        ("301", TransientError, "the register of the member state does not answer"),
        ("302", TransientError, "TIMEOUT"),
        ("400", RejectedError, "VAT_BLOCKED"),
        ("401", RejectedError, "IP_BLOCKED"),
        ("500", ThrottledError, "busy"),
        ("501", ThrottledError, "busy"),
        ("600", ThrottledError, "busy"),
        ("601", ThrottledError, "busy"),
    ],
)
def test_no_answer_is_told_from_a_refusal(service: Vies, number: str, refusal: type[Exception], words: str) -> None:
    with pytest.raises(refusal, match=words) as caught:
        vies.check_vat_id(context(service), "DE", f"DE{number}")
    if isinstance(caught.value, RejectedError):
        assert caught.value.remedy.endswith(".")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html>Down for maintenance", b"<a/>",
        b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 50 + b'"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>',
        b'<e><checkVatApproxResponse xmlns="urn:ec.europa.eu:taxud:vies:services:checkVat:types"><valid>maybe</valid>'
        b"</checkVatApproxResponse></e>",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_asked_again(content: bytes) -> None:
    with pytest.raises(TransientError):
        read_answer(content, "")


def test_the_question_is_escaped_and_the_connector_is_found() -> None:
    assert "<vatNumber>1&lt;&amp;</vatNumber>" in request_body("DE", "1<&", "")
    connector = available_connectors()["vies"]
    assert isinstance(connector, TaxRegister)
    assert (connector.covers("FR"), connector.covers("GB")) == (True, False)
