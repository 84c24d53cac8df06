"""Tryton's JSON-RPC over an ``httpx.Client``: session, encoding, and its errors as the platform's classes.

One ``Session`` is one log-in; ``Invoice.post`` asks for a fresh one anyway. Source: trytond/protocols (series 8.2).
"""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from typing import Any, Final

import httpx

from billwright.extension.connectors import ConnectorError, RejectedError, ThrottledError, TransientError

_THROTTLED_RETRY_S: Final = 60.0
_HEARINGS: Final = 3
_KEPT: Final = 4_000  # characters of a request or answer that go on a dead letter
_LOG_REMEDY: Final = "Tryton failed inside; its server log says why. Post again when that is mended."

Record = dict[str, Any]


def encode(value: object) -> str:
    """``value`` as Tryton reads it: decimals and dates as tagged objects, never as floats."""
    return json.dumps(value, default=_tagged, separators=(",", ":"), ensure_ascii=False)


def _tagged(value: object) -> Record:
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": f"{value:f}"}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"Tryton has no encoding for {type(value).__name__}")


def decode(text: str | bytes) -> Any:
    """The opposite of ``encode``. Plain numbers with a point become decimals."""
    return json.loads(text, object_hook=_untagged, parse_float=Decimal)


def _untagged(value: Record) -> Any:
    if value.get("__class__") == "Decimal":
        return Decimal(value["decimal"])
    if value.get("__class__") == "date":
        return date(value["year"], value["month"], value["day"])
    return value


class RefusedError(RejectedError):
    """Tryton raised its UserError, so it undid what the call had begun."""


class WarningRaisedError(RejectedError):
    """Tryton wants a person to confirm ``name``; ``Session.skip`` confirms it once."""

    def __init__(self, name: str, message: str, *, request: str) -> None:
        super().__init__(
            f"Tryton asks for a confirmation: {message}",
            remedy="Open the invoice in Tryton, check what the warning says and post it there.",
            request=request,
        )
        self.name = name


