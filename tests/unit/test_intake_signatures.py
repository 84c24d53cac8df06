"""Signatures of incoming webhooks, against the published vectors and against what an attacker would send."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from billwright.intake.signatures import verify

VECTORS = Path(__file__).parents[3] / "shared" / "material" / "webhooks" / "signature-vectors.json"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BODY = '{"a": "ü"}'


def vectors() -> list[Any]:
    if not VECTORS.is_file():
        return []
    found = json.loads(VECTORS.read_text(encoding="utf-8"))
    listed = found if isinstance(found, list) else found["vectors"]
    return [each for each in listed if str(each.get("scheme", "")).startswith("standard-webhooks")]


@pytest.mark.skipif(not vectors(), reason="the published vectors are not on this machine")
def test_published_vectors(subtests: pytest.Subtests) -> None:
    for vector in vectors():
        with subtests.test(vector["id"]):
            headers = {name.lower(): value for name, value in vector["headers"].items()}
            at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
            found = verify(vector["secret"], headers, vector["body"].encode(), at)
            assert (found is not None) == (vector["expect"] == "valid")


def signed(secret: str = SECRET, *, name: str = "msg_1", at: datetime = NOW, body: str = BODY) -> dict[str, str]:
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body),
    }


def test_the_published_vector_of_the_scheme() -> None:
    """Source: the test suites of Standard Webhooks."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = datetime.fromtimestamp(1_614_265_330, tz=UTC)
    assert verify(SECRET, headers, b'{"test": 2432232314}', at) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_five_minutes(seconds: int) -> None:
    assert verify(SECRET, signed(at=NOW + timedelta(seconds=seconds)), BODY.encode(), NOW) == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_outside_five_minutes(seconds: int) -> None:
    assert verify(SECRET, signed(at=NOW + timedelta(seconds=seconds)), BODY.encode(), NOW) is None


def test_the_old_secret_holds_while_the_new_one_is_brought_in() -> None:
    assert verify(f"{OTHER} {SECRET}", signed(), BODY.encode(), NOW) == "msg_1"
    both = signed() | {"webhook-signature": f"v1,AAAA {signed(OTHER)['webhook-signature']}"}
    assert verify(OTHER, both, BODY.encode(), NOW) == "msg_1"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v1a," + "A" * 44},
        {"webhook-signature": "v1,é"},
        {"webhook-id": ""},
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": "99999999999999999999"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "1772452800.0"},
    ],
)
def test_a_changed_header_is_refused(change: dict[str, str]) -> None:
    assert verify(SECRET, signed() | change, BODY.encode(), NOW) is None


def test_a_changed_body_another_secret_and_no_text_are_refused() -> None:
    assert verify(SECRET, signed(), b'{"a": "x"}', NOW) is None
    assert verify(OTHER, signed(), BODY.encode(), NOW) is None
    assert verify("", signed(), BODY.encode(), NOW) is None
    assert verify("whsec_", signed(), BODY.encode(), NOW) is None
    assert verify(SECRET, signed() | {"webhook-signature": "v1,LQ=="}, b"\xff", NOW) is None
