"""One webhook over the wire: CloudEvents 1.0 in structured JSON, signed by the Standard Webhooks scheme.

Sources: Standard Webhooks specification 1.0.0; CloudEvents specification 1.0.2.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from standardwebhooks.webhooks import Webhook

from billwright.jobs.guarded_http import Answer, ForbiddenAddressError, post_once

TIMEOUT_S: Final = 15.0
ANSWER_BYTES_MAX: Final = 4_000
WAIT_MAX_S: Final = 86_400
KEPT_HEADERS: Final = frozenset(
    {"content-type", "content-length", "retry-after", "location", "server", "date", "x-request-id"}
)

Blame = Literal["endpoint", "event", "gone"]
"""Who is in trouble: the whole endpoint, this event alone, or the endpoint says that it is no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent; ``headers`` hold the signature, which proves nothing to anybody without the secret."""

    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came back. ``blame`` is none when the endpoint took it; ``wait_s`` is what it asked us to wait."""

    status: int | None
    text: str
    duration_ms: int
    headers: dict[str, str] | None
    body: str | None
    blame: Blame | None
    wait_s: int | None = None


def make_request(
    url: str,
    secrets: Sequence[str],
    *,
    event_id: UUID,
    event_type: str,
    source: str,
    at: datetime,
    data: Any,
    now: datetime,
) -> Request:
    """``secrets``: the current one first; while an old one is being replaced the request bears both signatures."""
    event = {
        "specversion": "1.0",
        "id": f"evt_{event_id.hex}",
        "source": source,
        "type": event_type,
        "time": at.isoformat(),
        "subject": data["id"],
        "datacontenttype": "application/json",
        "data": data,
    }
    body = msgspec.json.encode(event).decode()
    name = str(event["id"])
    signatures = " ".join(Webhook(secret).sign(name, now, body) for secret in secrets)
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "webhooks/1",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures,
    }
    return Request(url=url, headers=headers, body=body)


def send(request: Request, *, private_hosts_allowed: bool, timeout_s: float = TIMEOUT_S) -> Result:
    """Every way in which it can end is a result. Only 2xx means taken, whatever the body says."""
    started = time.monotonic()
    answer: Answer | None = None
    try:
        answer = post_once(
            request.url,
            request.headers,
            request.body.encode(),
            timeout_s=timeout_s,
            answer_bytes_max=ANSWER_BYTES_MAX,
            private_hosts_allowed=private_hosts_allowed,
        )
        text, blame = _judge(answer)
    except ForbiddenAddressError as error:
        text, blame = f"{error} {error.remedy}", "endpoint"
    except TimeoutError as error:
        text, blame = f"Timed out: {error}.", "endpoint"
    except ConnectionError as error:
        text, blame = f"No connection: {error}.", "endpoint"
    duration_ms = int((time.monotonic() - started) * 1000)
    if answer is None:
        return Result(status=None, text=text, duration_ms=duration_ms, headers=None, body=None, blame=blame)
    return Result(
        status=answer.status,
        text=text,
        duration_ms=duration_ms,
        headers={name: value[:300] for name, value in answer.headers.items() if name in KEPT_HEADERS},
        body=answer.body.decode("utf-8", "replace").replace("\x00", "\ufffd"),
        blame=blame,
        wait_s=_wait(answer) if blame else None,
    )


def blame_of(status: int) -> Blame | None:
    """Who is in trouble by an answer of that status; none: it was taken."""
    if 200 <= status < 300:
        return None
    if status == 410:
        return "gone"
    troubled = 300 <= status < 400 or status in {401, 403, 404, 405, 408, 425, 429} or status >= 500
    return "endpoint" if troubled else "event"


def _judge(answer: Answer) -> tuple[str, Blame | None]:
    status = answer.status
    blame = blame_of(status)
    if blame is None:
        return f"Taken: {status}.", None
    if blame == "gone":
        return "The endpoint says that it is gone (410).", blame
    if 300 <= status < 400:
        return (
            f"The endpoint redirects ({status}); redirects are not followed. Change the subscription's address.",
            blame,
        )
    if blame == "endpoint":
        return f"The endpoint did not take it: {status}.", blame
    return f"The endpoint refused this event: {status}.", blame


def _wait(answer: Answer) -> int | None:
    """Retry-After in seconds, at most a day; seconds or a date. Source: RFC 9110, 10.2.3."""
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), WAIT_MAX_S)
    try:
        moment = parsedate_to_datetime(text)
        sent = parsedate_to_datetime(answer.headers["date"])
        return max(0, min(int((moment - sent).total_seconds()), WAIT_MAX_S))
    except (ValueError, TypeError, KeyError):
        return None
