"""The examples of docs/webhooks.md check real signatures: in Python and the shell here, in JavaScript in a browser."""

import base64
import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from billwright.delivery.webhooks.send import Request, make_request
from billwright.delivery.webhooks.subscribe import new_secret
from billwright.kernel.ids import new_id

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
Verify = Callable[[str, dict[str, str], str], bool]


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found, language
    return found.group(1)


def signed(*secrets: str, at: datetime | None = None) -> Request:
    """A request as it goes out, with signs beyond ASCII in it."""
    now = at or datetime.now(UTC)
    data = {"id": "inv_1", "object": "invoice", "customer": {"name": "Müller & Söhne"}}
    return make_request(
        "https://x.example",
        secrets,
        event_id=new_id(),
        event_type="invoice.issued",
        source="s",
        at=now,
        data=data,
        now=now,
    )


def by_python(secret: str, headers: dict[str, str], body: str) -> bool:
    names: dict[str, Any] = {}
    exec(example("python"), names)
    return bool(names["verified"](secret, headers, body.encode()))


def by_shell(secret: str, headers: dict[str, str], body: str) -> bool:
    script = f'{example("bash")}\nverified "$@"'
    values = (headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"])
    done = subprocess.run(["bash", "-c", script, "-", secret, *values], input=body.encode(), check=False)
    return done.returncode == 0


@pytest.mark.parametrize("verify", [by_python, by_shell], ids=["python", "shell"])
def test_the_example_takes_what_is_sound_and_nothing_else(verify: Verify) -> None:
    old, new, foreign = new_secret(), new_secret(), new_secret()
    request = signed(new, old)
    assert verify(new, request.headers, request.body)
    assert verify(old, request.headers, request.body)
    assert not verify(foreign, request.headers, request.body)
    assert not verify(new, request.headers, request.body.replace("Müller", "Meyer"))
    assert not verify(new, {**request.headers, "webhook-id": "evt_other"}, request.body)
    late = signed(new, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert not verify(new, late.headers, late.body)


def test_secrets_have_the_form_and_strength_of_the_scheme() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_the_body_is_the_same_whenever_it_is_made() -> None:
    request = signed(new_secret())
    assert json.loads(request.body)["datacontenttype"] == "application/json"
    assert request.body == json.dumps(json.loads(request.body), ensure_ascii=False, separators=(",", ":"))
