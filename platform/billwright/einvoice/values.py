"""Text of a document to values and back. XML Schema's lexical forms, nothing more lenient."""

import base64
import binascii
import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from billwright.einvoice.mapping import Kind

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:Z|[+-]\d{2}:\d{2})?")
_PLAIN_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
NUMBER_CHARS_MAX: Final = 60


def parse(kind: Kind, text: str) -> Any:
    """The value that ``text`` says.

    Raises:
        ValueError: it is not of that kind; the sentence says what is expected.
    """
    if kind in {Kind.NUMBER, Kind.PRICE, Kind.AMOUNT, Kind.MARKED_AMOUNT}:
        if len(text) > NUMBER_CHARS_MAX or _NUMBER.fullmatch(text) is None:
            raise ValueError("write a number with a decimal point, as in 1234.50")
        return Decimal(text)
    if kind is Kind.DATE:
        return _day(_DATE, text, "2026-03-31")
    if kind is Kind.PLAIN_DATE:
        return _day(_PLAIN_DATE, text, "20260331")
    if kind is Kind.FILE:
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except binascii.Error:
            raise ValueError("encode the file by base64") from None
    return text


def _day(form: re.Pattern[str], text: str, example: str) -> date:
    found = form.fullmatch(text)
    if found is None:
        raise ValueError(f"write the day as {example}")
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        raise ValueError("there is no such day") from None


def show(kind: Kind, value: Any) -> str:
    """``value`` as the syntax writes it; the opposite of ``parse``."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.strftime("%Y%m%d") if kind is Kind.PLAIN_DATE else value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    assert isinstance(value, str), value
    return value
