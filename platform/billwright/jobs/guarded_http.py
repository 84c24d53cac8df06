"""A request to an address that a stranger named: checked and pinned addresses, one deadline for everything, a small answer.

The name is resolved here and the connection goes to the very address that was checked, so that a name which changes its
answer between check and use (DNS rebinding) gains nothing; certificates are still checked against the name. The deadline
holds for each read of the socket, so that an answer which drips a byte at a time ends like one that never comes.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import certifi
import httpcore

from billwright.kernel import tracing

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
PORTS: Final = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddressError(Exception):
    """The address is one that this install lets nobody reach from here; ``remedy`` says what to do."""

    def __init__(self, text: str, *, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_allowed(address: Address, *, private_hosts_allowed: bool) -> bool:
    """Whether ``address`` may be reached. Link-local ones (cloud metadata) never are."""
    bare = embedded(address)
    if bare.is_link_local or bare.is_multicast or bare.is_unspecified or (bare.is_reserved and not bare.is_loopback):
        return False
    return bare.is_global or (private_hosts_allowed and (bare.is_private or bare.is_loopback))


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def allowed_addresses(scheme: str, host: str, port: int, *, private_hosts_allowed: bool) -> list[str]:
    """The addresses of ``host`` that may be reached: over plain http none of the public ones.

    Raises:
        OSError: the name cannot be resolved.
        ForbiddenAddressError: none of its addresses may be reached.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    known = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    allowed = [
        text for text in known if is_allowed(ipaddress.ip_address(text), private_hosts_allowed=private_hosts_allowed)
    ]
    if not allowed:
        raise ForbiddenAddressError(
            f"{host} is a private address, and this install does not reach out to those.",
            remedy="Use a public address, or ask the operator to set BILLWRIGHT_PRIVATE_HOSTS=allow.",
        )
    if scheme == "http":
        allowed = [text for text in allowed if not embedded(ipaddress.ip_address(text)).is_global]
        if not allowed:
            raise ForbiddenAddressError(
                f"{host} is a public address and the connection is not encrypted; anyone on the way could read along.",
                remedy="Use https in the address.",
            )
    return allowed


@cache
def trusted_authorities() -> ssl.SSLContext:
    """The system's authorities, which may hold a firm's own, and the public ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def post_once(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout_s: float,
    answer_bytes_max: int,
    private_hosts_allowed: bool,
) -> Answer:
    """POST ``body``; a redirect is an answer and is not followed. Nothing is tried twice.

    Raises:
        ForbiddenAddressError: the address may not be reached; nothing was sent.
        TimeoutError: no whole answer within ``timeout_s``.
        ConnectionError: no connection, or it broke.
    """
    deadline = time.monotonic() + timeout_s
    target = httpcore.URL(url)
    scheme, host = target.scheme.decode("ascii"), target.host.decode("ascii")
    backend = _GuardedBackend(scheme, deadline, private_hosts_allowed=private_hosts_allowed)
    try:
        with (
            request_span("POST", host, target.port or PORTS.get(scheme, 0), refusals=(ForbiddenAddressError,)),
            httpcore.ConnectionPool(ssl_context=trusted_authorities(), network_backend=backend) as pool,
            pool.stream(
                "POST", target, headers=_encoded({**headers, **tracing.headers_for(host)}), content=body
            ) as response,
        ):
            tracing.answered(response.status)
            kept = _beginning(response.iter_stream(), answer_bytes_max)
            received = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, received, kept)
    except httpcore.TimeoutException as error:
        raise TimeoutError(f"no whole answer within {timeout_s:.0f} s") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"no whole answer within {timeout_s:.0f} s") from error
        raise ConnectionError(str(error) or type(error).__name__) from error


def request_span(
    method: str, host: str, port: int, *, refusals: tuple[type[BaseException], ...] = ()
) -> AbstractContextManager[None]:
    """A request to another system as a span. Of the address no path and no query: they may hold secrets."""
    facts: dict[str, str | int] = {"http.request.method": method, "server.address": host, "server.port": port}
    return tracing.step(method, facts=facts, refusals=refusals)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]


def _beginning(parts: Iterable[bytes], size: int) -> bytes:
    kept = b""
    for part in parts:
        kept += part
        if len(kept) >= size:
            break
    return kept[:size]


class _GuardedBackend(httpcore.SyncBackend):
    def __init__(self, scheme: str, deadline_s: float, *, private_hosts_allowed: bool) -> None:
        self._scheme = scheme
        self._deadline_s = deadline_s
        self._private = private_hosts_allowed

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        addresses = allowed_addresses(self._scheme, host, port, private_hosts_allowed=self._private)
        return _Bounded(self._first(addresses, port), self._deadline_s)

    def _first(self, addresses: Sequence[str], port: int) -> httpcore.NetworkStream:
        """The first address that takes the connection; nothing was sent to those that did not."""
        for position, address in enumerate(addresses):
            try:
                return super().connect_tcp(address, port, timeout=_left_s(self._deadline_s))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
        raise AssertionError("at least one address")


def _left_s(deadline_s: float) -> float:
    left = deadline_s - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left


class _Bounded(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, whatever time-out httpcore asks for."""

    def __init__(self, inner: httpcore.NetworkStream, deadline_s: float) -> None:
        self._inner = inner
        self._deadline_s = deadline_s

    def read(self, max_bytes: int, *_: Any, **__: Any) -> bytes:
        return self._inner.read(max_bytes, timeout=_left_s(self._deadline_s))

    def write(self, buffer: bytes, *_: Any, **__: Any) -> None:
        self._inner.write(buffer, timeout=_left_s(self._deadline_s))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        tls = self._inner.start_tls(ssl_context, server_hostname=server_hostname, timeout=_left_s(self._deadline_s))
        return _Bounded(tls, self._deadline_s)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
