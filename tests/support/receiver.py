"""A real HTTP endpoint in this process that keeps what it gets and answers as it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


@dataclass(frozen=True)
class Got:
    """One request; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body, type=dict[str, Any])


@dataclass
class Receiver:
    """``answer`` gives (status, headers, body) for a request; by default 204."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], tuple[int, dict[str, str], bytes]] = lambda _got: (204, {}, b"")
    hang_s: float = 0
    drip: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    """Ends the hanging."""
    closing: threading.Event = field(default_factory=threading.Event)

    def says(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.answer = lambda _got: (status, headers, body)

    @property
    def types(self) -> list[str]:
        return [got.event["type"] for got in self.got]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.got.append(got)
            if receiver.hang_s:
                receiver.release.wait(receiver.hang_s)
            status, headers, answer = receiver.answer(got)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(answer)))
            if receiver.drip:
                self._drip()
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            """An empty page, for a browser that needs an origin."""
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", "0")
            self.end_headers()

        def _drip(self) -> None:
            """A header a byte at a time, until nobody listens any more."""
            self.flush_headers()
            try:
                while not receiver.closing.wait(0.05):
                    self.wfile.write(b"x")
                    self.wfile.flush()
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            return

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def receiver_running() -> Iterator[Receiver]:
    """A receiver on a free loopback port."""
    receiver = Receiver()
    server = _Server(("127.0.0.1", 0), _handler(receiver))
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        receiver.release.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """For what another thread does in a moment."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
