"""A real HTTP proxy between a client and a server that loses chosen messages, as networks do at the worst moment."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Loss = Literal["request", "answer", "silence"]


@dataclass(slots=True)
class LossyProxy:
    """Loses each message whose JSON-RPC method is in ``losses``, once.

    ``request``: never reaches the server. ``answer``: the server acted, the connection breaks. ``silence``: the server
    acted, and nothing comes back until the client gives up.
    """

    base_url: str
    losses: dict[str, Loss] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)


@contextmanager
def lossy_proxy(upstream: str) -> Iterator[LossyProxy]:
    proxy = LossyProxy(base_url="")

    def forward(path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        connection = HTTPConnection(urlsplit(upstream).netloc, timeout=60)
        with closing(connection):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            method = json.loads(body)["method"]
            loss = proxy.losses.pop(method, None)
            if loss == "request":
                self.close_connection = True
                return
            headers = {name: self.headers[name] for name in ("Content-Type", "Authorization") if name in self.headers}
            status, content_type, answer = forward(self.path, body, headers)
            proxy.passed.append(method)
            if loss is None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                return
            if loss == "silence":
                self.rfile.read(1)  # returns when the client has closed its end
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Nothing: a test that fails shows ``passed``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    server: socketserver.BaseServer
    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.base_url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
