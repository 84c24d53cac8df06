"""The way out for connectors, against real servers: one origin, checked addresses, certificates by name, limits."""

import gzip
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import msgspec
import pytest

from billwright.extension.connectors import RejectedError
from billwright.extension.manifest import Manifest
from billwright.jobs.guarded_http import is_allowed, trusted_authorities
from billwright.kernel.redact import redact, secret_texts
from billwright.posting.outgoing import connection_folder, open_client
from support.mail_server import free_port, self_signed


class Where(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    base_url: str


class NoSecrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


MANIFEST = Manifest(
    name="books", vendor="Books", version="1.2.3", api_version="1", capabilities=frozenset({"erp"}),
    authentication="none", settings_model=Where, secrets_model=NoSecrets, hosts_setting="base_url",
)  # fmt: skip


class Answers(BaseHTTPRequestHandler):
    """``/big`` is 300,000 bytes, ``/gzip`` is compressed, ``/away`` and ``/on`` redirect; all others echo the headers."""

    seen: ClassVar[list[dict[str, str]]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers.items()))
        kind = self.path.strip("/")
        body = b"x" * 300_000 if kind == "big" else b"hello"
        headers = {}
        if kind == "gzip":
            body, headers = gzip.compress(b"x" * 300_000), {"Content-Encoding": "gzip"}
        if kind in {"away", "on"}:
            headers = {"Location": "http://127.0.0.1:1/secret" if kind == "away" else "/hello"}
        self.send_response(302 if kind in {"away", "on"} else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    Answers.seen.clear()
    with serving() as number:
        yield number


def client(url: str, *, private: bool = True, bytes_max: int = 100_000) -> httpx.Client:
    return open_client(MANIFEST, Where(base_url=url), private_hosts_allowed=private, response_bytes_max=bytes_max)


def test_the_settings_host_answers_and_hears_no_name_of_ours(port: int) -> None:
    with client(f"http://localhost:{port}/api") as http:
        assert http.get(f"http://localhost:{port}/hello").text == "hello"
        assert http.post(f"http://localhost:{port}/hello", content=b"x").status_code == 501
    (seen,) = Answers.seen
    assert seen["Host"] == f"localhost:{port}"
    assert seen["User-Agent"] == "books-connector/1.2.3"
    assert "billwright" not in str(seen).lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:1/",
        "https://localhost:{port}/",
        "http://other.example/",
        "ftp://localhost/",
    ],
)
def test_nothing_else_is_reached(port: int, url: str) -> None:
    with client(f"http://localhost:{port}") as http, pytest.raises((RejectedError, httpx.UnsupportedProtocol)):
        http.get(url.format(port=port))
    assert Answers.seen == []


def test_a_redirect_stays_in_the_house(port: int) -> None:
    with client(f"http://localhost:{port}") as http:
        assert http.get(f"http://localhost:{port}/away").status_code == 302
        assert http.get(f"http://localhost:{port}/on", follow_redirects=True).text == "hello"
        with pytest.raises(RejectedError, match="not the address"):
            http.get(f"http://localhost:{port}/away", follow_redirects=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_private_addresses_need_the_operators_word(port: int, host: str) -> None:
    with client(f"http://{host}:{port}", private=False) as http, pytest.raises(RejectedError) as refused:
        http.get(f"http://{host}:{port}/hello")
    assert "BILLWRIGHT_PRIVATE_HOSTS" in refused.value.remedy
    assert Answers.seen == []


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.216.34", True, True), ("2606:2800:220:1::1", True, True),
        ("10.0.0.1", False, True), ("192.168.1.1", False, True), ("127.0.0.1", False, True), ("::1", False, True),
        ("fd00::1", False, True), ("::ffff:10.0.0.1", False, True), ("64:ff9b::a00:1", False, True), ("2002:a00:1::", False, True),
        ("169.254.169.254", False, False), ("::ffff:169.254.169.254", False, False), ("fe80::1", False, False),
        ("0.0.0.0", False, False), ("224.0.0.1", False, False), ("255.255.255.255", False, False), ("::", False, False),
        ("64:ff9b::5db8:d822", True, True),
    ],
)  # fmt: skip
def test_which_addresses_may_be_reached(address: str, public: bool, private: bool) -> None:
    parsed = ipaddress.ip_address(address)
    assert is_allowed(parsed, private_hosts_allowed=False) is public
    assert is_allowed(parsed, private_hosts_allowed=True) is private


