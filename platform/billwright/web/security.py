"""Headers of every answer, and what every body must keep to before anyone reads it."""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.enums import RequestEncodingType, ScopeType
from litestar.exceptions import ClientException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from billwright.kernel.errors import InputInvalidError, PermissionDeniedError
from billwright.kernel.paging import LIMIT_MAX

UNSAFE_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
JSON_DEPTH_MAX: Final = 64
SERVER: Final = "web"  # an answer without the header gets the HTTP server's own name
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NAMED: Final = re.compile(r"(?:unknown|required) field `(.+)`")
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def content_security_policy(changes: Mapping[str, str] | None = None) -> str:
    """The policy, with ``changes`` for one answer (a PDF that our own page shows: ``{"frame-ancestors": "'self'"}``)."""
    return "; ".join(f"{name} {value}" for name, value in {**_POLICY, **(changes or {})}.items())


def default_headers(*, https: bool, api: bool) -> dict[str, str]:
    """Headers of an answer that the handler did not set itself."""
    headers = {
        "server": SERVER,
        "content-security-policy": content_security_policy(),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cache-control": "no-store" if api else "private, no-cache",
    }
    if https:
        headers["strict-transport-security"] = "max-age=63072000; includeSubDomains"
    return headers


def json_depth(body: bytes) -> int:
    """How deep arrays and objects nest, without decoding; exact for well-formed JSON."""
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    return max(accumulate((1 if each in b"[{" else -1 for each in brackets), initial=0))


def check_json(body: bytes) -> None:
    """Refuse what no use case could keep: not UTF-8, NUL characters, nesting beyond 64.

    Raises:
        ClientException: not UTF-8.
        InputInvalidError: the others.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ClientException(f"The body is not UTF-8 (byte {error.start}); encode it as UTF-8.") from None
    if b"\\u0000" in body and _NUL.search(body):
        raise InputInvalidError("The body holds a NUL character, which no text can keep; remove it.", field="body")
    if json_depth(body) > JSON_DEPTH_MAX:
        raise InputInvalidError(f"The body nests deeper than {JSON_DEPTH_MAX} levels; flatten it.", field="body")


def check_shape(body: bytes, decoder: msgspec.json.Decoder[Any]) -> None:
    """Refuse what is not exactly of the declared type: Litestar alone would take ``"3"`` for a number.

    Raises:
        ClientException: no JSON.
        ValidationException: with the path of the first field that does not fit.
    """
    try:
        decoder.decode(body)
    except msgspec.ValidationError as error:
        sentence, _, rest = str(error).partition(" - at `$")
        path = rest.rstrip("`").removeprefix(".")
        if named := _NAMED.search(sentence):
            path = f"{path}.{named.group(1)}" if path else named.group(1)
        extra = [{"key": path, "message": sentence, "source": "body"}]
        raise ValidationException(sentence, extra=extra) from None
    except msgspec.DecodeError as error:
        raise ClientException(f"{error}." if body else "The body is empty; send JSON.") from None


def check_limit(text: str) -> None:
    """Every list takes the same ``limit``; checked here, whatever a route declares.

    Raises:
        InputInvalidError: not 1 to 200.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LIMIT_MAX):
        raise InputInvalidError(f"limit: {text[:20]!r} is not a number of 1 to {LIMIT_MAX}.", field="limit")


class BodyCheck:
    """Middleware: reads the body once (within the size limit) and checks it before the handler does its own decoding."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] in UNSAFE_METHODS:
            request: Request[Any, Any, Any] = Request(scope, receive=receive, send=send)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "application/x-www-form-urlencoded" and b"%00" in await request.body():
                raise InputInvalidError("A field holds a NUL character; remove it.", field="body")
            if scope["path"].startswith("/v1/") and not kind.startswith(("multipart/", "text/csv")):
                body = scope["state"]["body"] = await request.body()
                self._check(request.route_handler, body)
        elif (
            scope["type"] == ScopeType.HTTP and scope["path"].startswith("/v1/") and b"limit=" in scope["query_string"]
        ):
            for text in Request[Any, Any, Any](scope).query_params.getall("limit", []):
                check_limit(text)
        await self.app(scope, receive, send)

    def _check(self, handler: HTTPRouteHandler, body: bytes) -> None:
        """A handler that takes the raw ``body`` judges it part by part: one bad item harms no other."""
        if "body" in handler.parsed_fn_signature.parameters:
            return
        check_json(body)
        field = handler.parsed_data_field
        if field is not None and getattr(field.kwarg_definition, "media_type", None) == RequestEncodingType.JSON:
            check_shape(body, self._decoder(field.annotation))

    def _decoder(self, kind: Any) -> msgspec.json.Decoder[Any]:
        if kind not in self._decoders:
            self._decoders[kind] = msgspec.json.Decoder(kind)
        return self._decoders[kind]


def check_same_origin(request: Request[Any, Any, Any]) -> None:
    """Refuse a page of another site that sends a form here.

    Raises:
        PermissionDeniedError: the browser says that the request comes from elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    if foreign or site not in {None, "same-origin", "none"}:
        raise PermissionDeniedError("This request came from another site; open the page here and try again.")
