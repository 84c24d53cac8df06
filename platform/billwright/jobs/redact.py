"""The last look before a kept request or answer is shown: nothing that looks like a secret leaves. Pure.

Who keeps a request takes known secrets out of it; this does not know them and goes by names and shapes.
"""

import re
from typing import Final

HIDDEN: Final = "[removed]"
_HEADER: Final = re.compile(r"(?im)^(\s*(?:proxy-)?authorization|cookie|set-cookie|x-api-key)(\s*:\s*).*$")
_FIELD: Final = re.compile(
    r"""(?i)(\\?["']?\w*(?:passw(?:or)?d|secret|token|api_?key|authorization)\w*\\?["']?\s*[:=]\s*)"""
    r"""(\\"(?:(?!\\").)*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&}\]]+)"""
)
_SCHEME: Final = re.compile(r"(?i)\b(bearer|basic|session)\s+[A-Za-z0-9+/=._~-]{8,}")
_USER: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@")


def redact(text: str) -> str:
    """``text`` without headers, fields, bearer tokens and addresses that carry a secret."""
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    return _FIELD.sub(rf"\1{HIDDEN}", text)
