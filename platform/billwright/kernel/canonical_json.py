"""One byte form per value, and its hash: what approvals, frozen invoices and audit entries are bound to."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

_AS_IT_IS: Final = frozenset((str, int, bool, type(None)))


def plain(value: object) -> object:
    """``value`` in JSON's types: sorted keys, decimals, dates and identifiers as text, no floats."""
    kind = type(value)  # asked first: every hash of every invoice passes here, and isinstance with an ABC is slow
    if kind in _AS_IT_IS:
        return value
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str | int):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(str(plain(item)) for item in value)
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.structs.asdict(value))
    raise TypeError(f"no canonical form for {type(value).__name__}")


def encode(value: object) -> bytes:
    """Canonical JSON: UTF-8, keys sorted, no white space."""
    return msgspec.json.encode(plain(value), order="deterministic")


def sha256_hex(value: object) -> str:
    """Hash of the canonical form, 64 lower-case hex digits."""
    return hashlib.sha256(encode(value)).hexdigest()
