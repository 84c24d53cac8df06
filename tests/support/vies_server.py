"""A server that behaves as VIES does: the published WSDL's operation, and the faults of its test service by VAT number.

Source: checkVatTestService.wsdl: 100 valid, 200 invalid, 201 INVALID_INPUT, ... ; any other number is looked up in ``known``.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree as ET

TYPES = "{urn:ec.europa.eu:taxud:vies:services:checkVat:types}"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
FAULTS = {
    "201": "INVALID_INPUT", "202": "INVALID_REQUESTER_INFO", "300": "SERVICE_UNAVAILABLE", "301": "MS_UNAVAILABLE",
    "302": "TIMEOUT", "400": "VAT_BLOCKED", "401": "IP_BLOCKED", "500": "GLOBAL_MAX_CONCURRENT_REQ",
    "501": "GLOBAL_MAX_CONCURRENT_REQ_TIME", "600": "MS_MAX_CONCURRENT_REQ", "601": "MS_MAX_CONCURRENT_REQ_TIME",
}  # fmt: skip


@dataclass
class Vies:
    """``known``: prefix and number of registered ids to name and address; ``away``: faults to give first, one per call."""

    url: str = ""
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    away: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, body: bytes) -> tuple[int, str]:
        question = ET.fromstring(body).find(f".//{TYPES}checkVatApprox")
        if question is None:
            return 500, _fault("INVALID_INPUT")
        said = {child.tag.removeprefix(TYPES): child.text or "" for child in question}
        self.asked.append(said)
        prefix, number = said["countryCode"], said["vatNumber"]
        fault = self.away.pop(0) if self.away else FAULTS.get(number)
        if fault:
            return 500, _fault(fault)
        name, address = self.known.get(prefix + number, ("---", "---"))
        valid = number == "100" or prefix + number in self.known
        consultation = f"WAPIAAA{len(self.asked):09d}" if said.get("requesterVatNumber") else ""
        fields = {
            "countryCode": prefix, "vatNumber": number, "requestDate": "2026-03-02+01:00", "valid": str(valid).lower(),
            "traderName": name, "traderCompanyType": "---", "traderAddress": address, "requestIdentifier": consultation,
        }  # fmt: skip
        inside = "".join(f"<ns2:{key}>{value}</ns2:{key}>" for key, value in fields.items())
        response = f'<ns2:checkVatApproxResponse xmlns:ns2="{TYPES[1:-1]}">{inside}</ns2:checkVatApproxResponse>'
        return 200, _envelope(response)


def _envelope(inside: str) -> str:
    return f'<env:Envelope xmlns:env="{SOAP}"><env:Header/><env:Body>{inside}</env:Body></env:Envelope>'


def _fault(code: str) -> str:
    return _envelope(f"<env:Fault><faultcode>env:Server</faultcode><faultstring>{code}</faultstring></env:Fault>")


@contextmanager
def vies_running() -> Iterator[Vies]:
    """The service on a free loopback port."""
    vies = Vies()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, text = vies.answer(self.rfile.read(int(self.headers["Content-Length"])))
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml;charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vies.url = f"http://127.0.0.1:{server.server_address[1]}/taxation_customs/vies/services/checkVatService"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield vies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
