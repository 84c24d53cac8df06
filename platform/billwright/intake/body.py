"""Bodies of messages into single items, without decoding what is inside them."""

from typing import Final

import msgspec

from billwright.intake.errors import BodyMalformedError

_ANY: Final = msgspec.json.Decoder(msgspec.Raw)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[msgspec.Raw]


_WRAPPED: Final = msgspec.json.Decoder(_Wrapped)


class _Key(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw()
    specversion: msgspec.Raw = msgspec.Raw()


_KEY: Final = msgspec.json.Decoder(_Key)


def split_body(body: bytes) -> tuple[list[msgspec.Raw], bool]:
    """The items of a body that is one JSON value or a list of them, and whether it was a list.

    Raises:
        BodyMalformedError: not JSON; the sentence gives the byte.
    """
    try:
        if body.lstrip()[:1] == b"[":
            return _LIST.decode(body), True
        return [_ANY.decode(body)], False
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyMalformedError(f"The body is not valid JSON: {error}. Correct it and send it again.") from None


def split_messages(body: bytes) -> list[msgspec.Raw]:
    """The items of a body of ``POST /v1/messages``: one event, a list, or ``{"messages": [...]}``.

    Raises:
        BodyMalformedError: not JSON, or no event, list or ``messages``.
    """
    parts, is_list = split_body(body)
    if is_list:
        return parts
    try:
        key = _KEY.decode(parts[0])
        wrapped = bytes(key.messages) != b"" and bytes(key.specversion) == b""
        return _WRAPPED.decode(parts[0]).messages if wrapped else parts
    except (msgspec.ValidationError, RecursionError) as error:
        raise BodyMalformedError(
            f'Send one CloudEvent, a list of them, or {{"messages": [...]}}: {error}.', field="messages"
        ) from None
