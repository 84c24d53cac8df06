"""Signatures of incoming webhooks: the Standard Webhooks scheme, by our clock, in constant time. Pure.

Source: Standard Webhooks specification 1.0.0.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

WINDOW_S: Final = 300
ID_CHARS_MAX: Final = 200
SIGNATURES_MAX: Final = 10


def verify(secrets: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
    """The webhook's id if the request is signed with one of ``secrets`` and its time is within five minutes; else none.

    Args:
        secrets: One or more ``whsec_...``, separated by spaces: the old one stays valid while it is being replaced.
        headers: Names in lower case.
        body: The bytes as they came.
        now: Aware.
    """
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    sent = [part.partition(",")[2] for part in headers.get("webhook-signature", "").split(" ") if part[:3] == "v1,"]
    moment = _moment(stamp)
    in_time = moment is not None and abs((now - moment).total_seconds()) <= WINDOW_S
    sound = in_time and 0 < len(name) <= ID_CHARS_MAX and name.isprintable() and name.isascii()
    # Compared whatever is already known to be wrong, so that the time taken says nothing.
    matches = [
        hmac.compare_digest(_sign(secret, name, moment or now, body), _decoded(signature))
        for secret in secrets.split()
        for signature in sent[:SIGNATURES_MAX]
    ]
    return name if sound and any(matches) else None


def _moment(stamp: str) -> datetime | None:
    """The header is whole seconds since 1970; what is signed is its text, so other spellings are refused."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11 and str(int(stamp)) == stamp):
        return None
    return datetime.fromtimestamp(int(stamp), tz=UTC)


def _sign(secret: str, name: str, moment: datetime, body: bytes) -> bytes:
    try:
        text = body.decode()
        return base64.b64decode(Webhook(secret).sign(name, moment, text).partition(",")[2])
    except (UnicodeDecodeError, EmptyWebhookSecretError, binascii.Error):
        return b""


def _decoded(signature: str) -> bytes:
    """Never equal to what ``_sign`` gives for something unsignable."""
    try:
        return base64.b64decode(signature, validate=True) or b"-"
    except (binascii.Error, ValueError):
        return b"-"
