"""The only way out for connectors: one origin, checked and pinned addresses, limits of time and size.

A host name is resolved here and the connection goes to the very address that was checked, so that a name which changes
its answer between check and use (DNS rebinding) gains nothing; certificates are still checked against the name.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import msgspec

from billwright.extension.connectors import RejectedError
from billwright.extension.manifest import Manifest
from billwright.jobs.guarded_http import (
    PORTS,
    ForbiddenAddressError,
    allowed_addresses,
    request_span,
    trusted_authorities,
)
from billwright.kernel import tracing

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 30.0
TOTAL_TIMEOUT_S: Final = 120.0
RESPONSE_BYTES_MAX: Final = 10 * 1024 * 1024
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")

Origin = tuple[str, str, int]


def open_client(
    manifest: Manifest,
    settings: msgspec.Struct,
    *,
    private_hosts_allowed: bool,
    response_bytes_max: int = RESPONSE_BYTES_MAX,
) -> httpx.Client:
    """A client that reaches the origin in the settings field ``manifest.hosts_setting`` and nothing else.

    Its requests raise ``httpx.TransportError`` when the other side does not answer, and ``RejectedError`` when the address
    is forbidden or the answer too large. A redirect is an answer, never followed to another origin.
    """
    url = str(getattr(settings, manifest.hosts_setting)) if manifest.hosts_setting else ""
    transport = _PinnedTransport(
        origin_of(url) if url else None, private_hosts_allowed=private_hosts_allowed, bytes_max=response_bytes_max
    )
    return httpx.Client(
        transport=transport,
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": f"{manifest.name}-connector/{manifest.version}", "Accept-Encoding": "identity"},
    )


def connection_folder(home: Path, tenant: str, connection: str) -> Path:
    """The folder of one connection alone, whatever signs its name has."""
    safe = _UNSAFE.sub("-", connection)[:60].strip("-")
    if not safe or safe != connection:
        safe = f"{safe}-{hashlib.sha256(connection.encode()).hexdigest()[:8]}".lstrip("-")
    return home / "journal" / tenant / safe


def origin_of(url: httpx.URL | str) -> Origin | None:
    """Scheme, host and port; ``None`` when it is no http(s) URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in PORTS or not parsed.host:
        return None
    return parsed.scheme, parsed.raw_host.decode("ascii").lower(), parsed.port or PORTS[parsed.scheme]


class _PinnedTransport(httpx.BaseTransport):
    def __init__(self, origin: Origin | None, *, private_hosts_allowed: bool, bytes_max: int) -> None:
        self._origin = origin
        self._private = private_hosts_allowed
        self._bytes_max = bytes_max
        self._inner = httpx.HTTPTransport(verify=trusted_authorities(), trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        wanted = origin_of(request.url)
        if wanted is None or wanted != self._origin:
            raise RejectedError(
                f"The connector wanted to reach {request.url.scheme}://{request.url.netloc.decode('ascii', 'replace')}, which "
                "is not the address in the connection's settings.",
                remedy="Correct the address in the connection's settings; redirects to other addresses are not followed.",
            )
        deadline = time.monotonic() + TOTAL_TIMEOUT_S
        with request_span(request.method, wanted[1], wanted[2], refusals=(RejectedError,)):
            request.headers.update(tracing.headers_for(wanted[1]))
            response = self._first_answer(request, self._addresses(wanted))
            tracing.answered(response.status_code)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            response.close()
            raise _unusable(wanted, "is compressed although we asked for it plain")
        assert isinstance(response.stream, httpx.SyncByteStream)
        stream = _LimitedStream(response.stream, deadline, self._bytes_max, wanted, request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    def _addresses(self, origin: Origin) -> list[str]:
        scheme, host, port = origin
        try:
            return allowed_addresses(scheme, host, port, private_hosts_allowed=self._private)
        except OSError as error:
            raise httpx.ConnectError(f"the name {host} cannot be resolved: {error}") from error
        except ForbiddenAddressError as error:
            raise RejectedError(str(error), remedy=error.remedy) from error

    def _first_answer(self, request: httpx.Request, addresses: list[str]) -> httpx.Response:
        """From the first address that takes the connection; nothing was sent to those that did not."""
        for position, address in enumerate(addresses):
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
            try:
                return self._inner.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
        raise AssertionError("at least one address")

    def close(self) -> None:
        self._inner.close()


class _LimitedStream(httpx.SyncByteStream):
    """An answer's body that ends at the limits."""

    def __init__(
        self, inner: httpx.SyncByteStream, deadline: float, bytes_max: int, origin: Origin, request: httpx.Request
    ) -> None:
        self._inner = inner
        self._deadline = deadline
        self._bytes_max = bytes_max
        self._origin = origin
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._inner:
            size += len(part)
            if size > self._bytes_max:
                raise _unusable(self._origin, f"is longer than {self._bytes_max} bytes")
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout(f"the answer took longer than {TOTAL_TIMEOUT_S:.0f} s", request=self._request)
            yield part

    def close(self) -> None:
        self._inner.close()


def _unusable(origin: Origin, what: str) -> RejectedError:
    return RejectedError(
        f"The answer of {origin[1]} {what}.",
        remedy="Check that the connection's address is the one of its system's programming interface.",
    )