class Session:
    """Calls of one logged-in user. All methods raise the errors of ``_result`` and ``_send``."""

    def __init__(self, http: httpx.Client, url: str, authorization: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": authorization}
        self.context: Record = {}

    def call(self, method: str, *arguments: object) -> Any:
        """The result of ``method`` with ``arguments`` in this session's context.

        A refusal is heard out again before it counts: on SQLite, Tryton refuses any call while another session of the
        same user ends, and a search while one of its hits is deleted. A refused call did nothing, so to repeat it is safe.
        """
        for _ in range(_HEARINGS - 1):
            with suppress(RefusedError):
                return _rpc(self._http, self._url, method, [*arguments, self.context], headers=self._headers)
        return _rpc(self._http, self._url, method, [*arguments, self.context], headers=self._headers)

    def search(
        self, model: str, domain: Sequence[object], fields: Sequence[str], *, order: str = "id ASC", limit: int = 100
    ) -> list[Record]:
        """Records of one statement, so of one moment."""
        column, direction = order.split(" ", 1)
        found: list[Record] = self.call(
            f"model.{model}.search_read", domain, 0, limit, [[column, direction]], list(fields)
        )
        return found

    def create(self, model: str, values: Record) -> int:
        (made,) = self.call(f"model.{model}.create", [values])
        return int(made)

    def close(self) -> None:
        """Log out. A session that cannot be closed now ends by itself, so a failure here is no failure of the call."""
        with suppress(ConnectorError):
            _rpc(self._http, self._url, "common.db.logout", [], headers=self._headers)

    def skip(self, warning: str) -> None:
        """Confirm ``warning`` for the next call that raises it."""
        self.call("model.res.user.warning.skip", warning)


@contextmanager
def session(http: httpx.Client, *, base_url: str, database: str, user: str, password: str) -> Iterator[Session]:
    """Log in, and out again afterwards.

    Raises:
        RejectedError: user or password wrong, database unknown.
        ThrottledError: too many failed log-ins.
        TransientError: Tryton does not answer.
    """
    url = f"{base_url.rstrip('/')}/{database}/rpc/"
    user_id, token, *_ = _rpc(http, url, "common.db.login", [user, {"password": password}, "en"])
    login = f"{user}:{user_id}:{token}".encode()
    opened = Session(http, url, f"Session {base64.b64encode(login).decode()}")
    try:
        yield opened
    finally:
        opened.close()


def _rpc(
    http: httpx.Client, url: str, method: str, params: list[object], *, headers: dict[str, str] | None = None
) -> Any:
    login = method == "common.db.login"
    body = encode({"id": 1, "method": method, "params": params})
    shown = method if login else f"{method} {body}"[:_KEPT]  # a dead letter never holds the password
    try:
        response = http.post(
            url, content=body.encode(), headers={"Content-Type": "application/json", **(headers or {})}
        )
    except httpx.TransportError as error:
        raise TransientError(f"Tryton at {url} does not answer: {error!r}", request=shown) from error
    if response.status_code != httpx.codes.OK:
        raise _refusal(response, shown, login=login)
    return _result(response, shown)


def _result(response: httpx.Response, shown: str) -> Any:
    """The result in an answer with status 200.

    Raises:
        TransientError: another transaction was faster.
        RejectedError: Tryton refused for a business reason, or the answer is not Tryton's.
        WarningRaisedError: Tryton wants a confirmation.
    """
    try:
        answer = decode(response.content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
        raise RejectedError(
            f"What answers at {response.url} is not Tryton.",
            remedy="Correct base_url and database in the connection's settings.",
            request=shown,
            response=response.text[:_KEPT],
        )
    if "error" not in answer:
        return answer["result"]
    raise _raised(answer["error"], shown)


def _raised(error: Sequence[Any], shown: str) -> ConnectorError:
    """The exception that Tryton raised, ``[kind, details]``, as one of ours."""
    kind, details = error[0], error[1] if len(error) > 1 else ""
    if kind == "UserWarning":
        return WarningRaisedError(details[0], details[1], request=shown)
    if kind == "UserError":
        message, remedy = details[0], details[1]
        return RefusedError(
            f"Tryton refused: {message}",
            remedy=remedy
            or "Correct what the message names in Tryton or in the connection's settings, then post again.",
            request=shown,
            response=encode(error)[:_KEPT],
        )
    if kind == "ConcurrencyException":
        return TransientError(f"Tryton was changed at the same moment: {details}", request=shown)
    return RejectedError(f"Tryton failed: {kind}", remedy=_LOG_REMEDY, request=shown, response=encode(error)[:_KEPT])


def _refusal(response: httpx.Response, shown: str, *, login: bool) -> ConnectorError:
    """An answer that is no 200."""
    code, text = response.status_code, response.text[:_KEPT]
    where = f"Tryton answered {code} at {response.url}."
    if code == httpx.codes.TOO_MANY_REQUESTS:
        wait = response.headers.get("Retry-After", "")
        retry_after_s = float(wait) if wait.isdigit() else _THROTTLED_RETRY_S
        return ThrottledError(where, retry_after_s=retry_after_s, request=shown, response=text)
    if code == httpx.codes.UNAUTHORIZED and not login:
        return TransientError(f"{where} The session ended early.", request=shown, response=text)
    if code >= httpx.codes.INTERNAL_SERVER_ERROR or code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.LOCKED):
        return TransientError(where, request=shown, response=text)
    remedies: dict[int, str] = {
        httpx.codes.UNAUTHORIZED: "Correct user and password in the connection's secrets.",
        httpx.codes.FORBIDDEN: "Give the user in Tryton the groups that the connector's page lists.",
        httpx.codes.NOT_FOUND: "Correct base_url and database in the connection's settings.",
    }
    remedy = remedies.get(code, "Check base_url, and what stands between the platform and Tryton.")
    return RejectedError(where, remedy=remedy, request=shown, response=text)
