"""Identifiers: UUIDv7 inside, ``prefix_hex`` where people and systems see them."""

from typing import Final
from uuid import UUID

import uuid_utils.compat

from billwright.kernel.errors import NotFoundError

PREFIXES: Final = frozenset(
    [
        "acc",
        "aud",
        "brd",
        "bil",
        "cli",
        "con",
        "cus",
        "ctr",
        "cvn",
        "chg",
        "del",
        "dis",
        "doc",
        "evi",
        "exc",
        "exp",
        "fnd",
        "grt",
        "inv",
        "job",
        "jrn",
        "lin",
        "mil",
        "mai",
        "msg",
        "pay",
        "per",
        "pst",
        "prj",
        "prt",
        "rcv",
        "rem",
        "rat",
        "stp",
        "ten",
        "tim",
        "tok",
        "usr",
        "viw",
        "ses",
        "led",
        "whk",
        "wvr",
        "cor",
        "run",
        "rls",
        "wof",
        "jex",
    ]
)


def new_id() -> UUID:
    """A UUIDv7: unique, ordered by creation time, so that indexes stay dense."""
    return uuid_utils.compat.uuid7()


def show(prefix: str, value: UUID) -> str:
    """The identifier as it leaves the system: ``inv_0192f0c1...``."""
    assert prefix in PREFIXES, prefix
    return f"{prefix}_{value.hex}"


def read(prefix: str, text: str) -> UUID:
    """The UUID of a shown identifier.

    Raises:
        NotFoundError: wrong prefix or not an identifier; no hint which.
    """
    head, _, tail = text.partition("_")
    try:
        if head != prefix or len(tail) != 32:
            raise ValueError
        return UUID(hex=tail)
    except ValueError:
        raise NotFoundError(f"There is no {text[:60]!r} here.") from None