def test_secrets_do_not_go_out_in_the_clear() -> None:
    with client("http://93.184.216.34") as http, pytest.raises(RejectedError, match="not encrypted") as refused:
        http.get("http://93.184.216.34/")
    assert "https" in refused.value.remedy


def test_answers_have_limits(port: int) -> None:
    with client(f"http://localhost:{port}") as http:
        with pytest.raises(RejectedError, match="longer than 100000"):
            http.get(f"http://localhost:{port}/big")
        with pytest.raises(RejectedError, match="compressed"):
            http.get(f"http://localhost:{port}/gzip")
    with client(f"http://localhost:{port}", bytes_max=300_000) as http:
        assert len(http.get(f"http://localhost:{port}/big").content) == 300_000


@pytest.mark.parametrize("url", ["http://localhost:{free}/", "http://no-such-host.invalid/"])
def test_who_does_not_answer_is_a_transport_error(url: str) -> None:
    url = url.format(free=free_port())
    with client(url) as http, pytest.raises(httpx.TransportError):
        http.get(url)


def test_without_a_host_in_the_settings_nothing_is_reached(port: int) -> None:
    manifest = Manifest(
        name="files", vendor="F", version="1", api_version="1", capabilities=frozenset({"erp"}), authentication="none",
        settings_model=NoSecrets, secrets_model=NoSecrets,
    )  # fmt: skip
    with open_client(manifest, NoSecrets(), private_hosts_allowed=True) as http, pytest.raises(RejectedError):
        http.get(f"http://localhost:{port}/hello")


def test_certificates_are_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = self_signed(tmp_path)
    with serving(context) as number:
        for trusted, host in ((False, "localhost"), (True, "127.0.0.1"), (True, "localhost")):
            trusted_authorities.cache_clear()
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            url = f"https://{host}:{number}/hello"
            with client(url) as http:
                if trusted and host == "localhost":
                    assert http.get(url).text == "hello"
                else:
                    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                        http.get(url)
    trusted_authorities.cache_clear()


def test_each_connection_has_a_folder_of_its_own(tmp_path: Path) -> None:
    names = ["books", "../books", "books/../../x", "böoks", "Books ", "", "."]
    folders = [connection_folder(tmp_path, "acme", name) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        assert folder.parent == tmp_path / "journal" / "acme"
        assert folder.name not in {"", ".", ".."}


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    password: str
    keys: dict[str, str]


@pytest.mark.parametrize(
    "text",
    [
        "login with p@ss wörd/1", "p%40ss%20w%C3%B6rd%2F1", "p%40ss+w%C3%B6rd%2F1", "cEBzcyB3w7ZyZC8x", '{"k": "deep-key-9"}',
        "Authorization: Basic c29tZXRoaW5n", "authorization: Bearer abcdefghijkl", "X-Api-Key: 12345678",
        '{"password": "another one", "a": 1}', "token=abcdef&x=1", "client_secret='abc def'", "sent Bearer abcdefgh.ijkl-m",
    ],
)  # fmt: skip
def test_no_secret_is_kept(text: str) -> None:
    known = secret_texts(Secrets(user="somebody", password="p@ss wörd/1", keys={"a": "deep-key-9"}))
    kept = redact(text, known)
    assert "[removed]" in kept
    for part in ("wörd", "w%C3%B6rd", "cEBzc", "deep-key-9", "c29tZX", "abcdef", "12345678", "another one", "abc def"):
        assert part not in kept


def test_what_is_no_secret_stays() -> None:
    text = '{"number": "INV-1", "total": "1190.00"} no such party C-1001'
    assert redact(text, secret_texts(None)) == text
