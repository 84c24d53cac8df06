"""The drill's accounting system: a real HTTP server that loses answers after it has posted, throttles, fails and dawdles.

It would take a document twice: keeping it once is not its task. ``GET ?key=`` gives all documents of a key.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOST_S = 1.5
"""Longer than the connector waits."""


class Accounting:
    """Misbehaves from first to last: of five posts one is answered too late; others fail, throttle or are slow."""

    def __init__(self, seed: int) -> None:
        self.documents: dict[str, list[dict[str, Any]]] = {}
        self.faults: Counter[str] = Counter()
        self.url = ""
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def fault(self, method: str) -> str:
        with self._lock:
            roll = self._dice.random()
            if roll < 0.2:
                if method != "POST":
                    return ""
                name = "lost answer after posting"
            elif roll < 0.25:
                name = "500"
            elif roll < 0.27:
                name = "429"
            elif roll < 0.32:
                name = "slow"
            else:
                return ""
            self.faults[name] += 1
            return name

    def keep(self, document: dict[str, Any]) -> str:
        with self._lock:
            identifier = f"D{sum(map(len, self.documents.values())) + 1}"
            self.documents.setdefault(document["key"], []).append({**document, "id": identifier})
            return identifier

    def held(self, key: str) -> list[dict[str, Any]]:
        with self._lock:
            return list(self.documents.get(key, ()))


def _handler(system: Accounting) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self._trouble(system.fault("GET")):
                key = parse_qs(urlsplit(self.path).query)["key"][0]
                self._answer(200, {"documents": system.held(key)})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fault = system.fault("POST")
            if fault == "lost answer after posting":
                system.keep(body)
                time.sleep(LOST_S)
                self.close_connection = True
            elif not self._trouble(fault):
                self._answer(201, {"id": system.keep(body)})

        def _trouble(self, fault: str) -> bool:
            if fault == "slow":
                time.sleep(0.3)
            if fault == "500":
                self._answer(500, {})
            if fault == "429":
                self._answer(429, {}, retry_after="1")
            return fault in {"500", "429"}

        def _answer(self, status: int, body: dict[str, Any], retry_after: str = "") -> None:
            raw = json.dumps(body).encode()
            with suppress(OSError):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                if retry_after:
                    self.send_header("retry-after", retry_after)
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            return

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Killed workers hang up; that is the point."""


@contextmanager
def accounting_running(seed: int) -> Iterator[Accounting]:
    system = Accounting(seed)
    server = _Server(("127.0.0.1", 0), _handler(system))
    system.url = f"http://127.0.0.1:{server.server_address[1]}/documents"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield system
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
