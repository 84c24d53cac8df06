"""``checkVatApprox`` of the VIES web service over an ``httpx.Client``: its envelope, its answer, its faults.

Source: https://ec.europa.eu/taxation_customs/vies/checkVatService.wsdl (and checkVatTestService.wsdl for the faults).
"""

from typing import Final
from xml.sax.saxutils import escape

import httpx
from lxml import etree

from billwright.extension.connectors import RejectedError, ThrottledError, TransientError
from billwright.extension.registers import RegisterAnswer

TYPES: Final = "urn:ec.europa.eu:taxud:vies:services:checkVat:types"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
BUSY_RETRY_S: Final = 60.0
BUSY: Final = ("GLOBAL_MAX_CONCURRENT_REQ", "MS_MAX_CONCURRENT_REQ")  # with and without _TIME
AWAY: Final = frozenset({"SERVICE_UNAVAILABLE", "MS_UNAVAILABLE", "TIMEOUT", "SERVER_BUSY"})
REMEDIES: Final = {
    "INVALID_INPUT": "Correct the customer's VAT id at its source.",
    "INVALID_REQUESTER_INFO": "Correct `requester` in the connection's settings: it is your own VAT id with its prefix.",
    "VAT_BLOCKED": "Ask the Commission's VIES help desk: your own VAT id is blocked there.",
    "IP_BLOCKED": "Ask the Commission's VIES help desk: the address of this server is blocked there.",
}
_KEPT: Final = 4_000  # characters of a request or answer that go on a dead letter
_ENVELOPE: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Body>'
    f'<checkVatApprox xmlns="{TYPES}">{{fields}}</checkVatApprox></soap:Body></soap:Envelope>'
)


def request_body(prefix: str, number: str, requester: str) -> str:
    """The envelope of one question; ``requester`` with its prefix, or empty."""
    fields = {"countryCode": prefix, "vatNumber": number}
    if requester:
        fields |= {"requesterCountryCode": requester[:2], "requesterVatNumber": requester[2:]}
    return _ENVELOPE.format(fields="".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items()))


def ask(http: httpx.Client, url: str, prefix: str, number: str, requester: str) -> RegisterAnswer:
    """One question, one answer.

    Raises:
        TransientError, ThrottledError, RejectedError: as ``TaxRegister.check_vat_id``.
    """
    body = request_body(prefix, number, requester)
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    response = http.post(url, content=body.encode(), headers=headers)
    if response.status_code in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
        raise ThrottledError(
            f"VIES is busy ({response.status_code}).",
            retry_after_s=BUSY_RETRY_S,
            request=body,
            response=response.text[:_KEPT],
        )
    return read_answer(response.content, requester, request=body)


def read_answer(content: bytes, requester: str, *, request: str = "") -> RegisterAnswer:
    """The answer in a SOAP envelope.

    Raises:
        TransientError, ThrottledError, RejectedError: it holds a fault, or is no envelope of this service.
    """
    shown = content[:_KEPT].decode("utf-8", "replace")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise TransientError(f"VIES did not answer in XML: {error}", request=request, response=shown) from error
    if (fault := root.findtext(f".//{{{SOAP}}}Fault/faultstring")) is not None:
        raise _fault(fault.strip(), request, shown)
    answer = root.find(f".//{{{TYPES}}}checkVatApproxResponse")
    said = {etree.QName(child).localname: (child.text or "").strip() for child in answer} if answer is not None else {}
    if said.get("valid") not in {"true", "false"}:
        raise TransientError(
            "VIES answered something that is no checkVatApproxResponse.", request=request, response=shown
        )
    return RegisterAnswer(
        valid=said["valid"] == "true",
        name=_told(said.get("traderName", "")),
        address=_told(said.get("traderAddress", "")).replace("\n", ", "),
        consultation=said.get("requestIdentifier", ""),
        requester=requester,
    )


def _told(text: str) -> str:
    """Member states that tell nothing write dashes."""
    return "" if set(text) <= {"-", " "} else text


def _fault(fault: str, request: str, shown: str) -> Exception:
    code = fault.partition(" ")[0]
    if code.startswith(BUSY):
        return ThrottledError(f"VIES is busy: {code}.", retry_after_s=BUSY_RETRY_S, request=request, response=shown)
    if code in REMEDIES:
        return RejectedError(f"VIES refused: {code}.", remedy=REMEDIES[code], request=request, response=shown)
    why = "the register of the member state does not answer" if code == "MS_UNAVAILABLE" else "it cannot answer now"
    known = code if code in AWAY else fault[:200]
    return TransientError(f"VIES: {why} ({known}).", request=request, response=shown)
