"""A message's data as people see it, without what looks like a secret; and what they edited, with the secrets put back. Pure."""

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from billwright.kernel.errors import InputInvalidError
from billwright.kernel.redact import HIDDEN, redact

_SECRET: Final = re.compile(r"(?i)passw(or)?d|secret|token|api_?key|authorization|cookie")
_DECODER: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def shown_text(data: str) -> str:
    """JSON text for a reader: indented, every digit as it is, secrets replaced by ``[removed]``."""
    return msgspec.json.format(shown_json(data), indent=2)


def shown_json(data: str) -> str:
    """As ``shown_text``, in one line; the very text where nothing looks like a secret."""
    if redact(data) == data and not _SECRET.search(data):
        return data
    return _ENCODER.encode(_hide(_DECODER.decode(data))).decode()


def put_back(original: str, edited: str) -> str:
    """``edited`` as JSON text, with the ``original``'s secrets where it still says ``[removed]``.

    Raises:
        InputInvalidError: not a JSON object; or ``[removed]`` stands where the original has no secret.
    """
    try:
        wanted = _DECODER.decode(edited)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ArithmeticError) as error:
        raise InputInvalidError(f"The data is not valid JSON: {error}.", field="data") from None
    if not isinstance(wanted, dict):
        raise InputInvalidError("The data must be a JSON object: { ... }.", field="data")
    return _ENCODER.encode(_restore(_DECODER.decode(original), wanted, "data")).decode()


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: HIDDEN if _is_secret(name, part) else _hide(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_hide(part) for part in value]
    return redact(value) if isinstance(value, str) else value


def _is_secret(name: str, value: Any) -> bool:
    return _SECRET.search(name) is not None and value is not None and not isinstance(value, bool)


def _restore(original: Any, wanted: Any, path: str) -> Any:
    """Parts that still look as they were shown get back what they were."""
    if isinstance(wanted, dict):
        known = original if isinstance(original, dict) else {}
        return {
            name: known[name]
            if name in known and part == HIDDEN and _is_secret(name, known[name])
            else _restore(known.get(name), part, f"{path}.{name}")
            for name, part in wanted.items()
        }
    if isinstance(wanted, list):
        parts = original if isinstance(original, list) else []
        return [
            _restore(parts[place] if place < len(parts) else None, part, f"{path}[{place}]")
            for place, part in enumerate(wanted)
        ]
    if isinstance(wanted, str) and HIDDEN in wanted:
        if isinstance(original, str) and redact(original) == wanted:
            return original
        raise InputInvalidError(
            f"{HIDDEN} stands for a secret that is not shown. Leave it where it was, or write the whole value instead.",
            field=path,
        )
    return wanted
