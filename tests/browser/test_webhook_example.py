"""The JavaScript of docs/webhooks.md checks real signatures, in a real browser."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from billwright.delivery.webhooks.send import make_request
from billwright.delivery.webhooks.subscribe import new_secret
from billwright.kernel.ids import new_id
from support.receiver import Receiver

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
CALL = (
    "async ([source, secret, headers, body]) => (new Function(source + '; return verified;'))()(secret, headers, body)"
)


@pytest.mark.browser
def test_the_example_takes_what_is_sound_and_nothing_else(browser: Browser, receiver: Receiver) -> None:
    found = re.search(r"```javascript\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    secret, now = new_secret(), datetime.now(UTC)
    data = {"id": "inv_1", "customer": {"name": "Müller & Söhne"}}
    request = make_request(
        "https://x", [secret], event_id=new_id(), event_type="invoice.issued", source="s", at=now, data=data, now=now
    )
    page = browser.new_page()
    page.goto(receiver.url)  # signatures need a secure context, which loopback is

    def verified(key: str, body: str) -> bool:
        return bool(page.evaluate(CALL, [found.group(1), key, request.headers, body]))

    assert verified(secret, request.body)
    assert not verified(new_secret(), request.body)
    assert not verified(secret, request.body.replace("Müller", "Meyer"))
    page.close()
