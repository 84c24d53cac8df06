"""Taking secrets out of what is kept and shown of requests and answers. Pure."""

import base64
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, quote_plus

import msgspec

HIDDEN: Final = "[removed]"
NAMES: Final = frozenset({"user", "username", "login"})  # say who, which a person who mends it must see
_SHORT: Final = 3  # characters up to which a secret would hide too much of the text, and is none
_HEADER: Final = re.compile(r"(?im)^(\s*(?:proxy-)?authorization|cookie|set-cookie|x-api-key)(\s*:\s*).*$")
_FIELD: Final = re.compile(
    r"""(?i)(\\?["']?\w*(?:passw(?:or)?d|secret|token|api_?key|authorization)\w*\\?["']?\s*[:=]\s*)(?!\[removed\])"""
    r"""(\\"(?:(?!\\").)*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&}\]]+)"""
)
_SCHEME: Final = re.compile(r"(?i)\b(bearer|basic|session)\s+[A-Za-z0-9+/=._~-]{8,}")
_USER: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@")


def secret_texts(secrets: msgspec.Struct | None) -> list[str]:
    """Every text in ``secrets`` but the user's name, with the forms in which it goes over the wire, longest first."""
    texts: set[str] = set()
    _collect(msgspec.to_builtins(secrets) if secrets is not None else None, texts)
    forms = {form for text in texts for form in _forms(text)}
    return sorted(forms, key=len, reverse=True)


def _collect(value: object, texts: set[str]) -> None:
    if isinstance(value, str) and len(value) > _SHORT:
        texts.add(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in NAMES:
                _collect(part, texts)
    elif isinstance(value, list | tuple):
        for part in value:
            _collect(part, texts)


def _forms(text: str) -> set[str]:
    in_json = msgspec.json.encode(text).decode()[1:-1]
    return {text, quote(text, safe=""), quote_plus(text), in_json, base64.b64encode(text.encode()).decode()}


def redact(text: str, known: Sequence[str] = ()) -> str:
    """``text`` without the ``known`` secrets, and without headers, fields, tokens and addresses that look like one.

    Who keeps a request knows its secrets; who shows a kept one does not any more, and goes by names and shapes.
    """
    for secret in known:
        text = text.replace(secret, HIDDEN)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    return _FIELD.sub(rf"\1{HIDDEN}", text)
