"""Numbers and dates as a reader of the language writes them; never ambiguous, never a float."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

from babel import Locale
from babel.dates import format_date, format_interval
from babel.numbers import format_decimal

from billwright.kernel.money import MINOR_UNIT_DIGITS, Money

LOCALES: Final = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR"}
LANGUAGES: Final = tuple(LOCALES)
MINUS: Final = "\N{MINUS SIGN}"
NO_BREAK: Final = "\N{NO-BREAK SPACE}"
NARROW: Final = "\N{NARROW NO-BREAK SPACE}"
WORD_JOINER: Final = "\N{WORD JOINER}"
_SPACES: Final = re.compile(r"[\s\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}]+")
_DATE_PATTERNS: Final = {"en": "d MMM y", "de": "d. MMM y", "fr": "d MMM y"}
_DATE_PATTERNS_LONG: Final = {"en": "d MMMM y", "de": "d. MMMM y", "fr": "d MMMM y"}


def language_of(code: str) -> str:
    """The language that documents are written in for ``code``: itself when we have its texts, else English."""
    return code if code in LOCALES else "en"


def _number(value: Decimal, language: str, decimals_min: int, decimals_max: int) -> str:
    pattern = "#,##0"
    if decimals_max:
        pattern += "." + "0" * decimals_min + "#" * (decimals_max - decimals_min)
    text = format_decimal(value, format=pattern, locale=LOCALES[language], decimal_quantization=True)
    return text.replace("-", MINUS).replace(
        NARROW, NO_BREAK
    )  # both families have the wider space, not both the narrow one


def amount(minor: int, currency: str, language: str) -> str:
    """``-1234_50`` as ``−1,234.50``, ``−1.234,50`` or ``−1 234,50``: exactly the currency's decimals, a real minus."""
    digits = MINOR_UNIT_DIGITS[currency]
    return _number(Money(minor, currency).decimal, language, digits, digits)


def money(minor: int, currency: str, language: str) -> str:
    """The amount with its ISO code where the language puts it: ``EUR 1,234.50``, ``1.234,50 EUR``."""
    number = amount(minor, currency, language)
    return f"{currency}{NO_BREAK}{number}" if language == "en" else f"{number}{NO_BREAK}{currency}"


def unit_price(value: Decimal, currency: str, language: str) -> str:
    """At least the currency's decimals, and every further one that the price has."""
    digits = MINOR_UNIT_DIGITS[currency]
    return _number(value, language, digits, max(digits, _decimals(value)))


def quantity(value: Decimal, language: str) -> str:
    """Without trailing zeros: ``1``, ``12.5``."""
    return _number(value, language, 0, _decimals(value))


def percent(basis_points: int | Decimal, language: str) -> str:
    """``1900`` as ``19%``, ``19 %``; ``550`` as ``5.5%``."""
    number = quantity(Decimal(basis_points) / 100, language)
    return f"{number}%" if language == "en" else f"{number}{NO_BREAK}%"


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), value  # a price or quantity is never NaN or infinite
    return max(0, -exponent)


def day(value: date, language: str, *, long: bool = False) -> str:
    """``12 Mar 2026``: the month in letters, so that nobody mistakes it for the day."""
    patterns = _DATE_PATTERNS_LONG if long else _DATE_PATTERNS
    text = format_date(value, format=patterns[language], locale=LOCALES[language])
    return text.replace(NARROW, NO_BREAK).replace(" ", NO_BREAK)


def period(first: date | None, last: date | None, language: str) -> str:
    """``1–31 Mar 2026``, ``1.–31. März 2026``; one date when both are the same or one is missing; empty without any."""
    days = [value for value in (first, last) if value is not None]
    if not days:
        return ""
    if days[0] == days[-1]:
        return day(days[0], language)
    text = format_interval(days[0], days[-1], skeleton="yMMMd", locale=LOCALES[language])
    return _SPACES.sub(NO_BREAK, text).replace(
        "–", f"–{WORD_JOINER}"
    )  # a line may break after a dash, a period may not


def country(code: str, language: str) -> str:
    """``DE`` as ``Germany``, ``Allemagne``; a code without a name stays as it is."""
    return str(Locale.parse(LOCALES[language]).territories.get(code, code))


def iban(text: str) -> str:
    """In groups of four, as banks print it."""
    compact = text.replace(" ", "")
    return NO_BREAK.join(compact[i : i + 4] for i in range(0, len(compact), 4))
