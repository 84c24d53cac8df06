"""What people see of a message's data, and how what they edit becomes data again."""

import json

import pytest

from billwright.intake.shown_data import put_back, shown_json, shown_text
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.redact import HIDDEN, redact
from billwright.web.portal.environment import rebranded, unbranded

SECRET = (
    '{"ref": "K-1", "api_key": "k-123456", "hours": 7.250, "deep": [{"Password": {"a": 1}, "note": "x"}], '
    '"link": "https://user:hunter2@crm.example/x", "token": null}'
)


def test_what_has_no_secret_is_the_very_text() -> None:
    text = '{"amount":  "12.00", "hours": 1.10, "big": 123456789012345678901234567890.5}'
    assert shown_json(text) == text


def test_secrets_are_taken_out_wherever_they_stand() -> None:
    shown = json.loads(shown_text(SECRET))
    assert shown["api_key"] == HIDDEN
    assert shown["deep"] == [{"Password": HIDDEN, "note": "x"}]
    assert shown["token"] is None
    assert "hunter2" not in shown["link"]
    assert "7.250" in shown_text(SECRET)
    assert not any(secret in shown_text(SECRET) for secret in ("k-123456", "hunter2"))


def test_what_was_not_touched_gets_its_secrets_back() -> None:
    edited = shown_text(SECRET).replace('"K-1"', '"K-2"')
    assert json.loads(put_back(SECRET, edited)) == json.loads(SECRET.replace("K-1", "K-2"))
    assert "7.250" in put_back(SECRET, edited)


def test_a_secret_may_be_replaced_or_left_out() -> None:
    edited = json.loads(shown_text(SECRET))
    edited["api_key"] = "new-key"
    del edited["deep"]
    assert json.loads(put_back(SECRET, json.dumps(edited)))["api_key"] == "new-key"


@pytest.mark.parametrize(
    ("edited", "field"),
    [
        (f'{{"ref": "{HIDDEN}"}}', "data.ref"),
        (f'{{"deep": [1, {{"Password": "{HIDDEN}"}}]}}', "data.deep[1].Password"),
        (f'{{"link": "https://{HIDDEN}@elsewhere.example"}}', "data.link"),
        ("[1]", "data"),
        ("{", "data"),
        ('{"a": "\\ud800"}', "data"),
    ],
)
def test_what_cannot_be_put_back_says_where(edited: str, field: str) -> None:
    with pytest.raises(InputInvalidError) as refusal:
        put_back(SECRET, edited)
    assert refusal.value.facts["field"] == field


def test_what_is_taken_out_once_stays_as_it_is() -> None:
    once = redact('Authorization: Bearer abcdefghijkl\n\n{"token": "hush"} password=hunter2')
    assert once == redact(once)
    assert once.startswith(f"Authorization: {HIDDEN}\n")


@pytest.mark.parametrize(
    ("text", "known", "meant"),
    [
        ("customer.v1", "billwright.customer.v9", "billwright.customer.v1"),
        ("customer.v9", "billwright.customer.v9", "billwright.customer.v9"),
        ("billwright.customer.v1", "billwright.customer.v9", "billwright.customer.v1"),
        ("customer.v1", "customer.v1", "customer.v1"),
        ("crm.deal", "billwright.customer.v9", "crm.deal"),
        ("spaceship.v1", "billwright.spaceship.v1", "billwright.spaceship.v1"),
    ],
)
def test_a_type_is_meant_as_the_page_writes_it(text: str, known: str, meant: str) -> None:
    assert rebranded(text, known) == meant
    assert unbranded(known) == known.removeprefix("billwright.")
