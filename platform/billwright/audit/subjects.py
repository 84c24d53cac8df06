"""What audit entries and exceptions are about, as identifiers that the API shows."""

from typing import Final
from uuid import UUID

from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import PREFIXES, read, show

SUBJECT_PREFIXES: Final = {
    "billable_item": "bil",
    "connection": "con",
    "contract": "ctr",
    "customer": "cus",
    "delivery": "del",
    "dispute": "dis",
    "document": "doc",
    "exception": "exc",
    "invoice": "inv",
    "job": "job",
    "journal_export": "jex",
    "message": "msg",
    "payment": "pay",
    "person": "per",
    "posting": "pst",
    "project": "prj",
    "receivable": "rcv",
    "reminder": "rem",
    "tenant": "ten",
    "token": "tok",
    "write_off": "wof",
}


def show_subject(kind: str, identifier: UUID | None) -> str | None:
    """``inv_...`` for an invoice; a plain UUID for a kind that has no address in the API."""
    if identifier is None:
        return None
    prefix = SUBJECT_PREFIXES.get(kind)
    return str(identifier) if prefix is None else show(prefix, identifier)


def read_subject(text: str) -> UUID:
    """The UUID behind any identifier that the API shows, whatever its kind.

    Raises:
        NotFoundError: it is none.
    """
    prefix = text.partition("_")[0]
    if prefix in PREFIXES:
        return read(prefix, text)
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError(f"There is no {text[:60]!r} here.") from None
