"""Handing a message to the operator's mail server, and what its answers mean."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from billwright.extension.connectors import TransientError
from billwright.kernel import tracing
from billwright.kernel.errors import SettingsInvalidError

TIMEOUT_S: Final = 30.0
_PORTS: Final = {"none": 25, "starttls": 587, "implicit": 465}
_EXAMPLE: Final = "smtp://user:password@mail.example:587?starttls=1"


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    encryption: Literal["none", "starttls", "implicit"]
    user: str = ""
    password: str = ""


class MailRefusedError(Exception):
    """The server refused for good. ``who`` is at fault: the recipient's address, the sender's, or the message itself."""

    def __init__(self, message: str, *, who: Literal["recipient", "sender", "message"]) -> None:
        super().__init__(message)
        self.who = who


class UnclearError(TransientError):
    """The connection broke while the server had the message: it may or may not have taken it."""


def parse_smtp_url(url: str) -> MailServer:
    """``smtp://``, ``smtps://``, with ``?starttls=1`` where wanted; user and password percent-encoded.

    Raises:
        SettingsInvalidError: not such a URL. The sentence never repeats it, since it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _malformed() from None
    options = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise _malformed()
    if set(options) - {"starttls"} or (options and parts.scheme == "smtps"):
        raise _malformed()
    encryption: Literal["none", "starttls", "implicit"] = "implicit" if parts.scheme == "smtps" else "none"
    if options.get("starttls", ["0"])[-1] not in {"0", ""}:
        encryption = "starttls"
    return MailServer(
        host=parts.hostname,
        port=port or _PORTS[encryption],
        encryption=encryption,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _malformed() -> SettingsInvalidError:
    return SettingsInvalidError(f"SMTP_URL must look like {_EXAMPLE} or smtps://mail.example.", field="SMTP_URL")


def hand_over(server: MailServer, message: EmailMessage, *, sender: str, recipient: str) -> str:
    """Give ``message`` to the server and return its answer.

    Raises:
        MailRefusedError: a 5xx about the recipient, the sender or the message.
        TransientError: not now: no connection, a 4xx, or a log-in that the operator must mend. Nothing was taken.
        UnclearError: it broke off while the server had the message.
    """
    facts: dict[str, str | int] = {"server.address": server.host, "server.port": server.port}
    with tracing.step("SMTP", facts=facts, refusals=(MailRefusedError,)):
        return _hand_over(server, message.as_bytes(), sender, recipient)


def _hand_over(server: MailServer, body: bytes, sender: str, recipient: str) -> str:
    with _connection(server, helo=sender.rpartition("@")[2]) as smtp:
        with _nothing_taken(server):
            smtp.ehlo_or_helo_if_needed()
            _judge(smtp.mail(sender), "sender")
            _judge(smtp.rcpt(recipient), "recipient")
        try:
            code, answer = smtp.data(body)
        except smtplib.SMTPDataError as error:  # refused before the body went out
            code, answer = error.smtp_code, _bytes(error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            raise UnclearError(
                f"The mail server {server.host} broke off while it had the message; it may have taken it.",
                response=_words(error),
            ) from error
        _judge((code, answer), "message")
        with suppress(smtplib.SMTPException, OSError):  # it has the message; how it says goodbye changes nothing
            smtp.quit()
    return _text(answer)


@contextmanager
def _connection(server: MailServer, *, helo: str) -> Iterator[smtplib.SMTP]:
    """Connected, encrypted as set, logged in. Greets with the sender's domain: our host's name is nobody's business."""
    with _nothing_taken(server):
        context = ssl.create_default_context()
        if server.encryption == "implicit":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, local_hostname=helo, timeout=TIMEOUT_S, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, local_hostname=helo, timeout=TIMEOUT_S)
    try:
        with _nothing_taken(server):
            if server.encryption == "starttls":
                smtp.starttls(context=context)
            if server.user:
                smtp.login(server.user, server.password)
        yield smtp
    finally:
        smtp.close()


@contextmanager
def _nothing_taken(server: MailServer) -> Iterator[None]:
    """Failures before the message was handed over: trying again cannot send it twice."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise TransientError(
            f"The mail server {server.host} refuses our log-in; the operator must mend SMTP_URL.",
            response=_words(error),
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise TransientError(
            f"The mail server {server.host} does not answer as it should.", response=_words(error)
        ) from error


def _judge(reply: tuple[int, bytes], who: Literal["recipient", "sender", "message"]) -> None:
    code, answer = reply
    words = f"{code} {_text(answer)}"
    if code >= 500:
        raise MailRefusedError(f"The mail server refused: {words}", who=who)
    if not 200 <= code < 300:
        raise TransientError(f"The mail server asks to try later: {words}", response=words)


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _text(answer: bytes) -> str:
    return " ".join(answer.decode("utf-8", "replace").split())[:500]


def _words(error: Exception) -> str:
    """What the server or the system said; never a command of ours, which may hold the password."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(_bytes(error.smtp_error))}"
    return f"{type(error).__name__}: {error}"[:500]
