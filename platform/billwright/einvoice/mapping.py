"""The language in which the two tables say where a term of the model stands in a syntax. Read and written by the same line.

A path is an XPath below the group's element. Of its steps, writing understands: ``prefix:name``, a last ``@attribute`` or ``.``,
and predicates ``[path='text']`` or ``[path=$currency]``, joined by ``and``: what they ask for is written too, so that what was
written is found again. Predicates with ``not(...)``, ``!=`` or ``or`` only choose while reading. Steps with the same text
under the same element are one element. The order of lines does not matter: the writer puts elements in the schema's order.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Kind(Enum):
    """How text becomes a value and back."""

    TEXT = "text"
    LINES = "lines"  # several elements, one text of several lines
    NUMBER = "number"
    PRICE = "price"  # a number that UBL marks with the currency
    AMOUNT = "amount"
    MARKED_AMOUNT = "marked amount"  # names its currency in both syntaxes
    DATE = "date"
    PLAIN_DATE = "plain date"  # YYYYMMDD
    FILE = "file"
    IDENTIFIER = "identifier"


Only = Callable[[Any], bool]
"""Of values that stand in different places by what they are: whether this one stands here. Asked while writing."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One term.

    Of an IDENTIFIER, ``path`` leads to the element that repeats, ``inner`` from there to the value; ``scheme`` and ``version``
    stand at the value when they are attributes, else in the repeating element.
    """

    name: str
    path: str
    kind: Kind = Kind.TEXT
    many: bool = False
    inner: str = "."
    scheme: str = "@schemeID"
    version: str | None = None
    only: Only | None = None
    read_only: bool = False

    def beside(self, path: str) -> str:
        """``scheme`` or ``version`` below the repeating element."""
        return f"{self.inner}/{path}" if path.startswith("@") and self.inner != "." else path


@dataclass(frozen=True, slots=True)
class Group:
    """A group of terms, at each element of ``path`` when there may be many; ``.`` is the element of the group around it."""

    name: str
    path: str
    model: type[Any]
    terms: "tuple[Term, ...]"
    many: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """What the schema wants and the model does not have; written when ``beside`` has a value, always when that is None."""

    path: str
    text: str | None
    beside: str | None = None


Term = Leaf | Group | Constant


@dataclass(frozen=True, slots=True)
class Syntax:
    """One document type: where its terms stand. ``marks_amounts``: amounts carry the currency as an attribute."""

    root: str
    namespaces: dict[str, str]
    terms: tuple[Term, ...]
    marks_amounts: bool


def is_plain(identifier: Any) -> bool:
    """An identifier without a scheme."""
    return identifier.scheme is None


def is_schemed(identifier: Any) -> bool:
    """An identifier with a scheme."""
    return not is_plain(identifier)


_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9 ]{8,}")


def is_iban(account: Any) -> bool:
    """An account that looks like an IBAN; whether it is one is for the rules to say."""
    return _IBAN.match(account) is not None
