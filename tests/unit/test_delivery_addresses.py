"""Addresses as they go over the wire, and the address of the mail server itself."""

import pytest

from billwright.delivery.message import wire_address
from billwright.delivery.smtp import MailServer, parse_smtp_url
from billwright.kernel.errors import SettingsInvalidError


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("ap@müller.example", "ap@xn--mller-kva.example"),
        (" ap@x.example ", "ap@x.example"),
        ("jürgen@x.example", None),
        ("a@localhost", None),
        ("a@@b.example", None),
        ("a..b@c.example", None),
        ("a@" + "x" * 70 + ".example", None),
        ("", None),
    ],
)
def test_addresses_as_servers_take_them(given: str, wire: str | None) -> None:
    assert wire_address(given) == wire


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", MailServer("mail.example", 25, "none")),
        ("smtp://mail.example?starttls=1", MailServer("mail.example", 587, "starttls")),
        ("smtp://mail.example:2525/?starttls=0", MailServer("mail.example", 2525, "none")),
        ("smtps://u%40x:p%3A%2F@mail.example", MailServer("mail.example", 465, "implicit", "u@x", "p:/")),
    ],
)
def test_the_servers_url(url: str, expected: MailServer) -> None:
    assert parse_smtp_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://m.example:x", "smtp://u:secret@m.example/path",
     "smtp://m.example?tls=1", "smtps://m.example?starttls=1"],
)  # fmt: skip
def test_a_wrong_url_is_told_at_start_and_never_repeated(url: str) -> None:
    with pytest.raises(SettingsInvalidError) as refused:
        parse_smtp_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.facts == {"field": "SMTP_URL"}
