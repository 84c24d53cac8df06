"""What goes between a worker and the processes that make documents: data in, bytes out, each message whole or not at all."""

import socket
import time
from typing import Any, Final

import msgspec
from markupsafe import Markup

from billwright.documents.limits import Limit
from billwright.documents.page import InvoicePage

HEAD_BYTES: Final = 8
CHUNK_BYTES: Final = 1 << 20


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One document to be made; ``override`` is a tenant's own template."""

    page: InvoicePage
    template_set: str
    override: str | None
    assets: dict[str, bytes]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The document; or why the template is ``refused``; or which limit ``stopped`` it; or our own failure, with its trace."""

    pdf: bytes = b""
    refused: str = ""
    stopped: Limit | None = None
    broken: str = ""


def _revive(kind: type[Any], value: object) -> Any:
    assert kind is Markup, kind  # the only type of a page that the encoding does not know
    return Markup(value)  # noqa: S704 - was markup on the other side


_ORDERS: Final = msgspec.msgpack.Decoder(Order, dec_hook=_revive)
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


def encode(message: Order | Answer) -> bytes:
    """The message with its length in front."""
    body = msgspec.msgpack.encode(message, enc_hook=str)
    return len(body).to_bytes(HEAD_BYTES) + body


def receive_order(end: socket.socket) -> Order | None:
    """The next order; None when there will be none."""
    head = end.recv(HEAD_BYTES, socket.MSG_WAITALL)
    return _ORDERS.decode(_read(end, int.from_bytes(head), None)) if len(head) == HEAD_BYTES else None


def ask(end: socket.socket, order: bytes, deadline_s: float, *, bytes_max: int) -> Answer:
    """Send an encoded order and wait for what comes back. ``deadline_s`` is a moment of ``time.monotonic``.

    Raises:
        TimeoutError: there is no whole answer by then.
        EOFError: the other side ended.
        ValueError: it says something that is no answer, or more than ``bytes_max``.
    """
    try:
        end.settimeout(_left_s(deadline_s))
        end.sendall(order)
    except (BrokenPipeError, ConnectionResetError):
        raise EOFError from None
    size = int.from_bytes(_read(end, HEAD_BYTES, deadline_s))
    if size > bytes_max:
        raise ValueError(f"an answer of {size} bytes")
    try:
        return _ANSWERS.decode(_read(end, size, deadline_s))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _read(end: socket.socket, size: int, deadline_s: float | None) -> bytes:
    body = bytearray()
    while len(body) < size:
        if deadline_s is not None:
            end.settimeout(_left_s(deadline_s))
        try:
            part = end.recv(min(size - len(body), CHUNK_BYTES))
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError
        body += part
    return bytes(body)
